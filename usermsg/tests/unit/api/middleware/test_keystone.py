# SPDX-License-Identifier: Apache-2.0
import sys

import fixtures
from keystoneauth1 import fixture as tokens
from keystonemiddleware import auth_token

from usermsg.api.middleware import identity
from usermsg.api.middleware import keystone
from usermsg.tests import base
from usermsg.tests.fixtures import verifier


def answer_of(**values):
    """What Keystone says of a valid token."""
    token = tokens.V3Token(user_id='u', project_id='p', **values)
    token.add_role(name='reader')
    return {'token': token['token']}


class Echo:
    """An application that keeps the environment of its last request."""

    def __call__(self, environ, start_response):
        self.environ = dict(environ)
        start_response('200 OK', [])
        return [b'']


class TestWhatIsSaid(base.TestCase):

    def setUp(self):
        super().setUp()
        self.echo = Echo()
        self.app = keystone.protect(self.echo, self.runtime(
            keystone_authtoken={'auth_type': 'none', 'endpoint': 'http://k'}
        ).conf)

    def know(self, token, data):
        """Let the application know a token, as if Keystone was asked."""
        self.app._identity_server = verifier.Verifier(
            {'token': data['token']})

    def said(self, environ=None, **headers):
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

    def test_the_second_time_the_same_is_said(self):
        self.know('t', self.token())
        first = self.said(X_AUTH_TOKEN='t')
        self.assertEqual('p', first['HTTP_X_PROJECT_ID'])
        self.assertEqual(first, self.said(X_AUTH_TOKEN='t'))

    def test_nobody_else_may_say_it(self):
        self.know('t', self.token())
        expected = self.said(X_AUTH_TOKEN='t')
        # All that an application may find there.
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
            self.assertEqual(expected, self.said(**forged))

    def test_it_is_not_said_of_others(self):
        self.know('t', self.token())
        self.said(X_AUTH_TOKEN='t')
        self.app._identity_server = verifier.Verifier(
            auth_token.InvalidToken())
        self.assertEqual('Invalid', self.said(
            X_AUTH_TOKEN='u')['HTTP_X_IDENTITY_STATUS'])

    def test_unusable_responses_are_unavailability_and_are_not_kept(self):
        valid = answer_of()['token']
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
            self.know('t-itself', {'token': data})
            self.assertEqual({'HTTP_X_AUTH_TOKEN': 't-itself'},
                             self.said(X_AUTH_TOKEN='t-itself'), data)
            self.assertTrue(self.echo.environ[identity.UNAVAILABLE])
            self.assertIn('Keystone could not be asked', log.output)
            self.assertNotIn('secret', log.output)
            self.assertNotIn('t-itself', log.output)
            self.know('t-itself', {'token': valid})
            self.assertEqual('Confirmed', self.said(
                X_AUTH_TOKEN='t-itself')['HTTP_X_IDENTITY_STATUS'])
            self.app._token_cache.forget(' t-itself ')

    def test_access_rules_need_no_catalogue(self):
        for more in ({}, {'catalog': None}, {'catalog': [{}]}):
            data = answer_of()
            data['token'].update(more, application_credential={
                'access_rules': [{'service': 'user-message', 'method': 'GET',
                                  'path': '/'}]})
            self.know('t', data)
            said = self.said(X_AUTH_TOKEN='t')
            self.assertEqual('Confirmed', said['HTTP_X_IDENTITY_STATUS'])
            self.app._token_cache._tokens.clear()

    def test_a_token_with_a_binding_is_looked_at_each_time(self):
        data = self.token()
        data['token']['bind'] = {'kerberos': 'somebody'}
        self.know('t', data)
        kerberos = {'AUTH_TYPE': 'Negotiate', 'REMOTE_USER': 'somebody'}
        for environ, status in ((kerberos, 'Confirmed'), ({}, 'Invalid')):
            said = self.said(environ, X_AUTH_TOKEN='t')
            self.assertEqual(status, said['HTTP_X_IDENTITY_STATUS'])


class TestTokens(base.TestCase):

    def test_a_token_takes_no_more_room_than_it_is_counted_for(self):
        for roles, name in ((3, 'x' * 64), (100, 'x' * 255),
                            (3, '\u4e2d' * 64)):
            data = answer_of(user_name=name, project_name=name)
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
            [(key, kept)] = protocol._token_cache._tokens.items()
            parts = {id(part): sys.getsizeof(part) for part in (
                key, kept, vars(kept), kept.data, kept.expires, kept.identity,
                *kept.identity.values())}
            # The rest is for what the cache itself takes for each.
            self.assertLess(sum(parts.values()) + 512, kept.size)

    def test_no_catalogue_is_asked_for(self):
        protocol = keystone.protect(None, self.runtime(keystone_authtoken={
            'auth_type': 'none', 'endpoint': 'http://k',
            'include_service_catalog': True}).conf)
        self.assertIs(False, protocol._include_service_catalog)
        self.assertIs(
            False,
            protocol._identity_server._server._include_service_catalog)
