# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import contextlib
import threading

import fixtures
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token

from usermsg.api.middleware import identity_server
from usermsg.tests import base
from usermsg.tests.fixtures import verifier

DATA = {'token': {}}


class TestIdentityServer(base.TestCase):

    def assert_unavailable(self, remote, token='token'):
        self.assertRaises(
            identity_server.Unavailable, remote.verify_token, token)

    def test_what_keystone_says_is_passed_on(self):
        remote = identity_server.IdentityServer(verifier.Verifier(DATA))
        self.assertEqual(DATA, remote.verify_token('token'))

    def test_a_wrong_token_is_no_silence(self):
        server = verifier.Verifier(auth_token.InvalidToken(), DATA)
        remote = identity_server.IdentityServer(server)
        self.assertRaises(auth_token.InvalidToken, remote.verify_token, 'a')
        remote.verify_token('b')
        self.assertEqual(['a', 'b'], server.verified)

    def test_any_failure_is_an_absence(self):
        for error in (exceptions.ConnectFailure(), exceptions.SSLError(''),
                      exceptions.ConnectTimeout(), exceptions.Unauthorized(),
                      exceptions.DiscoveryFailure(),
                      exceptions.InternalServerError(),
                      auth_token.ServiceError(), KeyError(), TypeError()):
            self.assert_unavailable(
                identity_server.IdentityServer(verifier.Verifier(error)))

    def test_an_endpoint_that_is_gone_is_looked_for_again(self):
        # As is one that makes no sense.
        for error, times in ((exceptions.EndpointNotFound(), 1),
                             (KeyError('token'), 1),
                             (exceptions.ConnectFailure(), 0)):
            server = verifier.Verifier(error)
            self.assert_unavailable(identity_server.IdentityServer(server))
            self.assertEqual(times, server.invalidated)

    def test_what_else_goes_wrong_is_logged_without_its_text(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assert_unavailable(identity_server.IdentityServer(
            verifier.Verifier(ValueError('body'))))
        self.assertIn('token: ValueError', log.output)
        self.assertNotIn('body', log.output)

    def test_keystone_is_not_asked_about_what_can_be_no_token(self):
        server = verifier.Verifier()
        remote = identity_server.IdentityServer(server)
        for token in ('', 'a\n', 'a\x00', '\xe4', 'x' * 8001):
            self.assertRaises(auth_token.InvalidToken,
                              remote.verify_token, token)
        self.assertEqual([], server.verified)

    def test_one_thread_waits_for_a_silent_keystone(self):
        asked, go_on = threading.Event(), threading.Event()

        def wait():
            asked.set()
            go_on.wait(60)
            return exceptions.ConnectTimeout()

        server = verifier.Verifier(exceptions.ConnectTimeout(), wait, DATA)
        remote = identity_server.IdentityServer(server)
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
        self.assertEqual(['first', 'second', 'third'], server.verified)

    def test_any_failure_that_takes_long_is_a_silence(self):
        # Such as that of a resolver.
        for error in (exceptions.ConnectFailure(),
                      exceptions.DiscoveryFailure(), OSError()):
            for seconds, silent in ((0.1, False), (10, True)):
                remote = identity_server.IdentityServer(
                    verifier.Verifier(error), iter([0, seconds]).__next__)
                self.assert_unavailable(remote)
                self.assertEqual(silent, remote._timed_out)

    def test_a_slow_answer_is_no_silence(self):
        for answer in (DATA, auth_token.InvalidToken()):
            remote = identity_server.IdentityServer(
                verifier.Verifier(answer), iter([0, 10]).__next__)
            with contextlib.suppress(auth_token.InvalidToken):
                remote.verify_token('token')
            self.assertFalse(remote._timed_out)

    def test_threads_ask_at_once_while_keystone_answers(self):
        together = threading.Barrier(4)

        def answer():
            together.wait(60)
            return DATA

        remote = identity_server.IdentityServer(
            verifier.Verifier(*[answer] * 4))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual([DATA] * 4, list(pool.map(
                remote.verify_token, 'abcd')))
