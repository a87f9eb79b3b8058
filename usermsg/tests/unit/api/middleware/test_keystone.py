# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import contextlib
import sys
import threading

import fixtures
from keystoneauth1 import exceptions
from keystoneauth1 import fixture as tokens
from keystonemiddleware import auth_token

from usermsg.api.middleware import identity
from usermsg.api.middleware import keystone
from usermsg.tests import base


class Server:
    """Answers each question with what it is given next."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.invalidated = 0

    def verify_token(self, token, **options):
        self.asked.append(token)
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def invalidate(self):
        self.invalidated += 1


def answer_of(**values):
    """What Keystone says of a valid token."""
    token = tokens.V3Token(user_id='u', project_id='p', **values)
    token.add_role(name='reader')
    return {'token': token['token']}


ANSWER = answer_of()


class TestAsking(base.TestCase):

    def assert_unavailable(self, remote, token='token'):
        self.assertRaises(keystone._Unavailable, remote.verify_token, token)

    def test_what_keystone_says_is_passed_on(self):
        remote = keystone._IdentityServer(Server(ANSWER))
        self.assertEqual(ANSWER, remote.verify_token('token'))

    def test_a_wrong_token_is_no_silence(self):
        server = Server(auth_token.InvalidToken(), ANSWER)
        remote = keystone._IdentityServer(server)
        self.assertRaises(auth_token.InvalidToken, remote.verify_token, 'a')
        remote.verify_token('b')
        self.assertEqual(['a', 'b'], server.asked)

    def test_any_failure_is_an_absence(self):
        for error in (exceptions.ConnectFailure(), exceptions.SSLError(''),
                      exceptions.ConnectTimeout(), exceptions.Unauthorized(),
                      exceptions.DiscoveryFailure(),
                      exceptions.InternalServerError(),
                      auth_token.ServiceError(), KeyError(), TypeError()):
            self.assert_unavailable(keystone._IdentityServer(Server(error)))

    def test_an_endpoint_that_is_gone_is_looked_for_again(self):
        # As is one that makes no sense.
        for error, times in ((exceptions.EndpointNotFound(), 1),
                             (KeyError('token'), 1),
                             (exceptions.ConnectFailure(), 0)):
            server = Server(error)
            self.assert_unavailable(keystone._IdentityServer(server))
            self.assertEqual(times, server.invalidated)

    def test_what_cannot_be_used_is_an_absence(self):
        known = {'methods': [], 'user': {
            'id': 'u', 'name': 'u', 'domain': {'id': 'd', 'name': 'd'}}}
        for name, wrong in (
                ('user_id', {}), ('user_id', {'user': None}),
                ('user_id', {'user': {'id': 1}}),
                ('username', {'user': {'id': 'u'}}),
                ('expires_at', {**known}),
                ('expires_at', {**known, 'expires_at': None}),
                ('expires_at', {**known, 'expires_at': 'secret'}),
                ('expires_at', {
                    **known, 'expires_at': '0001-01-01T00:00:00+14:00'}),
                ('roles', {**ANSWER['token'], 'roles': None}),
                ('roles', {**ANSWER['token'], 'roles': [{'name': None}]}),
                ('project_id', {**ANSWER['token'], 'project': {'id': 1}}),
                ('system', {**ANSWER['token'], 'system': 'all'}),
                ('bind', {**ANSWER['token'], 'bind': 'kerberos'}),
                ('access_rules', {**ANSWER['token'], 'application_credential':
                                  {'access_rules': [{'method': 'GET'}]}}),
                ('what is no text', {
                    **ANSWER['token'], 'user': {
                        **known['user'], 'name': '\ud800secret'}})):
            log = self.useFixture(fixtures.FakeLogger())
            self.assert_unavailable(keystone._IdentityServer(
                Server({'token': wrong})), 'token-itself')
            self.assertIn(f'_Unusable: {name}', log.output)
            self.assertNotIn('secret', log.output)
            self.assertNotIn('token-itself', log.output)

    def test_what_else_goes_wrong_is_logged_without_its_text(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assert_unavailable(
            keystone._IdentityServer(Server(ValueError('body'))))
        self.assertIn('token: ValueError', log.output)
        self.assertNotIn('body', log.output)

    def test_keystone_is_not_asked_about_what_can_be_no_token(self):
        server = Server()
        remote = keystone._IdentityServer(server)
        for token in ('', 'a\n', 'a\x00', '\xe4', 'x' * 8001):
            self.assertRaises(auth_token.InvalidToken,
                              remote.verify_token, token)
        self.assertEqual([], server.asked)

    def test_one_thread_waits_for_a_silent_keystone(self):
        asked, go_on = threading.Event(), threading.Event()

        def wait():
            asked.set()
            go_on.wait(60)
            return exceptions.ConnectTimeout()

        server = Server(exceptions.ConnectTimeout(), wait, ANSWER)
        remote = keystone._IdentityServer(server)
        self.assert_unavailable(remote, 'first')
        with concurrent.futures.ThreadPoolExecutor() as pool:
            second = pool.submit(
                self.assert_unavailable, remote, 'second')
            self.assertTrue(asked.wait(60))
            for _ in range(10):
                self.assert_unavailable(remote, 'told at once')
            go_on.set()
            second.result(60)
        # And then the next one tries.
        remote.verify_token('third')
        self.assertEqual(['first', 'second', 'third'], server.asked)

    def test_any_failure_that_takes_long_is_a_silence(self):
        # Such as that of a resolver.
        for error in (exceptions.ConnectFailure(),
                      exceptions.DiscoveryFailure(), OSError()):
            for seconds, silent in ((0.1, False), (10, True)):
                remote = keystone._IdentityServer(
                    Server(error), iter([0, seconds]).__next__)
                self.assert_unavailable(remote)
                self.assertEqual(silent, remote._silent)

    def test_a_slow_answer_is_no_silence(self):
        for answer in (ANSWER, auth_token.InvalidToken()):
            remote = keystone._IdentityServer(
                Server(answer), iter([0, 10]).__next__)
            with contextlib.suppress(auth_token.InvalidToken):
                remote.verify_token('token')
            self.assertFalse(remote._silent)

    def test_threads_ask_at_once_while_keystone_answers(self):
        together = threading.Barrier(4)

        def answer():
            together.wait(60)
            return ANSWER

        remote = keystone._IdentityServer(Server(*[answer] * 4))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual([ANSWER] * 4, list(pool.map(
                remote.verify_token, 'abcd')))


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
        self.app._identity_server = Server({'token': data['token']})

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
        self.app._identity_server = Server(auth_token.InvalidToken())
        self.assertEqual('Invalid', self.said(
            X_AUTH_TOKEN='u')['HTTP_X_IDENTITY_STATUS'])

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
            protocol._identity_server = Server(data)
            protocol({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/',
                      'HTTP_X_AUTH_TOKEN': 't'}, lambda *args: None)
            [(key, kept)] = protocol._token_cache._tokens.items()
            parts = {id(part): sys.getsizeof(part) for part in (
                key, kept, vars(kept), kept.data, kept.expires, kept.said,
                *kept.said.values())}
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
