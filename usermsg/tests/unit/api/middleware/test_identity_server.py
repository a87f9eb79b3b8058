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

    def test_token_data_is_returned(self):
        remote = identity_server.IdentityServer(verifier.Verifier(DATA))
        self.assertEqual(DATA, remote.verify_token('token'))

    def test_invalid_token_is_not_a_timeout(self):
        server = verifier.Verifier(auth_token.InvalidToken(), DATA)
        remote = identity_server.IdentityServer(server)
        self.assertRaises(auth_token.InvalidToken, remote.verify_token, 'a')
        remote.verify_token('b')
        self.assertEqual(['a', 'b'], server.verified)

    def test_any_failure_raises_unavailable(self):
        for error in (exceptions.ConnectFailure(), exceptions.SSLError(''),
                      exceptions.ConnectTimeout(), exceptions.Unauthorized(),
                      exceptions.DiscoveryFailure(),
                      exceptions.InternalServerError(),
                      auth_token.ServiceError(), KeyError(), TypeError()):
            self.assert_unavailable(
                identity_server.IdentityServer(verifier.Verifier(error)))

    def test_missing_endpoint_repeats_discovery(self):
        # So does a malformed response.
        for error, times in ((exceptions.EndpointNotFound(), 1),
                             (KeyError('token'), 1),
                             (exceptions.ConnectFailure(), 0)):
            server = verifier.Verifier(error)
            self.assert_unavailable(identity_server.IdentityServer(server))
            self.assertEqual(times, server.invalidated)

    def test_unexpected_error_is_logged_without_text(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assert_unavailable(identity_server.IdentityServer(
            verifier.Verifier(ValueError('body'))))
        self.assertIn('token: ValueError', log.output)
        self.assertNotIn('body', log.output)

    def test_credentials_in_a_url_are_not_logged(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.assert_unavailable(identity_server.IdentityServer(
            verifier.Verifier(exceptions.ConnectFailure(
                'Unable to connect to http://usermsg:secret@identity/v3'))))
        self.assertIn('ConnectFailure: Unable to connect to '
                      'http://identity/v3', log.output)

    def test_malformed_token_is_not_sent_to_keystone(self):
        server = verifier.Verifier()
        remote = identity_server.IdentityServer(server)
        for token in ('', 'a\n', 'a\x00', '\xe4', 'x' * 8001):
            self.assertRaises(auth_token.InvalidToken,
                              remote.verify_token, token)
        self.assertEqual([], server.verified)

    def test_one_thread_retries_during_keystone_timeout(self):
        waiting, proceed = threading.Event(), threading.Event()

        def wait():
            waiting.set()
            proceed.wait(60)
            return exceptions.ConnectTimeout()

        server = verifier.Verifier(exceptions.ConnectTimeout(), wait, DATA)
        remote = identity_server.IdentityServer(server)
        self.assert_unavailable(remote, 'first')
        with concurrent.futures.ThreadPoolExecutor() as pool:
            second = pool.submit(
                self.assert_unavailable, remote, 'second')
            self.assertTrue(waiting.wait(60))
            for _ in range(10):
                self.assert_unavailable(remote, 'fails at once')
            proceed.set()
            second.result(60)
        # Then the next request is sent to Keystone.
        remote.verify_token('third')
        self.assertEqual(['first', 'second', 'third'], server.verified)

    def test_slow_failure_counts_as_timeout(self):
        # For example, that of a DNS resolver.
        for error in (exceptions.ConnectFailure(),
                      exceptions.DiscoveryFailure(), OSError()):
            for seconds, timed_out in ((0.1, False), (10, True)):
                remote = identity_server.IdentityServer(
                    verifier.Verifier(error), iter([0, seconds]).__next__)
                self.assert_unavailable(remote)
                self.assertEqual(timed_out, remote._timed_out)

    def test_slow_response_is_not_a_timeout(self):
        for response in (DATA, auth_token.InvalidToken()):
            remote = identity_server.IdentityServer(
                verifier.Verifier(response), iter([0, 10]).__next__)
            with contextlib.suppress(auth_token.InvalidToken):
                remote.verify_token('token')
            self.assertFalse(remote._timed_out)

    def test_threads_validate_concurrently_without_timeouts(self):
        together = threading.Barrier(4)

        def respond():
            together.wait(60)
            return DATA

        remote = identity_server.IdentityServer(
            verifier.Verifier(*[respond] * 4))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual([DATA] * 4, list(pool.map(
                remote.verify_token, 'abcd')))
