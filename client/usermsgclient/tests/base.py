# SPDX-License-Identifier: Apache-2.0
"""Base classes of the tests: a fake cloud with responses set by the tests."""

import io
import types

import fixtures
import openstack
from osc_lib import exceptions
from requests_mock.contrib import fixture as requests_fixture
import testtools

from usermsgclient import service

SERVICE = 'http://user-message.example/v3'
IDENTITY = 'http://identity.example/v3'

PROJECT = '6c430ede9476412888388d3929ced223'
VOLUME = 'f292cc0c-54a7-4b3b-8174-d2ff82d87008'

REQUEST_ID = 'req-f9ecd628-aff4-4a96-b25d-52651265dfc1'

_VERSION = {'status': 'CURRENT', 'updated': '2026-01-01T00:00:00+00:00'}


def message(number=1, **values):
    """Build a message as the service returns it."""
    ident = f'01a20023-4e6b-74b8-8e8c-{number:012x}'
    return {
        'id': ident,
        'project_id': PROJECT,
        'event_id': 'VOLUME_000002',
        'user_message': 'No storage could be allocated.',
        'remedy': 'Ask for a smaller volume.',
        'user_fixable': True,
        'retryable': True,
        'link': None,
        'message_level': 'ERROR',
        'resource_type': 'VOLUME',
        'resource_uuid': VOLUME,
        'created_at': '2026-11-21T22:04:03.563295+00:00',
        'guaranteed_until': '2026-12-21T22:04:03.563295+00:00',
        'request_id': 'req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70',
        'links': [{'rel': 'self', 'href': f'{SERVICE}/messages/{ident}'}],
        **values}


def definition(**values):
    """Build a defined message as the service returns it."""
    return {
        'id': 'VOLUME_000002',
        'prefix': 'VOLUME',
        'resource_type': None,
        'action_id': None,
        'detail_id': None,
        'text': 'No storage could be allocated.',
        'remedy': 'Ask for a smaller volume.',
        'user_fixable': True,
        'retryable': True,
        'link': None,
        'links': [],
        **values}


def error_response(status, detail):
    """Build the parameters of requests-mock for an error of the service."""
    return {
        'status_code': status,
        'headers': {'X-OpenStack-Request-Id': REQUEST_ID,
                    'Content-Type': 'application/json'},
        'json': {'errors': [{'request_id': REQUEST_ID, 'status': status,
                             'code': 'user-message.some', 'title': 'Some',
                             'detail': detail, 'links': []}],
                 'error': {'code': status, 'title': 'Some',
                           'message': detail}}}


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        # Warnings that usermsgclient itself causes, such as deprecations,
        # are errors.
        self.useFixture(fixtures.WarningsFilter([
            {'action': 'error', 'module': r'usermsgclient\b'}]))
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_USER_MESSAGE_LANGUAGE'))
        self.log = self.useFixture(fixtures.FakeLogger('usermsgclient'))
        self.cloud = self.useFixture(requests_fixture.Fixture())
        self._discovery(SERVICE, id='v3.0', version='3.0', min_version='3.0')
        self._discovery(IDENTITY, id='v3.14')

    def _discovery(self, url, **values):
        self.cloud.get(f'{url}/', json={'version': {
            **_VERSION, **values,
            'links': [{'rel': 'self', 'href': f'{url}/'}]}})
        self.cloud.get(url, json={'version': {
            **_VERSION, **values,
            'links': [{'rel': 'self', 'href': f'{url}/'}]}})

    def connection(self):
        connection = openstack.connect(
            load_yaml_config=False, load_envvars=False, auth_type='none',
            auth={'endpoint': f'{SERVICE}/'},
            identity_endpoint_override=f'{IDENTITY}/',
            identity_api_version='3',
            user_message_endpoint_override=f'{SERVICE}/')
        self.addCleanup(connection.close)
        connection.add_service(service.UserMessageService())
        return connection

    def sent_requests(self):
        """Return (method, path and query) of each request except discovery."""
        return [(request.method, request.url.removeprefix(SERVICE))
                for request in self.cloud.request_history
                if request.url.startswith(SERVICE) and
                request.path != '/v3/']


class CommandTestCase(TestCase):

    def setUp(self):
        super().setUp()
        connection = self.connection()
        #: The names of the token match no other project or user.
        self.manager = types.SimpleNamespace(
            sdk_connection=connection, user_message=connection.user_message,
            auth_ref=types.SimpleNamespace(
                project_id='current', project_name='current',
                user_id='current', username='current'))

    def run_command(self, command, *arguments, encoding='utf-8'):
        """Run a command; return its standard output.

        :param encoding: of the standard output
        """
        output = io.BytesIO()
        app = types.SimpleNamespace(
            client_manager=self.manager,
            stdout=io.TextIOWrapper(output, encoding, write_through=True),
            command_manager=types.SimpleNamespace(namespace='openstack.cli'))
        command = command(app, None)
        command.run(command.get_parser('openstack').parse_args(arguments))
        return output.getvalue().decode(encoding)

    def run_failing(self, command, *arguments):
        """Run a command that fails; return the error text."""
        return str(self.assertRaises(
            exceptions.CommandError, self.run_command, command, *arguments))

    def run_misused(self, command, *arguments):
        """Run a command with invalid arguments; return its error output."""
        errors = self.useFixture(fixtures.StringStream('stderr')).stream
        with fixtures.MonkeyPatch('sys.stderr', errors):
            error = self.assertRaises(
                SystemExit, self.run_command, command, *arguments)
        self.assertEqual(2, error.code)
        errors.seek(0)
        return ' '.join(errors.read().split())
