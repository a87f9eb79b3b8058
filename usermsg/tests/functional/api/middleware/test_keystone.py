# SPDX-License-Identifier: Apache-2.0
"""Authentication with keystonemiddleware's fixture instead of a Keystone."""

import datetime

from keystoneauth1 import fixture as tokens
from keystonemiddleware import fixture as keystone_fixture

from usermsg.api import app
from usermsg import exception
from usermsg.tests import base
from usermsg.tests.fixtures import http_client


class TestTokens(base.TestCase):

    def setUp(self):
        super().setUp()
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        for project in ('red', 'blue'):
            self.keystone.add_token_data(
                project, user_id='alice', project_id=project,
                role_list=['member', 'reader'])
        runtime = self.runtime(**http_client.KEYSTONE)
        self.red = http_client.record(runtime, 'red')
        self.blue = http_client.record(runtime, 'blue')
        self.app = app.make_app(runtime)

    def request(self, address='/v3/messages', token=None, method='GET',
                **headers):
        headers = {name.replace('_', '-'): value
                   for name, value in headers.items()}
        if token is not None:
            headers['X-Auth-Token'] = token
        return http_client.request(self.app, address, method, headers)

    def list_ids(self, **request):
        response = self.request(**request)
        self.assertEqual(200, response.status_int)
        return [message['id'] for message in response.json['messages']]

    def assert_unauthorized(self, response):
        self.assertEqual(401, response.status_int)
        self.assertEqual('application/json', response.content_type)
        self.assertEqual('user-message.unauthorized',
                         response.json['errors'][0]['code'])
        self.assertEqual(['Keystone uri="http://keystone.invalid/"'],
                         response.headers.getall('WWW-Authenticate'))
        self.assertEqual('user-message 3.0',
                         response.headers['OpenStack-API-Version'])
        self.assertEqual(response.headers['X-OpenStack-Request-Id'],
                         response.json['errors'][0]['request_id'])

    def test_read_without_a_token_returns_401(self):
        self.assert_unauthorized(self.request())
        self.assert_unauthorized(self.request(f'/v3/messages/{self.red.id}'))
        self.assert_unauthorized(self.request('/v3/red/messages'))

    def test_delete_without_a_token_returns_401(self):
        self.assert_unauthorized(
            self.request(f'/v3/messages/{self.red.id}', method='DELETE'))
        self.assertEqual([self.red.id], self.list_ids(token='red'))

    def test_read_with_a_malformed_token_returns_401(self):
        for token in ('invalid', '', ' ', 'x' * 10_000):
            self.assert_unauthorized(self.request(token=token))

    def test_read_with_a_service_token_only_returns_401(self):
        self.assert_unauthorized(self.request(X_Service_Token='red'))

    def test_discovery_without_a_token_returns_200(self):
        for address in ('/', '/v3', '/v3/'):
            self.assertEqual(200, self.request(address).status_int)

    def test_discovery_with_an_invalid_token_returns_200(self):
        for address in ('/', '/v3', '/v3/'):
            response = self.request(address, token='invalid')
            self.assertEqual(200, response.status_int)

    def test_unknown_path_without_a_token_returns_404(self):
        self.assertEqual(404, self.request('/nothing').status_int)

    def test_list_returns_messages_of_the_project_in_the_token(self):
        self.assertEqual([self.red.id], self.list_ids(token='red'))
        self.assertEqual([self.blue.id], self.list_ids(token='blue'))

    def test_read_in_another_project_returns_404(self):
        for address in (f'/v3/messages/{self.red.id}', '/v3/red/messages',
                        f'/v3/red/messages/{self.red.id}',
                        f'/v3/blue/messages/{self.red.id}'):
            response = self.request(address, token='blue')
            self.assertEqual(404, response.status_int, address)

    def test_identity_headers_without_a_token_return_401(self):
        self.assert_unauthorized(self.request(
            X_Identity_Status='Confirmed', X_Project_Id='red',
            X_User_Id='alice', X_Roles='admin'))

    def test_identity_headers_do_not_change_the_project(self):
        for header in ('X_Project_Id', 'X_Tenant_Id', 'X_Tenant',
                       'X_Project', 'X_Service_Project_Id'):
            self.assertEqual(
                [self.blue.id],
                self.list_ids(token='blue', **{header: 'red'}), header)

    def test_identity_headers_do_not_add_a_role(self):
        for header in ('X_Roles', 'X_Role', 'X_Service_Roles'):
            response = self.request(
                '/v3/messages?all_projects=true', token='blue',
                **{header: 'admin', 'X_Is_Admin': 'True',
                   'X_Is_Admin_Project': 'True'})
            self.assertEqual(403, response.status_int, header)

    def test_identity_headers_with_an_invalid_token_return_401(self):
        self.assert_unauthorized(self.request(
            token='invalid', X_Identity_Status='Confirmed',
            X_Project_Id='red', X_Roles='admin'))

    def test_identity_headers_do_not_change_the_scope(self):
        response = self.request(
            '/v3/messages?all_projects=true', token='blue',
            OpenStack_System_Scope='all', X_Domain_Id='default')
        self.assertEqual(403, response.status_int)

    def test_expired_token_returns_401(self):
        past = (datetime.datetime.now(datetime.timezone.utc) -
                datetime.timedelta(seconds=1))
        self.keystone.add_token_data(
            'old', expires=past, user_id='alice', project_id='red',
            role_list=['reader'])
        self.assert_unauthorized(self.request(token='old'))

    def test_list_with_all_projects_as_admin_returns_all_messages(self):
        self.keystone.add_token_data(
            'admin', user_id='root', project_id='ops',
            role_list=['admin', 'member', 'reader'])
        self.assertEqual([], self.list_ids(token='admin'))
        self.assertEqual(
            [self.blue.id, self.red.id],
            self.list_ids(token='admin',
                          address='/v3/messages?all_projects=true'))

    def test_unscoped_token_returns_403(self):
        token = tokens.V3Token(user_id='alice')
        token.add_role(name='reader')
        self.keystone.add_token(token, 'unscoped')
        self.assertEqual(403, self.request(token='unscoped').status_int)

    def test_unscoped_token_cannot_read_a_project_named_none(self):
        for name, scope in (('unscoped', {}),
                            ('domain', {'domain_id': 'default'})):
            token = tokens.V3Token(user_id='alice', **scope)
            token.add_role(name='reader')
            self.keystone.add_token(token, name)
            response = self.request('/v3/None/messages', token=name)
            self.assertEqual(403, response.status_int)


ACCOUNT = http_client.KEYSTONE['keystone_authtoken']


class TestKeystoneOptions(base.TestCase):

    def start_error(self, **options):
        runtime = self.runtime(
            api={'auth_strategy': 'keystone'}, keystone_authtoken=options)
        return str(self.assertRaises(
            exception.ConfigurationError, app.make_app, runtime))

    def test_missing_auth_type_is_a_configuration_error(self):
        self.assertIn('[keystone_authtoken] auth_type', self.start_error())

    def test_unknown_auth_type_is_a_configuration_error(self):
        self.assertIn('no-plugin', self.start_error(auth_type='no-plugin'))

    def test_missing_auth_url_is_a_configuration_error(self):
        self.assertIn('auth_url', self.start_error(auth_type='password'))

    def test_missing_password_is_a_configuration_error(self):
        options = {**ACCOUNT}
        del options['password']
        self.assertEqual('[keystone_authtoken] password is not set.',
                         self.start_error(**options))

    def test_invalid_url_is_a_configuration_error(self):
        for name in ('auth_url', 'www_authenticate_uri'):
            for address in ('htp:/keystone', 'keystone:5000', 'https://'):
                self.assertEqual(
                    f'[keystone_authtoken] {name} is not the URL of a '
                    f'Keystone service: it must begin with http:// or '
                    f'https://, followed by a host.',
                    self.start_error(**{**ACCOUNT, name: address}))

    def test_auth_section_is_supported(self):
        for section, error in (
                (ACCOUNT, None),
                ({}, '[account] auth_type is not set'),
                ({**ACCOUNT, 'auth_url': 'nowhere'}, '[account] auth_url is'),
                ({'auth_type': 'password', 'auth_url': ACCOUNT['auth_url']},
                 '[account] password is')):
            runtime = self.runtime(
                api={'auth_strategy': 'keystone'}, account=section,
                keystone_authtoken={'auth_section': 'account'})
            if error is None:
                app.make_app(runtime)
            else:
                self.assertIn(error, str(self.assertRaises(
                    exception.ConfigurationError, app.make_app, runtime)))

    def test_unreadable_certificate_is_a_configuration_error(self):
        path = str(self.home / 'nowhere.pem')
        for name in ('cafile', 'certfile', 'keyfile'):
            self.assertEqual(
                f'[keystone_authtoken] {name} cannot be read: {path}',
                self.start_error(**{**ACCOUNT, name: path}))

    def test_timeout_and_retries_of_keystone_are_options(self):
        for options, expected in (({}, (3, 1)), ({
                'http_connect_timeout': 9,
                'http_request_max_retries': 2}, (9, 2))):
            runtime = self.runtime(
                api={'auth_strategy': 'keystone'}, keystone_authtoken={
                    **http_client.KEYSTONE['keystone_authtoken'], **options})
            app.make_app(runtime)
            options = runtime.conf.keystone_authtoken
            self.assertEqual(expected, (options.http_connect_timeout,
                                        options.http_request_max_retries))

    def test_malformed_number_is_reported_with_its_file(self):
        error = self.start_error(token_cache_time='long')
        self.assertIn('token_cache_time', error)
        self.assertIn(str(self.home / 'usermsg.conf'), error)
