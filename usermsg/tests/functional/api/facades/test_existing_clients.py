# SPDX-License-Identifier: Apache-2.0
"""Tests of the facades with existing clients, as released on PyPI."""

import atexit
import datetime
import functools
import json
import re
import subprocess
import textwrap
import uuid

import yaml

from usermsg.tests import base
from usermsg.tests.fixtures import environments
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import keystone_case

_PAGE = base.ROOT.joinpath(
    'doc/source/user/existing-clients.rst')

#: Output format for programs.
_FORMAT = ('--format', 'json')

_SDK = '''
import json, sys
import openstack
from openstack import exceptions
volumes, shares = sys.argv[1:3], sys.argv[3:5]
def ids(messages):
    return [message.id for message in messages]
results = {}
for types in (('block-storage', 'shared-file-system'),
              ('volume', 'share')):
    cloud = openstack.connect(block_storage_service_type=types[0],
                              shared_file_system_service_type=types[1])
    results[types[0]] = [ids(cloud.block_storage.messages()),
                      ids(cloud.shared_file_system.user_messages())]
    results[types[1]] = [
        cloud.block_storage.get_endpoint().rpartition('/volume/')[2],
        cloud.shared_file_system.get_endpoint().rpartition('/share/')[2]]
cloud = openstack.connect()
block = cloud.block_storage
files = cloud.shared_file_system
results['version'] = [block.get_endpoint_data().max_microversion,
                   files.get_endpoint_data().max_microversion]
results['pages'] = [ids(block.messages(limit=2)),
                 ids(files.user_messages(limit=2))]
results['one'] = ids(block.messages(limit=1, paginated=False))
results['sorted'] = ids(block.messages(sort='created_at:asc'))
results['message'] = next(block.messages()).to_dict()
block.delete_message(volumes[0], ignore_missing=False)
try:
    block.delete_message(volumes[0], ignore_missing=False)
except exceptions.NotFoundException as error:
    results['second delete'] = str(error)
results['remaining'] = ids(block.messages())
results['filtered'] = ids(files.user_messages(message_level='ERROR',
                                           resource_id=shares[1]))
shown = files.get_user_message(shares[0])
results['shown'] = shown.user_message
files.delete_user_message(shares[0], ignore_missing=False)
try:
    files.get_user_message(shares[0])
except exceptions.NotFoundException as error:
    results['missing share'] = str(error)
print(json.dumps(results))
'''

_MANILACLIENT = '''
import json, sys
from keystoneauth1 import loading
from keystoneauth1 import session
from manilaclient import client
import openstack
cloud = openstack.connect()
shares = client.Client(
    '2.65', session=cloud.session, service_type='shared-file-system',
    region_name='RegionOne')
def ids(messages):
    return [message.id for message in messages]
results = {
    'all': ids(shares.messages.list()),
    'since': ids(shares.messages.list(
        search_opts={'created_since': sys.argv[2]})),
    'sorted': ids(shares.messages.list(
        sort_key='created_at', sort_dir='asc')),
    'shown': shares.messages.get(sys.argv[1]).user_message,
}
shares.messages.delete(sys.argv[1])
results['remaining'] = ids(shares.messages.list())
print(json.dumps(results))
'''

_TEMPEST = '''
import json, os, sys
from tempest.lib import auth, exceptions
from tempest.lib.services.volume import base_client
from tempest.lib.services.volume.v3 import messages_client
provider = auth.KeystoneV3AuthProvider(
    auth.KeystoneV3Credentials(
        username=os.environ['OS_USERNAME'],
        password=os.environ['OS_PASSWORD'], user_domain_id='default',
        project_name=os.environ['OS_PROJECT_NAME'],
        project_domain_id='default'), os.environ['OS_AUTH_URL'])
client = messages_client.MessagesClient(
    provider, service='block-storage', region='RegionOne')
base_client.VOLUME_MICROVERSION = '3.3'
results = {
    'listed': [message['id'] for message in
               client.list_messages()['messages']],
    'shown': [client.show_message(message)['message']['id']
              for message in sys.argv[1:]]}
client.delete_message(sys.argv[1])
results['deleted'] = client.is_resource_deleted(sys.argv[1])
print(json.dumps(results))
'''


@functools.cache
def _service():
    """Start usermsg; register its facades under all service types."""
    identity = keystone.shared()
    # Its port isn't known before it is started.
    service = keystone_case.Service(identity, {'trust_host_header': 'true'})
    atexit.register(service.stop)
    for service_type, name, path in (
            ('block-storage', 'cinder', 'volume/v3'),
            ('volume', 'cinder2', 'volume/v3/%(project_id)s'),
            ('volumev3', 'cinderv3', 'volume/v3/%(project_id)s'),
            ('shared-file-system', 'manila', 'share/v2'),
            ('share', 'manila2', 'share/v2/%(project_id)s')):
        identity.register(
            service_type, name, f'{service.server.url}/{path}')
    return service


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.environment = environments.get('clients')
        self.service = _service()
        self.identity = keystone.shared()
        self.project = uuid.uuid4().hex
        self.project_id = self.identity.project(self.project)
        self.identity.user(self.project, project=self.project,
                           roles=['member'])
        # Messages of another project never appear.
        http_client.record(self.service.runtime, 'other',
                           'VOLUME_VOLUME_001_003')
        http_client.record(self.service.runtime, 'other',
                           'SHARE_SHARE_001_003')

    def record(self, event_id='VOLUME_VOLUME_001_003', **values):
        return http_client.record(self.service.runtime, self.project_id,
                                  event_id, **values).id

    def run_as(self, user, project, *command):
        """Run a command as a user; return (exit status, stdout and stderr)."""
        return self.run_with(
            self.identity.cloud(user, project),
            self.environment.program(command[0]), *command[1:])

    def run_with(self, variables, *command):
        done = subprocess.run(
            command, env=self.environment.variables(
                LC_ALL='C.UTF-8', HOME=str(self.home),
                PYTHONWARNINGS='ignore', **variables),
            cwd=self.home, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        return done.returncode, done.stdout

    def run_ok(self, *command):
        status, output = self.run_as(self.project, self.project, *command)
        self.assertEqual(0, status, output)
        return output

    def openstack(self, *command):
        """Run an ``openstack`` command; return its parsed JSON output."""
        return json.loads(self.run_ok('openstack', *command, *_FORMAT))

    def python(self, program, *arguments):
        return json.loads(self.run_ok('python', '-c', program, *arguments))


class TestOpenStackClient(TestCase):

    def share_messages(self, *options):
        return [message['ID'] for message in self.openstack(
            'share', 'message', 'list', *options)]

    def test_openstack_volume_message_commands(self):
        resource = str(uuid.uuid4())
        request = f'req-{uuid.uuid4()}'
        self.record('SHARE_SHARE_001_003')
        older = self.record('VOLUME_000002')
        newer = self.record(resource_uuid=resource, request_id=request)
        listed = self.openstack('volume', 'message', 'list')
        self.assertEqual([newer, older],
                         [message['ID'] for message in listed])
        self.assertEqual(
            {'ID': newer, 'Event ID': 'VOLUME_VOLUME_001_003',
             'Resource Type': 'VOLUME', 'Resource UUID': resource,
             'Message Level': 'ERROR', 'Request ID': request,
             'User Message': 'schedule allocate volume:No storage system '
                             'can fulfill this request.',
             'Created At': listed[0]['Created At'],
             'Guaranteed Until': listed[0]['Guaranteed Until']}, listed[0])
        self.assertEqual([older], [
            message['ID'] for message in self.openstack(
                '--os-volume-api-version', '3.5', 'volume', 'message',
                'list', '--marker', newer, '--limit', '1')])
        self.run_ok('openstack', 'volume', 'message', 'delete', newer)
        status, output = self.run_as(
            self.project, self.project, 'openstack', 'volume', 'message',
            'delete', newer)
        self.assertEqual(1, status)
        self.assertIn(f'Failed to delete message: {newer}', output)

    def test_openstack_volume_message_list_of_a_project(self):
        expected = self.record()
        admin = f'{self.project}-admin'
        self.identity.user(admin, project=admin, roles=['admin'])
        status, output = self.run_as(
            admin, admin, 'openstack', 'volume', 'message', 'list',
            '--project', self.project, *_FORMAT)
        self.assertEqual(0, status, output)
        self.assertEqual([expected], [
            message['ID'] for message in json.loads(output)])

    def test_openstack_share_message_list_of_a_resource_as_admin(self):
        resource = str(uuid.uuid4())
        expected = self.record('SHARE_SHARE_001_003', resource_uuid=resource)
        admin = f'{self.project}-admin'
        self.identity.user(admin, project=admin, roles=['admin'])
        status, output = self.run_as(
            admin, admin, 'openstack', 'share', 'message', 'list',
            '--resource-id', resource, *_FORMAT)
        self.assertEqual(0, status, output)
        self.assertEqual([expected], [
            message['ID'] for message in json.loads(output)])

    def test_openstack_share_message_commands(self):
        resources = [str(uuid.uuid4()) for _number in range(3)]
        self.record()
        first, second, third = [
            self.record('SHARE_SHARE_001_003', resource_uuid=resource)
            for resource in resources]
        self.assertEqual([third], self.share_messages('--limit', '1'))
        shown = self.openstack('share', 'message', 'show', second)
        self.assertEqual(
            'allocate storage: A share network was given, but the storage '
            'system chosen for the share does not use share networks.',
            shown['user_message'])
        self.assertEqual(resources[1], shown['resource_id'])
        moment = shown['created_at']
        self.assertEqual([second], self.share_messages(
            '--since', moment, '--before', moment))
        self.assertEqual([second], self.share_messages(
            '--resource-id', resources[1], '--resource-type', 'share',
            '--action-id', '001', '--detail-id', '003', '--since', moment,
            '--message-level', 'ERROR'))
        self.run_ok('openstack', 'share', 'message', 'delete', first,
                    second)
        self.assertEqual([third], self.share_messages())


class TestCinderClient(TestCase):

    def cinder(self, *command):
        return self.run_ok('cinder', *command)

    def rows(self, output):
        """Return the first column of a table without its header."""
        return [line.split('|')[1].strip() for line in output.splitlines()
                if line.startswith('|')][1:]

    def test_cinder_message_commands(self):
        resource = str(uuid.uuid4())
        first = self.record('VOLUME_VOLUME_SNAPSHOT_009_013', level='INFO')
        second = self.record(resource_uuid=resource)
        third = self.record()
        # Without options the client sorts the messages by id.
        self.assertEqual([first, second, third],
                         self.rows(self.cinder('message-list')))
        listed = ('--os-volume-api-version', '3.5', 'message-list')
        self.assertEqual([second, third], self.rows(self.cinder(
            *listed, '--resource_type', 'volume', '--sort',
            'created_at:asc')))
        self.assertEqual([second], self.rows(self.cinder(
            *listed, '--resource_uuid', resource, '--level', 'error',
            '--marker', third, '--limit', '1')))
        self.assertIn(resource, self.cinder(
            '--os-volume-api-version', '3.3', 'message-show', second))
        self.cinder('message-delete', first, second)
        status, output = self.run_as(
            self.project, self.project, 'cinder', 'message-delete', first)
        self.assertEqual(1, status)
        self.assertIn(first, output)
        self.assertEqual([third], self.rows(self.cinder('message-list')))
        # The client uses the endpoint with the project from the catalogue.
        self.assertIn(f'GET /volume/v3/{self.project_id}/messages',
                      self.service.server.log())


class TestPython(TestCase):

    def test_openstacksdk_lists_shows_and_deletes(self):
        resources = [str(uuid.uuid4()) for _number in range(3)]
        volumes = [self.record(resource_uuid=resource)
                   for resource in resources]
        shares = [self.record('SHARE_SHARE_001_003', resource_uuid=resource)
                  for resource in resources]
        results = self.python(_SDK, volumes[0], resources[0], shares[0],
                              resources[1])
        newest = [volumes[::-1], shares[::-1]]
        self.assertEqual(newest, results['block-storage'])
        self.assertEqual(['v3', 'v2'], results['shared-file-system'])
        self.assertEqual(newest, results['volume'])
        self.assertEqual([f'v3/{self.project_id}', f'v2/{self.project_id}'],
                         results['share'])
        self.assertEqual(newest, results['pages'])
        self.assertEqual([[3, 71], [2, 99]], results['version'])
        self.assertEqual([volumes[2]], results['one'])
        self.assertEqual(volumes, results['sorted'])
        self.assertEqual('VOLUME_VOLUME_001_003',
                         results['message']['event_id'])
        self.assertEqual(resources[2], results['message']['resource_uuid'])
        self.assertIn(f'Message {volumes[0]} could not be found.',
                      results['second delete'])
        self.assertEqual(volumes[:0:-1], results['remaining'])
        self.assertEqual([shares[1]], results['filtered'])
        self.assertTrue(results['shown'].startswith('allocate storage: '))
        self.assertIn(f'Message {shares[0]} could not be found.',
                      results['missing share'])

    def test_manilaclient_lists_shows_and_deletes(self):
        messages = [self.record('SHARE_SHARE_001_003',
                                resource_uuid=str(uuid.uuid4()))
                    for _number in range(2)]
        since = datetime.datetime(2020, 1, 1).isoformat()
        results = self.python(_MANILACLIENT, messages[0], since)
        self.assertEqual(messages[::-1], results['all'])
        self.assertEqual(messages[::-1], results['since'])
        self.assertEqual(messages, results['sorted'])
        self.assertTrue(results['shown'].startswith('allocate storage: '))
        self.assertEqual([messages[1]], results['remaining'])

    def test_responses_match_the_schemas_of_tempest(self):
        messages = [
            self.record(resource_uuid=str(uuid.uuid4())),
            self.record('VOLUME_000002'),
            self.record('VOLUME_VOLUME_BACKUP_013_018', level='INFO')]
        results = self.python(_TEMPEST, *messages)
        self.assertEqual(messages[::-1], results['listed'])
        self.assertEqual(messages, results['shown'])
        self.assertTrue(results['deleted'])


class TestPage(TestCase):
    """Test of the examples on the page for users."""

    def blocks(self, language):
        text = _PAGE.read_text(encoding='utf-8')
        blocks = re.findall(
            rf'^\.\. code-block:: {language}\n\n((?:(?: +.*)?\n)+)', text,
            re.MULTILINE)
        self.assertNotEqual([], blocks)
        return [textwrap.dedent(block) for block in blocks]

    def test_every_command_of_the_page_succeeds(self):
        volume, share = str(uuid.uuid4()), str(uuid.uuid4())
        identity = self.identity.cloud(self.project, self.project)
        commands = [line.removeprefix('$ ') for block in
                    self.blocks('console') for line in block.splitlines()
                    if line.startswith('$ ')]
        self.assertEqual(15, len(commands))
        for command in commands:
            if command.startswith('openstack share'):
                message = self.record('SHARE_SHARE_001_003',
                                      resource_uuid=share)
            else:
                message = self.record(resource_uuid=volume)
            status, output = self.run_with(
                {**identity, 'VOLUME': volume, 'SHARE': share,
                 'MESSAGE': message, 'PROJECT': self.project},
                'sh', '-ec', command)
            self.assertEqual(0, status, f'{command}\n{output}')

    def test_program_of_the_page_shows_every_message(self):
        volume, share = str(uuid.uuid4()), str(uuid.uuid4())
        self.record(resource_uuid=volume)
        self.record('SHARE_SHARE_001_003', resource_uuid=share)
        [program] = self.blocks('python')
        lines = self.run_ok('python', '-c', program).splitlines()
        self.assertEqual([volume, share],
                         [line.split()[1] for line in lines])

    def test_settings_of_the_page_select_the_facades(self):
        volume = self.record()
        share = self.record('SHARE_SHARE_001_003')
        for command, message in (('volume', volume), ('share', share)):
            status, output = self.run_at(
                self.service.server.url, command, 'message', 'list', *_FORMAT)
            self.assertEqual(0, status, output)
            self.assertEqual([message], [
                shown['ID'] for shown in json.loads(output)])
            # With a wrong URL in the settings the command must fail: it
            # doesn't use the catalogue.
            status, output = self.run_at(
                f'{self.service.server.url}/nothing', command, 'message',
                'list')
            self.assertNotEqual(0, status, output)

    def run_at(self, url, *command):
        """Run ``openstack`` with a URL of usermsg in its settings."""
        [text] = self.blocks('yaml')
        settings = yaml.safe_load(text.replace(
            'https://cloud.example.org/user-message', url))
        variables = self.identity.cloud(self.project, self.project)
        settings['clouds']['mycloud'].update({
            'region_name': variables['OS_REGION_NAME'],
            'auth': {'auth_url': self.identity.url,
                     'username': self.project,
                     'password': variables['OS_PASSWORD'],
                     'project_name': self.project,
                     'user_domain_id': 'default',
                     'project_domain_id': 'default'}})
        self.write('clouds.yaml', yaml.safe_dump(settings))
        return self.run_with(
            {'OS_CLOUD': 'mycloud'},
            self.environment.program('openstack'), *command)
