# SPDX-License-Identifier: Apache-2.0
import sys

import fixtures
from keystoneauth1 import fixture as tokens
from keystonemiddleware import auth_token

from usermsg.api.middleware import identity
from usermsg.api.middleware import keystone
from usermsg.tests import base
from usermsg.tests.fixtures import verifier


def token_data(**values):
    """Return Keystone's data of a valid token."""
    token = tokens.V3Token(user_id='u', project_id='p', **values)
    token.add_role(name='reader')
    return {'token': token['token']}


class Echo:
    """WSGI application that keeps the environment of its last request."""

    def __call__(self, environ, start_response):
        self.environ = dict(environ)
        start_response('200 OK', [])
        return [b'']


class TestIdentityHeaders(base.TestCase):

    def setUp(self):
        super().setUp()
        self.echo = Echo()
        self.app = keystone.protect(self.echo, self.runtime(
            keystone_authtoken={'auth_type': 'none', 'endpoint': 'http://k'}
        ).conf)

    def accept(self, token, data):
        """Let Keystone accept the next token."""
        self.app._identity_server = verifier.Verifier(
            {'token': data['token']})

    def identity_headers(self, environ=None, **headers):
        """Return the headers that the application receives."""
        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/', **{
            f'HTTP_{name}': value for name, value in headers.items()},
            **(environ or {})}
        self.app(environ, lambda *args: None)
        return {name: value for name, value in self.echo.environ.items()
                if name.startswith('HTTP_')}

    def token(self, **values):
        token = tokens.V3Token(user_id='u', project_id='p', **values)
        token.add_role(name='reader')
        return token

    def test_cached_token_sets_the_same_headers(self):
        self.accept('t', self.token())
        first = self.identity_headers(X_AUTH_TOKEN='t')
        self.assertEqual('p', first['HTTP_X_PROJECT_ID'])
        self.assertEqual(first, self.identity_headers(X_AUTH_TOKEN='t'))

    def test_forged_identity_headers_are_removed(self):
        self.accept('t', self.token())
        expected = self.identity_headers(X_AUTH_TOKEN='t')
        # All identity headers that an application may use.
        names = {name[5:] for name in identity.HEADERS}
        request = auth_token._request._AuthTokenRequest(environ={})
        names |= {name.upper().replace('-', '_')
                  for name in request._all_auth_headers()}
        for token in ('t', None):
            if token is None:
                expected = {'HTTP_X_IDENTITY_STATUS': 'Invalid'}
            forged = dict.fromkeys(names, 'forged')
            if token:
                forged['X_AUTH_TOKEN'] = token
            self.assertEqual(expected, self.identity_headers(**forged))

    def test_cached_identity_is_not_used_for_another_token(self):
        self.accept('t', self.token())
        self.identity_headers(X_AUTH_TOKEN='t')
        self.app._identity_server = verifier.Verifier(
            auth_token.InvalidToken())
        self.assertEqual('Invalid', self.identity_headers(
            X_AUTH_TOKEN='u')['HTTP_X_IDENTITY_STATUS'])

    def test_unusable_response_is_unavailability_and_not_cached(self):
        valid = token_data()['token']
        user = {'id': 'u', 'name': 'u', 'domain': {'id': 'd', 'name': 'd'}}
        for data in (
                {}, {'user': None}, {'user': {'id': 1}}, {'user': {'id': 'u'}},
                {'methods': [], 'user': user},
                {**valid, 'user': {**user, 'id': 1}},
                {**valid, 'user': {**user, 'name': '\ud800secret'}},
                {**valid, 'expires_at': None},
                {**valid, 'expires_at': 'secret'},
                {**valid, 'expires_at': '0001-01-01T00:00:00+14:00'},
                {**valid, 'roles': None},
                {**valid, 'roles': [{'name': None}]},
                {**valid, 'project': {'id': 1}}, {**valid, 'system': 'all'},
                {**valid, 'bind': 'kerberos'},
                {**valid, 'application_credential':
                 {'access_rules': [{'method': 'GET'}]}}):
            log = self.useFixture(fixtures.FakeLogger())
            # Without the lines that are due later.
            self.app.log = auth_token._LOG
            self.accept('t-itself', {'token': data})
            self.assertEqual(
                {'HTTP_X_AUTH_TOKEN': 't-itself'},
                self.identity_headers(X_AUTH_TOKEN='t-itself'), data)
            self.assertTrue(self.echo.environ[identity.UNAVAILABLE])
            self.assertIn('Keystone could not validate a token', log.output)
            self.assertNotIn('secret', log.output)
            self.assertNotIn('t-itself', log.output)
            self.accept('t-itself', {'token': valid})
            self.assertEqual('Confirmed', self.identity_headers(
                X_AUTH_TOKEN='t-itself')['HTTP_X_IDENTITY_STATUS'])
            self.app._token_cache.discard(' t-itself ')

    def test_access_rules_need_no_service_catalogue(self):
        for more in ({}, {'catalog': None}, {'catalog': [{}]}):
            data = token_data()
            data['token'].update(more, application_credential={
                'access_rules': [{'service': 'user-message', 'method': 'GET',
                                  'path': '/'}]})
            self.accept('t', data)
            received = self.identity_headers(X_AUTH_TOKEN='t')
            self.assertEqual('Confirmed', received['HTTP_X_IDENTITY_STATUS'])
            self.app._token_cache._tokens.clear()

    def test_token_with_binding_is_validated_each_time(self):
        data = self.token()
        data['token']['bind'] = {'kerberos': 'user'}
        self.accept('t', data)
        kerberos = {'AUTH_TYPE': 'Negotiate', 'REMOTE_USER': 'user'}
        for environ, status in ((kerberos, 'Confirmed'), ({}, 'Invalid')):
            received = self.identity_headers(environ, X_AUTH_TOKEN='t')
            self.assertEqual(status, received['HTTP_X_IDENTITY_STATUS'])


class TestTokens(base.TestCase):

    def test_cached_token_size_covers_its_memory(self):
        for roles, name in ((3, 'x' * 64), (100, 'x' * 255),
                            (3, '\u4e2d' * 64)):
            data = token_data(user_name=name, project_name=name)
            for number in range(roles):
                data['token']['roles'].append(
                    {'id': f'{number:032}', 'name': f'role-{number:03}'})
            echo = Echo()
            protocol = keystone.protect(echo, self.runtime(
                keystone_authtoken={'auth_type': 'none',
                                    'endpoint': 'http://k'}).conf)
            protocol._identity_server = verifier.Verifier(data)
            protocol({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/',
                      'HTTP_X_AUTH_TOKEN': 't'}, lambda *args: None)
            [(key, cached)] = protocol._token_cache._tokens.items()
            parts = {id(part): sys.getsizeof(part) for part in (
                key, cached, vars(cached), cached.data, cached.expires,
                cached.identity, *cached.identity.values())}
            # The rest is the cache's overhead for each token.
            self.assertLess(sum(parts.values()) + 512, cached.size)

    def test_service_catalogue_is_not_requested(self):
        protocol = keystone.protect(None, self.runtime(keystone_authtoken={
            'auth_type': 'none', 'endpoint': 'http://k',
            'include_service_catalog': True}).conf)
        self.assertIs(False, protocol._include_service_catalog)
        self.assertIs(
            False,
            protocol._identity_server._server._include_service_catalog)
