# SPDX-License-Identifier: Apache-2.0
"""Validation and caching of tokens, with a real Keystone."""

import logging
import socket
import time
import uuid

import fixtures

from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import keystone_case
from usermsg.tests.fixtures import short_tokens


class TestTokens(keystone_case.TestCase):

    def test_list_returns_messages_of_the_project_in_the_token(self):
        application = self.application()
        token = self.token()
        message = http_client.record(
            self.service, self.identity.project('red'))
        http_client.record(self.service,
                           self.identity.project('blue'))
        for _ in range(2):
            response = self.request(application, token)
            self.assertEqual(200, response.status_int)
            self.assertEqual([message.id], [
                entry['id'] for entry in response.json['messages']])

    def test_malformed_token_returns_401(self):
        application = self.application()
        token = self.token()
        other = 'B' if token[40] == 'A' else 'A'
        for wrong in (None, '', ' ', 'invalid', 'x' * 3000, 'x' * 10_000,
                      '\xe4', 'a b', '\t', token[:-1], token[1:],
                      token + 'A', token[:40] + other + token[41:],
                      f'{token},{token}', uuid.uuid4().hex, '../users'):
            self.assert_unauthorized(self.request(application, wrong))

    def test_identity_headers_do_not_change_the_token(self):
        application = self.application()
        token = self.token(roles=['reader'])
        message = http_client.record(
            self.service, self.identity.project('blue'))
        blue = self.identity.project('blue')
        forged = {'X-Project-Id': blue, 'X-Tenant-Id': blue,
                  'X-Roles': 'admin', 'X-Role': 'admin',
                  'X-Service-Roles': 'service', 'X-Domain-Id': 'default',
                  'OpenStack-System-Scope': 'all',
                  'X-Identity-Status': 'Confirmed',
                  'X-Service-Identity-Status': 'Confirmed'}
        # The first request validates the token, the second uses the cache.
        for _ in range(2):
            response = self.request(application, token, **forged)
            self.assertEqual([], response.json['messages'])
            response = self.request(application, token,
                                    f'/v3/messages/{message.id}', **forged)
            self.assertEqual(404, response.status_int)
            response = self.request(application, token,
                                    f'/v3/messages/{message.id}', 'DELETE',
                                    **forged)
            self.assertEqual(403, response.status_int)

    def test_revoked_token_returns_401(self):
        application = self.application()
        token = self.token()
        self.identity.revoke(token)
        self.assert_unauthorized(self.request(application, token))

    def test_revoked_token_without_a_cache_returns_401_at_once(self):
        application = self.application(token_cache_time=-1)
        token = self.token()
        self.assertEqual(200, self.request(application, token).status_int)
        self.identity.revoke(token)
        self.assert_unauthorized(self.request(application, token))

    def test_revoked_token_is_accepted_until_its_cache_entry_expires(self):
        application = self.application(token_cache_time=2)
        token = self.token()
        self.assertEqual(200, self.request(application, token).status_int)
        self.identity.revoke(token)
        end = time.monotonic() + 60
        while self.request(application, token).status_int == 200:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        self.assert_unauthorized(self.request(application, token))

    def test_tokens_and_passwords_are_not_logged(self):
        application = self.application()
        token, other = self.token(), self.token()
        service = self.token('services', ['service'])
        self.identity.revoke(other)
        password = self.identity.authtoken()['password']
        # Not before, because the test creates users with passwords.
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        for _ in range(2):
            self.request(application, token)
            self.request(application, other)
            self.request(application, token, service_token=service)
        self.assertIn('/v3/auth/tokens', log.output)
        for secret in (token, other, service, password):
            self.assertNotIn(secret, log.output)

    def test_token_of_a_disabled_project_returns_401(self):
        application = self.application()
        token = self.token('disabled')
        self.identity.disable_project('disabled')
        self.assert_unauthorized(self.request(application, token))

    def test_token_of_a_deleted_project_returns_401(self):
        application = self.application()
        token = self.token('deleted')
        self.identity.delete_project('deleted')
        self.assert_unauthorized(self.request(application, token))

    def test_application_credential_has_only_its_roles(self):
        application = self.application()
        credential = self.identity.application_credential(
            self.user(), 'red', ['reader'])
        token = self.identity.credential_token(*credential)
        message = http_client.record(
            self.service, self.identity.project('red'))
        for _ in range(2):
            self.assertEqual(200, self.request(application, token).status_int)
            self.assertEqual(403, self.request(
                application, token, f'/v3/messages/{message.id}',
                'DELETE').status_int)

    def test_access_rules_apply_to_each_request(self):
        application = self.application()
        credential = self.identity.application_credential(
            self.user(), 'red', ['member'],
            [{'service': 'user-message', 'method': 'GET',
              'path': '/v3/messages'}])
        token = self.identity.credential_token(*credential)
        for _ in range(2):
            self.assertEqual(200, self.request(application, token).status_int)
            self.assert_unauthorized(self.request(
                application, token, '/v3/defined-messages'))
            self.assert_unauthorized(self.request(
                application, token, '/v3/messages', 'POST'))

    def test_access_rules_of_facades_name_usermsg(self):
        application = self.application()
        for rule, status in (
                ({'service': 'user-message',
                  'path': '/volume/v3/messages'}, 200),
                ({'service': 'block-storage', 'path': '/v3/messages'}, 401)):
            credential = self.identity.application_credential(
                self.user(), 'red', ['member'], [{'method': 'GET', **rule}])
            self.assertEqual(status, self.request(
                application, self.identity.credential_token(*credential),
                '/volume/v3/messages').status_int)


class TestServiceTokens(keystone_case.TestCase):

    def setUp(self):
        super().setUp()
        self.app = self.application()

    def test_valid_service_token_is_accepted(self):
        user = self.token()
        service = self.token('services', ['service'])
        for _ in range(2):
            response = self.request(self.app, user, service_token=service)
            self.assertEqual(200, response.status_int)

    def test_invalid_service_token_returns_401(self):
        user = self.token()
        self.assertEqual(200, self.request(self.app, user).status_int)
        for wrong in (self.token('services', ['member']), 'invalid', user):
            for _ in range(2):
                self.assert_unauthorized(
                    self.request(self.app, user, service_token=wrong))

    def test_service_token_does_not_change_the_scope(self):
        self.identity.user('scopes', system=True, roles=['admin'])
        self.identity.user('scopes', project='red', roles=['admin'])
        system = self.identity.token('scopes', system=True)
        service = self.token('services', ['service'])
        response = self.request(self.app, system, service_token=service,
                                address='/v3/messages?all_projects=true')
        self.assertEqual(403, response.status_int)
        self.identity.user('service', system=True, roles=['service'])
        response = self.request(
            self.app, self.identity.token('scopes', project='red'),
            service_token=self.identity.token('service', system=True))
        self.assertEqual(200, response.status_int)

    def test_service_token_without_a_user_token_returns_401(self):
        service = self.token('services', ['service'])
        self.assert_unauthorized(self.request(self.app, service_token=service))

    def test_service_token_with_an_invalid_token_returns_401(self):
        service = self.token('services', ['service'])
        self.assert_unauthorized(
            self.request(self.app, 'invalid', service_token=service))


class TestExpiry(keystone_case.TestCase):

    def setUp(self):
        self.identity = short_tokens.short()
        super().setUp()

    def wait_for_rejection(self, *request, **more):
        """Repeat a request until it fails; return its response."""
        end = time.monotonic() + 60
        while True:
            response = self.request(*request, **more)
            if response.status_int != 200:
                return response
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def test_token_is_rejected_after_its_expiry(self):
        application = self.application()
        user = self.user()
        first, second = (self.identity.token(user, 'red')
                         for _ in range(2))
        self.assert_unauthorized(self.wait_for_rejection(application, first))
        # A token that was never validated before its expiry.
        self.assert_unauthorized(self.wait_for_rejection(application, second))

    def test_expired_token_is_accepted_with_a_service_token_only(self):
        application = self.application()
        token = self.token()
        service = self.user('services', ['service'])
        other = self.user('services', ['member'])
        self.assert_unauthorized(self.wait_for_rejection(application, token))

        def request_with_service(name):
            return self.request(
                application, token, service_token=self.identity.token(
                    name, 'services'))

        # The token of the service may expire meanwhile.
        end = time.monotonic() + 60
        while request_with_service(service).status_int != 200:
            self.assertLess(time.monotonic(), end)
        self.assert_unauthorized(request_with_service(other))
        # The earlier success has no effect on a request without service.
        self.assert_unauthorized(self.request(application, token))


class TestMemcached(keystone_case.TestCase):

    def setUp(self):
        super().setUp()
        self.server = socket.create_server(('127.0.0.1', 0))
        self.server.setblocking(False)
        self.addCleanup(self.server.close)

    def test_memcached_options_are_ignored_with_one_warning(self):
        address = f'127.0.0.1:{self.server.getsockname()[1]}'
        for options in (
                {'memcached_servers': address},
                {'memcache_servers': address},
                {'memcached_servers': address,
                 'memcache_use_advanced_pool': False},
                {'memcached_servers': address,
                 'memcache_security_strategy': 'ENCRYPT',
                 'memcache_secret_key': uuid.uuid4().hex}):
            log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
            application = self.application(**options)
            token = self.token()
            for _ in range(2):
                self.assertEqual(
                    200, self.request(application, token).status_int)
            self.assertRaises(BlockingIOError, self.server.accept)
            self.assertEqual(1, log.output.count(
                '[keystone_authtoken] memcached_servers is ignored'))

    def test_cache_option_is_ignored_with_a_warning(self):
        log = self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        self.application(cache='swift.cache')
        self.assertIn('[keystone_authtoken] cache is ignored', log.output)
