# SPDX-License-Identifier: Apache-2.0
"""Comparison of the pages about notifications with real notifications."""

import datetime
import importlib.resources
import json
import re
import textwrap

import fixtures
import jsonschema
import sqlalchemy as sa

from usermsg import config
from usermsg import context
from usermsg.db import models
from usermsg.notifications import image
from usermsg.notifications import notification
from usermsg.objects import message
from usermsg.outbox import body as notification_body
from usermsg.outbox import event_types
from usermsg.tests import base

_PAGES = base.ROOT / 'doc' / 'source'
_USERS = _PAGES / 'developer' / 'consuming-notifications.rst'
_DEVELOPERS = _PAGES / 'developer' / 'image-notifications.rst'

IMAGE = 'a281631a-a6aa-4b8e-9ecf-21e7940c5cdd'
PROJECT = '81617689350b460aa78c857f82de9d11'
MEMBER = '6c430ede9476412888388d3929ced223'
USER = 'af57084ab0054d0b85924b8e09547108'
CREATED = '2026-11-21T20:08:58Z'


class StorageFull(Exception):
    """Exception class that the catalogue maps to a detail."""


class Sink:
    def __init__(self):
        self.bodies = []

    def send(self, sent):
        self.bodies.append(sent.body())


def blocks(page, language):
    """Return the code blocks of one language in a page."""
    matches = re.findall(
        rf'^\.\. code-block:: {language}\n\n((?:(?: +.*)?\n)+)',
        page.read_text(encoding='utf-8'), re.M)
    return [textwrap.dedent(block) for block in matches]


class UsersPageTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.catalogue = self.runtime(tables=False).catalogue

    def samples(self):
        """Return the expected samples, in the order of the page."""
        sink = Sink()
        notifier = image.ImageNotifier(
            sink, self.catalogue, properties=['os_distro'])
        metadata = {
            'id': IMAGE, 'name': 'cirros', 'status': 'active',
            'created_at': CREATED, 'updated_at': '2026-11-21T20:09:01Z',
            'checksum': '79e89d497098889a5bb7b7c427334e5d', 'owner': PROJECT,
            'disk_format': 'raw', 'container_format': 'bare', 'size': 65536,
            'virtual_size': 65536, 'visibility': 'shared',
            'properties': {'os_distro': 'cirros'}, 'tags': ['small']}
        notifier.activate(metadata)
        notifier.failed(image.UPLOAD, IMAGE, exception=StorageFull())
        with notifier.download(
                metadata, context.RequestContext(
                    project_id=PROJECT, user_id=USER),
                '192.0.2.7') as download:
            download.add(32768)
        notifier.member_updated({
            'image_id': IMAGE, 'member_id': MEMBER, 'status': 'accepted',
            'created_at': '2026-11-21T20:10:00Z',
            'updated_at': '2026-11-21T20:11:30Z'})
        created = message.Message.from_row((
            '01a20023-4e6b-74b8-8e8c-e1c6aa724b8f', 'IMAGE', PROJECT, USER,
            'req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70', 'IMAGE', IMAGE,
            'IMAGE_IMAGE_003_002', '003', '002', 'ERROR',
            datetime.datetime(2026, 11, 21, 22, 4, 3, 563295),
            datetime.datetime(2026, 12, 21, 22, 4, 3, 563295)))
        deletion = notification.Notification(
            image.DELETE, IMAGE, IMAGE, publisher_id='image.cloud1',
            timestamp=datetime.datetime(2026, 11, 21, 20, 9, 19, 482038,
                                        tzinfo=datetime.timezone.utc),
            message_id='01a1ffba-437a-709b-b05c-5cc868f0c816')
        return [deletion.body(),
                *(body['payload'] for body in sink.bodies),
                notification_body.build_message_payload(
                    event_types.MESSAGE_CREATE, created, self.catalogue)]

    def test_samples_equal_sent_notifications(self):
        samples = [json.loads(block) for block in blocks(_USERS, 'json')]
        self.assertEqual(self.samples(), samples)

    def test_samples_have_the_key_order_of_notifications(self):
        for sample, block in zip(self.samples(), blocks(_USERS, 'json')):
            # Also the order of the keys.
            self.assertEqual(json.dumps(sample, indent=2), block.strip())

    def test_schemas_equal_those_of_the_package(self):
        schemas = importlib.resources.files('usermsg.notifications').joinpath(
            'schemas')
        page = _USERS.read_text(encoding='utf-8')
        linked = re.findall(r':download:`(.*) <(.*)>`', page)
        self.assertEqual({path.name for path in schemas.iterdir()},
                         {f'{name}.json' for name, _path in linked})
        for name, path in linked:
            self.assertEqual(
                schemas.joinpath(f'{name}.json').read_bytes(),
                (_USERS.parent / path).resolve().read_bytes())
            self.assertRegex(page, rf'\n``{name}``  ')

    def test_code_blocks_of_the_page_run(self):
        take, load = blocks(_USERS, 'python')
        names = {}
        exec(load, names)
        jsonschema.Draft202012Validator.check_schema(names['schema'])
        self.assertEqual('image.create', names['schema']['title'])

        handled = []
        names = {'handle': handled.append}
        exec(take, names)
        late = [
            {'payload': {'usermsg_object.data': {
                'id': ident, 'sequence': int(sequence)}}}
            for ident, sequence in ('a1', 'a1', 'b1', 'a2', 'a1', 'a2', 'b2')]
        for body in late:
            names['take'](body)
        self.assertEqual([late[0], late[2], late[3], late[6]], handled)


class DevelopersPageTest(base.TestCase):

    def test_code_blocks_of_the_page_run(self):
        configured = self.runtime(
            notifications={'image_properties': 'os_distro'},
            oslo_messaging_notifications={'driver': 'log'})
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE, str(self.home / 'usermsg.conf')))
        names = {
            'context': context.RequestContext(project_id=PROJECT,
                                              user_id=USER),
            'data': b'abcdef', 'blocks': lambda metadata: [b'abc', b'def'],
            'store': lambda data: (len(data), '79e89d497098889a')}
        for block in blocks(_DEVELOPERS, 'python'):
            exec(block, names)
        self.addCleanup(names['runtime'].db.dispose)
        for _block in names['body']({**names['metadata'], 'size': 6},
                                    names['context'], '192.0.2.7'):
            pass

        table = models.outbox
        with configured.db.reader() as connection:
            rows = connection.execute(sa.select(
                table.c.event_type, table.c.priority, table.c.subject,
                table.c.content).order_by(table.c.id)).all()
        self.assertEqual([
            ('image.create', 'INFO', IMAGE),
            ('image.member.create', 'INFO', IMAGE),
            ('image.prepare', 'INFO', IMAGE), ('image.upload', 'INFO', IMAGE),
            ('image.activate', 'INFO', IMAGE),
            ('image.delete', 'ERROR', IMAGE), ('image.send', 'INFO', IMAGE)],
            [tuple(row[:3]) for row in rows])
        self.assertEqual({'os_distro': 'cirros'},
                         json.loads(rows[0].content)['properties'])
        self.assertEqual(('active', 6), tuple(
            json.loads(rows[4].content)[name] for name in ('status', 'size')))
        self.assertIn('in use', rows[5].content)
