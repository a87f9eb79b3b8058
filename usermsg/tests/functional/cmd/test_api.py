# SPDX-License-Identifier: Apache-2.0
"""The stand-alone server, over sockets."""

import concurrent.futures
import contextlib
import http.client
import importlib.metadata
import json
import signal
import socket
import uuid

from usermsg.api import server as api_server
from usermsg.cmd import api as command
from usermsg import exception
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import standalone

#: The errors that a broken configuration must not show.
TRACEBACK = 'Traceback (most recent call last)'


class TestServing(base.TestCase):

    def setUp(self):
        super().setUp()
        self.server = standalone.shared()
        # Of this test's own: the server is not.
        self.headers = http_client.headers_of(uuid.uuid4().hex, 'member')

    def record(self):
        return http_client.record(
            self.server.runtime, self.headers['X-Project-Id'])

    def connect(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=30)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, address, method='GET', body=None):
        connection.request(method, address, body, self.headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer, json.loads(content) if content else None

    def raw(self, request):
        """Send bytes; returns the status line, the headers and the body."""
        with socket.create_connection(
                ('127.0.0.1', self.server.port), 30) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(request)
            answer = b''
            with contextlib.suppress(ConnectionError):
                while received := sock.recv(65536):
                    answer += received
        head, _, body = answer.partition(b'\r\n\r\n')
        status, *headers = head.decode('latin-1').split('\r\n')
        return status, dict(line.split(': ', 1) for line in headers), body

    def test_it_answers_and_deletes_on_one_connection(self):
        message = self.record()
        connection = self.connect()
        answer, content = self.ask(connection, '/v3/messages')
        self.assertEqual(200, answer.status)
        [shown] = content['messages']
        self.assertEqual(message.id, shown['id'])
        self.assertEqual(f'{self.server.url}/v3/messages/{message.id}',
                         shown['links'][0]['href'])
        answer, _content = self.ask(
            connection, f'/v3/messages/{message.id}', 'DELETE')
        self.assertEqual(204, answer.status)
        answer, content = self.ask(connection, '/v3/messages')
        self.assertEqual({'messages': []}, content)

    def test_many_clients_are_served_at_once(self):
        self.record()

        def ask(_number):
            return self.ask(self.connect(), '/v3/messages')[0].status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual({200}, set(pool.map(ask, range(64))))

    def test_it_says_where_it_serves(self):
        self.assertEqual('127.0.0.1', self.server.host)
        self.assertIn(f'Serving http://127.0.0.1:{self.server.port}/v3/mess',
                      self.server.log())

    def test_a_look_at_the_database_is_no_line_of_the_log(self):
        self.headers['X-Roles'] = 'admin'
        _answer, content = self.ask(self.connect(), '/healthcheck')
        self.assertIn('checks', content)
        self.assertNotIn('alembic', self.server.log())

    def test_what_is_no_request_gets_json_too(self):
        for request, status in (
                (b'nonsense', 400),
                (b'get /v3/messages HTTP/1.1', 400),
                (b'GET /v3/messages\xff HTTP/1.1', 400),
                (b'GET /v3/messages?resource_uuid=\xc3\xa4 HTTP/1.1', 400),
                (b'GET //evil.example.org/v3/messages HTTP/1.1', 400),
                (b'GET http://evil.example.org/v3 HTTP/1.1', 400),
                (b'GET * HTTP/1.1', 400),
                (b'GET /v3/messages#fragment HTTP/1.1', 400),
                (b'GET /v3/messages HTTP/1.1\r\nno header', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: x', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: -1', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: -5', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: +5', 400),
                (b'CONNECT /v3/messages HTTP/1.1', 405),
                (b'GET /v3/messages HTTP/1.1\r\nX: ' + b'x' * 40_000, 413),
                (b'GET /' + b'x' * 40_000 + b' HTTP/1.1', 414),
                (b'GET /v3 HTTP/1.1\r\nTransfer-Encoding: odd', 501),
                (b'GET /v3 HTTP/2.0', 505)):
            line, headers, body = self.raw(
                request + b'\r\nHost: x\r\n\r\n')
            self.assertIn(str(status), line, request[:80])
            self.assertEqual('application/json', headers['Content-Type'])
            self.assertEqual(int(headers['Content-Length']), len(body))
            content = json.loads(body)
            self.assertEqual(status, content['error']['code'])
            self.assertEqual(headers['X-OpenStack-Request-Id'],
                             content['errors'][0]['request_id'])
            self.assertEqual(status == 405, 'Allow' in headers)
            for name, value in (('X-Content-Type-Options', 'nosniff'),
                                ('X-Frame-Options', 'DENY'),
                                ('Cache-Control', 'no-store')):
                self.assertEqual(value, headers[name])

    def test_odd_paths_reach_the_application(self):
        for path, status in ((b'/v3/messages/%ff', 400),
                             (b'/v3/messages/%00', 404),
                             (b'/v3//messages', 400),
                             (b'/v3/messages/../x', 404),
                             (b'/' + b'x' * 20_000, 404)):
            line, headers, _body = self.raw(
                b'GET ' + path + b' HTTP/1.1\r\nHost: x\r\n'
                b'Connection: close\r\n\r\n')
            self.assertIn(str(status), line, path[:80])
            self.assertEqual('application/json', headers['Content-Type'])

    def test_a_body_over_the_limit_is_refused(self):
        # Larger than what a socket buffers: the client can send all of it.
        for length in (1024 * 1024 + 1, 12 * 1024 * 1024):
            answer, content = self.ask(self.connect(), '/v3/messages',
                                       body=b'x' * length)
            self.assertEqual(413, answer.status)
            self.assertEqual('user-message.body_too_large',
                             content['errors'][0]['code'])

    def test_a_body_is_not_taken_for_the_next_request(self):
        connection = self.connect()
        smuggled = b'DELETE /v3/messages HTTP/1.1\r\nHost: x\r\n\r\n'
        for body in (smuggled, b'x' * 1024 * 1024):
            answer, _content = self.ask(connection, '/v3/messages', body=body)
            self.assertEqual(200, answer.status)
        answer, _content = self.ask(connection, '/v3/messages')
        self.assertEqual(200, answer.status)

    def test_nor_is_a_body_in_chunks(self):
        smuggled = b'GET /v3 HTTP/1.1\r\nHost: x\r\n\r\n'
        line, headers, body = self.raw(
            b'GET /v3/messages HTTP/1.1\r\nHost: x\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n'
            b'%x;' % len(smuggled) + smuggled + b'\r\n0\r\n\r\n')
        self.assertIn('200', line)
        self.assertEqual('close', headers['Connection'])
        # One answer, and nothing behind it.
        self.assertEqual(int(headers['Content-Length']), len(body))

    def test_ten_megabytes_are_refused_and_the_next_is_served(self):
        answer, content = self.ask(self.connect(), '/v3/messages', 'POST',
                                   body=b' ' * 10_000_000)
        self.assertEqual(413, answer.status)
        self.assertEqual('user-message.body_too_large',
                         content['errors'][0]['code'])
        answer, _content = self.ask(self.connect(), '/v3/messages')
        self.assertEqual(200, answer.status)

    def test_a_huge_body_that_nobody_reads_ends_the_connection(self):
        # Nothing of it is sent: the answer comes all the same.
        line, headers, _body = self.raw(
            b'PUT /v3/messages HTTP/1.1\r\nHost: x\r\n'
            b'Content-Length: 9000000000\r\n\r\n')
        self.assertIn('405', line)
        self.assertEqual('close', headers['Connection'])


class TestEnding(base.TestCase):

    def setUp(self):
        super().setUp()
        self.server = standalone.UsermsgApi()
        self.addCleanup(self.server.stop)

    def test_sigterm_ends_it_though_a_connection_is_open(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request('GET', '/v3/messages')
        answer = connection.getresponse()
        self.assertEqual(b'{"messages":[]}', answer.read())
        self.assertEqual(0, self.server.end(deadline=15))
        self.assertNotIn(TRACEBACK, self.server.log())

    def test_sighup_does_not_end_it(self):
        self.server._popen.send_signal(signal.SIGHUP)
        self.assertEqual(0, self.server.end())

    def test_sigint_ends_it_too(self):
        self.assertEqual(0, self.server.end(signal.SIGINT))
        self.assertNotIn(TRACEBACK, self.server.log())


class TestStarting(base.TestCase):

    def refusal(self, *arguments, **groups):
        """What it says when it doesn't start."""
        if groups:
            groups.setdefault('api', {}).setdefault('port', 0)
            arguments = ('--config-file', self.config_file(**groups))
        status, output = standalone.fail_to_start(
            [*standalone.COMMAND, *arguments])
        self.assertEqual(1, status, output)
        self.assertNotIn(TRACEBACK, output)
        self.assertIn('usermsg-api cannot start: ', output)
        return output

    def test_noauth_is_refused_where_others_could_reach_it(self):
        output = self.refusal(api={'host': '0.0.0.0'})  # nosec
        self.assertIn('auth_strategy is noauth', output)
        self.assertIn('allow_insecure_noauth', output)

    def test_noauth_can_be_forced(self):
        runtime = self.runtime(api={
            'host': '0.0.0.0', 'port': 0,  # nosec
            'allow_insecure_noauth': 'true'})
        server = api_server.make_server(runtime)
        self.addCleanup(server.stop)

    def test_noauth_may_serve_every_form_of_loopback(self):
        for host in ('127.0.0.2', 'localhost'):
            runtime = self.runtime(api={'host': host, 'port': 0})
            server = api_server.make_server(runtime)
            self.addCleanup(server.stop)

    def test_an_invalid_value_is_named_with_its_file(self):
        path = self.write('broken.conf', (
            '[database]\nconnection = sqlite://\n'
            '[api]\nauth_strategy = noauth\nport = many\n'))
        output = self.refusal('--config-file', path)
        self.assertIn(f'{path}: [api] port', output)

    def test_a_broken_overlay_is_named_with_file_and_line(self):
        path = self.write('overlay/en.yaml', (
            'language: en\nprefixes:\n  VOLUME:\n    events:\n'
            "      '000002':\n        txet: Oops.\n"))
        output = self.refusal(
            catalogue={'overlay_dir': str(self.home / 'overlay')})
        self.assertIn(f'{path}:6: ', output)

    def test_a_broken_policy_file_is_named_with_file_and_line(self):
        path = self.write('policy.yaml', (
            '# Ours.\n"message:get": "role:reader"\n'
            '"message:delete": "role:member or or"\n'))
        output = self.refusal(oslo_policy={'policy_file': path})
        self.assertIn(f'{path}:3: message:delete', output)

    def test_a_port_that_is_taken_is_named(self):
        with socket.socket() as sock:
            sock.bind(('127.0.0.1', 0))
            sock.listen()
            port = sock.getsockname()[1]
            runtime = self.runtime(api={'port': port})
            error = self.assertRaises(exception.ConfigurationError,
                                      api_server.make_server, runtime)
        self.assertIn(f'127.0.0.1 port {port}', str(error))

    def test_a_log_file_that_cannot_be_written_is_named(self):
        path = str(self.home / 'missing' / 'usermsg.log')
        self.assertIn(path, self.refusal(DEFAULT={'log_file': path}))

    def test_the_command_is_installed(self):
        [found] = importlib.metadata.entry_points(
            group='console_scripts', name='usermsg-api')
        self.assertIs(command.main, found.load())

    def test_an_ipv6_address_is_written_as_in_a_url(self):
        try:
            with socket.socket(socket.AF_INET6) as sock:
                sock.bind(('::1', 0))
        except OSError:
            self.skipTest('there is no IPv6 here')
        runtime = self.runtime(api={'host': '::1', 'port': 0})
        server = api_server.make_server(runtime)
        self.addCleanup(server.stop)
        self.assertEqual('[::1]', server.server_name)
