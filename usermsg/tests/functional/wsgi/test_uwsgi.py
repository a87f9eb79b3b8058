# SPDX-License-Identifier: Apache-2.0
"""The application under uWSGI, with two processes of two threads each."""

import concurrent.futures
import http.client
import json
import socket
import struct
import time
import unittest

from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import uwsgi


class TestServing(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime(api=base.EXPOSED)
        self.server = uwsgi.start(str(self.home / 'usermsg.conf'))
        self.addCleanup(self.server.stop)

    def request(self, address, method='GET', body=None, headers=None):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, address, body, headers or {})
        response = connection.getresponse()
        content = response.read()
        return response, json.loads(content) if content else None

    def test_concurrent_reads_and_deletes(self):
        messages = [http_client.record(self.service, 'admin')
                    for _ in range(8)]
        addresses = [f'/v3/messages/{message.id}' for message in messages]

        def get_status(address, method):
            return self.request(address, method)[0].status

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual([200] * 32, list(pool.map(
                get_status, addresses * 4, ['GET'] * 32)))
            # One of the two concurrent deletes of each message is late.
            self.assertEqual([204] * 8 + [404] * 8, sorted(pool.map(
                get_status, addresses * 2, ['DELETE'] * 16)))
        self.assertEqual({'messages': []}, self.request('/v3/messages')[1])

        self.check_unusual_requests()
        self.assertNotIn('Traceback', self.server.log())

    def check_unusual_requests(self):
        for address, method, status in (
                ('/', 'GET', 200), ('/v3/', 'GET', 200),
                ('/v3/messages/%ff', 'GET', 400),
                ('/v3/messages?resource_uuid=%c3%a4', 'GET', 400),
                ('/v3/messages/%00', 'GET', 404),
                ('/v3//messages', 'GET', 400),
                ('/v3/messages', 'BREW', 405)):
            response, content = self.request(address, method)
            self.assertEqual(status, response.status, address)
            self.assertEqual('application/json',
                             response.headers['Content-Type'])
            self.assertEqual(status >= 400, 'errors' in content)
        response, _content = self.request('/v3/messages', 'HEAD')
        self.assertEqual(200, response.status)
        response, content = self.request(
            '/v3/messages', body=b'{"limit": 0}',
            headers={'Content-Type': 'text/plain'})
        self.assertEqual({'messages': []}, content)
        with socket.create_connection(
                ('127.0.0.1', self.server.port), 30) as sock:
            sock.sendall(b'malformed\r\n\r\n')
            self.assertIn(b' 405 ', sock.makefile('rb').readline())

    def test_truncated_body_records_no_message(self):
        message = json.dumps({'message': {
            'event_id': 'VOLUME_000002', 'project_id': 'red'}}).encode()
        log_line = 'POST /v3/messages => generated '
        # One request for each thread, so that a blocked thread is noticed.
        for number in range(4):
            sock = socket.create_connection(
                ('127.0.0.1', self.server.port), 60)
            self.addCleanup(sock.close)
            sock.sendall(b'POST /v3/messages HTTP/1.1\r\nHost: x\r\n'
                         b'Content-Type: application/json\r\n'
                         b'Content-Length: %d\r\n\r\n%b' %
                         (len(message) + 10, message))
            if number % 2:
                sock.close()
            else:
                sock.shutdown(socket.SHUT_WR)
                self.assertIn(b' 400 ', sock.makefile('rb').readline())
        # The log line is written after the response, or the attempt at one.
        end = time.monotonic() + 60
        while self.server.log().count(log_line) < 4:
            self.assertLess(time.monotonic(), end, self.server.log())
            time.sleep(0.05)
        self.assertEqual([], samples.stored(self.service.db))
        self.assertEqual({'messages': []}, self.request('/v3/messages')[1])
        self.assertNotIn('Traceback', self.server.log())

    def test_client_that_leaves_is_logged_by_uwsgi_alone(self):
        # The last line about a response that could not be written. A client
        # that leaves before uWSGI has read the request causes no response.
        end = time.monotonic() + 120
        while 'messages => generated 0 bytes' not in self.server.log():
            self.assertLess(time.monotonic(), end, self.server.log())
            sock = socket.create_connection(
                ('127.0.0.1', self.server.port), 60)
            sock.sendall(b'GET /v3/messages HTTP/1.1\r\nHost: x\r\n\r\n')
            # The connection is reset, rather than closed after the response.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack('ii', 1, 0))
            sock.close()
            time.sleep(0.2)
        self.assertIn(' during GET /v3/messages ', self.server.log())
        for text in ('CRITICAL', 'write error', 'Traceback'):
            self.assertNotIn(text, self.server.log())


class TestStarting(base.TestCase):

    def start_error(self, **groups):
        """Return the output of uWSGI, which must fail to start."""
        path = self.config_file(**groups)
        try:
            server = uwsgi.start(path)
        except unittest.SkipTest:
            raise
        except servers.Failed as error:
            self.assertIn('usermsg cannot start: ', str(error))
            self.assertNotIn('Traceback', str(error))
            return str(error)
        self.addCleanup(server.stop)
        self.fail('uWSGI started')

    def test_noauth_without_allow_insecure_noauth_does_not_start(self):
        self.assertIn('auth_strategy is noauth', self.start_error())

    def test_invalid_option_is_reported_with_its_file(self):
        output = self.start_error(messages={'ttl': 'long'})
        self.assertIn(f'{self.home / "usermsg.conf"}:', output)
        self.assertIn('[messages] ttl', output)

    def test_keystone_without_an_account_does_not_start(self):
        self.assertIn('[keystone_authtoken] auth_type', self.start_error(api={
            'auth_strategy': 'keystone', 'trust_host_header': 'true'}))

    def test_missing_public_endpoint_does_not_start(self):
        output = self.start_error(api={'allow_insecure_noauth': 'true'})
        self.assertIn('[api] public_endpoint is not set', output)
        self.assertIn('trust_host_header = true', output)
