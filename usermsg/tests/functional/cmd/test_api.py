# SPDX-License-Identifier: Apache-2.0
"""The standalone server, over sockets."""

import concurrent.futures
import contextlib
import http.client
import importlib.metadata
import json
import pathlib
import signal
import socket
import sqlite3
import uuid

from usermsg.api import server as api_server
from usermsg.cmd import api as command
from usermsg import exception
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import standalone
from usermsg.tests.fixtures import waiting

#: Must not be printed for an invalid configuration.
TRACEBACK = 'Traceback (most recent call last)'


class TestServing(base.TestCase):

    def setUp(self):
        super().setUp()
        self.server = standalone.shared()
        # The project is this test's, the server is shared.
        self.headers = http_client.build_headers(uuid.uuid4().hex, 'member')

    def record(self):
        return http_client.record(
            self.server.runtime, self.headers['X-Project-Id'])

    def connect(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=30)
        self.addCleanup(connection.close)
        return connection

    def request(self, connection, address, method='GET', body=None):
        connection.request(method, address, body, self.headers)
        response = connection.getresponse()
        content = response.read()
        return response, json.loads(content) if content else None

    def raw(self, request):
        """Send bytes; return the status line, the headers and the body."""
        with socket.create_connection(
                ('127.0.0.1', self.server.port), 30) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(request)
            response = b''
            with contextlib.suppress(ConnectionError):
                while received := sock.recv(65536):
                    response += received
        head, _, body = response.partition(b'\r\n\r\n')
        status, *headers = head.decode('latin-1').split('\r\n')
        return status, dict(line.split(': ', 1) for line in headers), body

    def test_list_and_delete_on_one_connection(self):
        message = self.record()
        connection = self.connect()
        response, content = self.request(connection, '/v3/messages')
        self.assertEqual(200, response.status)
        [listed] = content['messages']
        self.assertEqual(message.id, listed['id'])
        self.assertEqual(f'{self.server.url}/v3/messages/{message.id}',
                         listed['links'][0]['href'])
        response, _content = self.request(
            connection, f'/v3/messages/{message.id}', 'DELETE')
        self.assertEqual(204, response.status)
        response, content = self.request(connection, '/v3/messages')
        self.assertEqual({'messages': []}, content)

    def test_many_clients_are_served_concurrently(self):
        self.record()

        def request_status(_number):
            return self.request(self.connect(), '/v3/messages')[0].status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual({200}, set(pool.map(request_status, range(64))))

    def test_address_is_printed_and_logged(self):
        self.assertEqual('127.0.0.1', self.server.host)
        self.assertIn(f'Serving http://127.0.0.1:{self.server.port}/v3/mess',
                      self.server.log())

    def test_healthcheck_does_not_log_the_database_check(self):
        self.headers['X-Roles'] = 'admin'
        _response, content = self.request(self.connect(), '/healthcheck')
        self.assertIn('checks', content)
        self.assertNotIn('alembic', self.server.log())

    def test_malformed_request_is_rejected(self):
        for request, status in (
                (b'invalid', 400),
                (b'get /v3/messages HTTP/1.1', 400),
                (b'GET /v3/messages\xff HTTP/1.1', 400),
                (b'GET http://[::1/v3/messages HTTP/1.1', 400),
                (b'GET /v3/messages HTTP/1.1\r\nno header', 400),
                (b'GET /v3/messages HTTP/1.1\r\nX: \0', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: x', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: -1', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: +5', 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: ' +
                 b'9' * 5000, 400),
                (b'GET /v3/messages HTTP/1.1\r\nContent-Length: ' +
                 b'9' * 15, 413),
                (b'GET /v3/messages HTTP/1.1\r\nX: ' + b'x' * 40_000, 431),
                (b'GET /' + b'x' * 40_000 + b' HTTP/1.1', 431),
                (b'GET /v3 HTTP/1.1\r\nTransfer-Encoding: x', 501)):
            line, headers, body = self.raw(
                request + b'\r\nHost: x\r\n\r\n')
            self.assertIn(f' {status} ', line, request[:80])
            self.assertEqual('close', headers['Connection'])
            self.assertEqual(int(headers['Content-Length']), len(body))
        self.assertNotIn(TRACEBACK, self.server.log())
        self.assertNotIn('waitress', self.server.log())

    def test_server_header_has_neither_address_nor_version(self):
        for request in (b'GET /v3 HTTP/1.0', b'invalid'):
            _line, headers, _body = self.raw(request + b'\r\n\r\n')
            self.assertEqual('usermsg', headers['Server'])

    def test_links_ignore_host_headers_of_the_client(self):
        for request in (b'GET /v3', b'GET http://evil.example.org/v3'):
            _line, _headers, body = self.raw(
                request + b' HTTP/1.1\r\nHost: evil.example.org\r\n'
                b'X-Forwarded-Host: evil.example.org\r\n'
                b'Connection: close\r\n\r\n')
            [link] = json.loads(body)['version']['links']
            self.assertEqual(f'{self.server.url}/v3/', link['href'])

    def test_unusual_paths_reach_the_application(self):
        for path, status in ((b'/v3/messages/%ff', 400),
                             (b'//v3/messages', 200),
                             (b'/v3/messages/%00', 404),
                             (b'/v3//messages', 400),
                             (b'/v3/messages/../x', 404),
                             (b'/' + b'x' * 20_000, 404)):
            line, headers, _body = self.raw(
                b'GET ' + path + b' HTTP/1.1\r\nHost: x\r\n'
                b'Connection: close\r\n\r\n')
            self.assertIn(str(status), line, path[:80])
            self.assertEqual('application/json', headers['Content-Type'])

    def test_body_over_the_limit_returns_413(self):
        # Also larger than a socket's buffers: the client can send all of it.
        for length in (1024 * 1024 + 1, 12 * 1024 * 1024):
            response, content = self.request(
                self.connect(), '/v3/messages', body=b'x' * length)
            self.assertEqual(413, response.status)
            self.assertEqual('user-message.body_too_large',
                             content['errors'][0]['code'])

    def test_body_is_not_parsed_as_the_next_request(self):
        connection = self.connect()
        smuggled = b'DELETE /v3/messages HTTP/1.1\r\nHost: x\r\n\r\n'
        # The second body is sent in chunks.
        for body in (smuggled, iter([smuggled]), b'x' * 1024 * 1024):
            response, _content = self.request(
                connection, '/v3/messages', body=body)
            self.assertEqual(200, response.status)
        response, _content = self.request(connection, '/v3/messages')
        self.assertEqual(200, response.status)

    def test_request_after_rejected_large_body_is_served(self):
        response, content = self.request(
            self.connect(), '/v3/messages', 'POST', body=b' ' * 10_000_000)
        self.assertEqual(413, response.status)
        self.assertEqual('user-message.body_too_large',
                         content['errors'][0]['code'])
        response, _content = self.request(self.connect(), '/v3/messages')
        self.assertEqual(200, response.status)


def is_received(port, client_port):
    """Return True if a server has read all that a client has sent."""
    for line in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]:
        _number, local, remote, _state, queues, *_others = line.split()
        ports = [int(address[-4:], 16) for address in (local, remote)]
        if ports == [port, client_port]:
            return queues.endswith(':00000000')
    return False


class TestStop(base.TestCase):

    def setUp(self):
        super().setUp()
        self.server = standalone.UsermsgApi()
        self.addCleanup(self.server.stop)

    def test_sigterm_with_open_connection_ends_the_server(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request('GET', '/v3/messages')
        response = connection.getresponse()
        self.assertEqual(b'{"messages":[]}', response.read())
        self.assertEqual(0, self.server.end(deadline=15))
        self.assertNotIn(TRACEBACK, self.server.log())

    def test_sigterm_ends_the_server_after_current_requests(self):
        # A complete request, and one of which only a part was sent.
        complete = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=60)
        self.addCleanup(complete.close)
        complete.request('GET', '/v3/messages')
        complete.getresponse().read()
        partial = socket.create_connection(('127.0.0.1', self.server.port), 60)
        self.addCleanup(partial.close)
        partial.sendall(b'GET /v3/messages HTTP/1.1\r\n')
        with contextlib.closing(sqlite3.connect(
                self.server.path('usermsg.sqlite'))) as database:
            database.execute('BEGIN IMMEDIATE')
            complete.request('POST', '/v3/messages', json.dumps({'message': {
                'event_id': 'VOLUME_000002', 'project_id': 'red'}}), {
                    'Content-Type': 'application/json'})
            client_port = complete.sock.getsockname()[1]
            waiting.until(lambda: is_received(self.server.port, client_port))
            self.server._popen.send_signal(signal.SIGTERM)
            self.assertEqual(b'', partial.recv(100))
            database.rollback()
        self.assertEqual(201, complete.getresponse().status)
        # No second signal, which could arrive when Python has already
        # removed its handlers.
        self.assertEqual(0, self.server._popen.wait(60))
        self.assertNotIn(TRACEBACK, self.server.log())

    def test_sighup_is_ignored(self):
        self.server._popen.send_signal(signal.SIGHUP)
        self.assertEqual(0, self.server.end())

    def test_sigint_ends_the_server(self):
        self.assertEqual(0, self.server.end(signal.SIGINT))
        self.assertNotIn(TRACEBACK, self.server.log())


class TestStart(base.TestCase):

    def start_error(self, *arguments, **groups):
        """Return the output of a server that doesn't start."""
        if groups:
            groups.setdefault('api', {}).setdefault('port', 0)
            arguments = ('--config-file', self.config_file(**groups))
        status, output = standalone.fail_to_start(
            [*standalone.COMMAND, *arguments])
        self.assertEqual(1, status, output)
        self.assertNotIn(TRACEBACK, output)
        self.assertIn('usermsg-api cannot start: ', output)
        return output

    def make_server(self, runtime):
        server = api_server.make_server(runtime)
        self.addCleanup(server.serve)
        self.addCleanup(server.stop)
        return server

    def test_noauth_on_reachable_address_is_rejected(self):
        output = self.start_error(api={'host': '0.0.0.0'})  # nosec
        self.assertIn('auth_strategy is noauth', output)
        self.assertIn('allow_insecure_noauth', output)

    def test_allow_insecure_noauth_permits_any_address(self):
        runtime = self.runtime(api={
            'host': '0.0.0.0', 'port': 0, **base.EXPOSED})  # nosec
        self.make_server(runtime)

    def test_exposed_server_requires_public_endpoint(self):
        output = self.start_error(api={
            'host': '0.0.0.0', 'allow_insecure_noauth': 'true'})  # nosec
        self.assertIn('[api] public_endpoint', output)
        self.assertIn('trust_host_header', output)
        self.make_server(self.runtime(api={
            'host': '0.0.0.0', 'port': 0, 'allow_insecure_noauth': 'true',
            'public_endpoint': 'https://messages.example.org'}))  # nosec

    def test_noauth_is_permitted_on_any_loopback_address(self):
        for host in ('127.0.0.2', 'localhost'):
            runtime = self.runtime(api={'host': host, 'port': 0})
            self.make_server(runtime)

    def test_invalid_option_value_is_reported_with_file(self):
        path = self.write('invalid.conf', (
            '[database]\nconnection = sqlite://\n'
            '[api]\nauth_strategy = noauth\nport = many\n'))
        output = self.start_error('--config-file', path)
        self.assertIn(f'{path}: [api] port', output)

    def test_invalid_overlay_is_reported_with_file_and_line(self):
        path = self.write('overlay/en.yaml', (
            'language: en\nprefixes:\n  VOLUME:\n    events:\n'
            "      '000002':\n        txet: Oops.\n"))
        output = self.start_error(
            catalogue={'overlay_dir': str(self.home / 'overlay')})
        self.assertIn(f'{path}:6: ', output)

    def test_invalid_policy_is_reported_with_file_and_line(self):
        path = self.write('policy.yaml', (
            '# Local.\n"message:get": "role:reader"\n'
            '"message:delete": "role:member or or"\n'))
        output = self.start_error(oslo_policy={'policy_file': path})
        self.assertIn(f'{path}:3: message:delete', output)

    def test_port_in_use_is_reported(self):
        with socket.socket() as sock:
            sock.bind(('127.0.0.1', 0))
            sock.listen()
            port = sock.getsockname()[1]
            runtime = self.runtime(api={'port': port})
            error = self.assertRaises(exception.ConfigurationError,
                                      api_server.make_server, runtime)
        self.assertIn(f'127.0.0.1 port {port}', str(error))

    def test_unwritable_log_file_is_reported(self):
        path = str(self.home / 'missing' / 'usermsg.log')
        self.assertIn(path, self.start_error(DEFAULT={'log_file': path}))

    def test_console_script_is_installed(self):
        [script] = importlib.metadata.entry_points(
            group='console_scripts', name='usermsg-api')
        self.assertIs(command.main, script.load())

    def test_ipv6_address_is_in_brackets(self):
        try:
            with socket.socket(socket.AF_INET6) as sock:
                sock.bind(('::1', 0))
        except OSError:
            self.skipTest('IPv6 is not available')
        runtime = self.runtime(api={'host': '::1', 'port': 0})
        self.assertEqual('[::1]', self.make_server(runtime).server_name)
