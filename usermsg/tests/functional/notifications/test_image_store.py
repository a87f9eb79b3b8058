# SPDX-License-Identifier: Apache-2.0
"""Tests of the example image store, as a process with real files."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import uuid

import sqlalchemy as sa

from usermsg import context
from usermsg.db import models
from usermsg.message import api
from usermsg.tests import base

_EXAMPLE = base.ROOT / 'examples' / 'image_store.py'
_DATA = b'0123456789abcdef' * 10_000

_STORE_FULL = ('upload image data: The image store has no space left for the '
               'image data. (image ID)')


class ImageStoreTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.file = self.home / 'cirros.raw'
        self.file.write_bytes(_DATA)
        self.store = self.home / 'store'
        self.store.mkdir()

    def run_example(self, *arguments, limit=None, status=0):
        """Run the example; return the lines of its output.

        :param limit: maximum size of a file, in blocks of 512 bytes
        :param status: expected exit status
        """
        command = [sys.executable, str(_EXAMPLE), '--directory',
                   str(self.store), *map(str, arguments)]
        if limit is not None:
            command = ['sh', '-c', f'ulimit -f {limit}; exec "$@"', 'sh',
                       *command]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120,
            env={**os.environ, 'OS_USERMSG_CONFIG_FILES': ''})
        self.assertEqual(status, done.returncode, done.stderr)
        self.errors = done.stderr
        return done.stdout.splitlines()

    def parse(self, lines, image_id):
        """Return the notifications, without attributes that vary."""
        notifications = []
        for line in lines:
            self.assertIn(image_id, line)
            body = json.loads(line.replace(image_id, 'ID'))
            self.assertEqual('7', body.pop('message_id')[14])
            self.assertTrue(body.pop('timestamp') and
                            body.pop('publisher_id'))
            if isinstance(body['payload'], dict):
                for name in ('created_at', 'updated_at'):
                    body['payload'].pop(name, None)
            notifications.append(body)
        return notifications

    def put(self):
        *lines, image_id = self.run_example('put', self.file)
        return image_id, self.parse(lines, image_id)

    def metadata(self, **changes):
        return {
            'id': 'ID', 'name': 'cirros.raw', 'status': 'queued',
            'min_disk': 0, 'min_ram': 0, 'protected': False,
            'checksum': None, 'owner': 'demo', 'disk_format': 'raw',
            'container_format': 'bare', 'size': None, 'virtual_size': None,
            'is_public': False, 'visibility': 'private', 'properties': {},
            'tags': [], 'deleted': False, 'deleted_at': None, **changes}

    def event(self, name, payload, priority='INFO'):
        return {'event_type': f'image.{name}', 'priority': priority,
                'payload': payload}

    def download(self, bytes_sent, priority):
        return self.event('send', {
            'image_id': 'ID', 'owner_id': 'demo',
            'receiver_tenant_id': 'red', 'receiver_user_id': 'bob',
            'destination_ip': None, 'bytes_sent': bytes_sent}, priority)

    def test_lifecycle_of_an_image_sends_all_event_types(self):
        image_id, notifications = self.put()
        stored = {'size': len(_DATA), 'checksum': hashlib.md5(
            _DATA, usedforsecurity=False).hexdigest()}
        self.assertEqual([
            self.event('create', self.metadata()),
            self.event('prepare', self.metadata(status='saving')),
            self.event('upload', self.metadata(status='saving', **stored)),
            self.event('activate', self.metadata(status='active', **stored)),
        ], notifications)
        self.assertEqual(_DATA, (self.store / image_id).read_bytes())

        copy = self.home / 'copy'
        self.assertEqual([self.download(len(_DATA), 'INFO')], self.parse(
            self.run_example('--project', 'red', '--user', 'bob', 'get',
                             image_id, copy), image_id))
        self.assertEqual(_DATA, copy.read_bytes())

        self.assertEqual([self.event('update', self.metadata(
            status='active', name='cirros-2', **stored))], self.parse(
            self.run_example('update', image_id, 'cirros-2'), image_id))

        self.assertEqual([self.event('delete', 'ID')], self.parse(
            self.run_example('delete', image_id), image_id))
        self.assertEqual([], list(self.store.iterdir()))

    def test_put_on_a_full_disk_sends_an_error(self):
        lines = self.run_example('put', self.file, limit=16, status=1)
        self.assertEqual('There is no space left for the image.\n',
                         self.errors)
        [record] = self.store.iterdir()
        self.assertEqual([
            self.event('create', self.metadata()),
            self.event('prepare', self.metadata(status='saving')),
            self.event('upload', _STORE_FULL, 'ERROR'),
        ], self.parse(lines, record.stem))

    def test_early_disconnection_sends_an_error(self):
        image_id, _notifications = self.put()
        pipe = self.home / 'pipe'
        os.mkfifo(pipe)

        def read_part():
            with open(pipe, 'rb', buffering=0) as data:
                data.read(10)
        reader = threading.Thread(target=read_part, daemon=True)
        reader.start()
        lines = self.run_example('--project', 'red', '--user', 'bob', 'get',
                                 image_id, pipe, status=1)
        reader.join(60)
        self.assertEqual('[Errno 32] Broken pipe\n', self.errors)
        [sent] = self.parse(lines, image_id)
        bytes_sent = sent['payload']['bytes_sent']
        self.assertLess(bytes_sent, len(_DATA))
        self.assertEqual(self.download(bytes_sent, 'ERROR'), sent)

    def test_missing_image_is_reported(self):
        image_id = str(uuid.uuid4())
        for arguments in (('get', image_id, '/dev/null'),
                          ('delete', '../cirros.raw')):
            self.assertEqual([], self.run_example(*arguments, status=1))
            self.assertEqual(f'There is no image {arguments[1]}.\n',
                             self.errors)

    def test_config_file_enables_outbox_and_message_to_owner(self):
        runtime = self.runtime(
            notifications={'publisher_id': 'image.cloud1'},
            oslo_messaging_notifications={'driver': 'log'})
        config = ('--config-file', self.home / 'usermsg.conf', '--project',
                  'red')
        [image_id] = self.run_example(*config, 'put', self.file)
        self.file.write_bytes(_DATA * 100)
        self.assertEqual([], self.run_example(
            *config, 'put', self.file, limit=10_000, status=1))

        table = models.outbox
        with runtime.db.reader() as connection:
            rows = connection.execute(sa.select(
                table.c.event_type, table.c.priority, table.c.publisher_id,
                table.c.subject).where(table.c.event_type.like('image.%'))
                .order_by(table.c.id)).all()
        self.assertEqual([
            ('image.create', 'INFO'), ('image.prepare', 'INFO'),
            ('image.upload', 'INFO'), ('image.activate', 'INFO'),
            ('image.create', 'INFO'), ('image.prepare', 'INFO'),
            ('image.upload', 'ERROR')], [tuple(row[:2]) for row in rows])
        self.assertEqual({'image.cloud1'}, {row[2] for row in rows})
        self.assertEqual({image_id}, {row[3] for row in rows[:4]})
        [message] = api.API(runtime).get_all(
            context.RequestContext(project_id='red'))
        self.assertEqual(('IMAGE_IMAGE_003_002', rows[-1][3]),
                         (message.event_id, message.resource_uuid))
