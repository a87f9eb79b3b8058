# SPDX-License-Identifier: Apache-2.0
"""The examples of etc/usermsg for uWSGI and nginx."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import time
import unittest
import uuid

from usermsg.tests import base
from usermsg.tests.fixtures import deployment
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import servers

#: Application in place of usermsg that returns its WSGI environment.
ECHO = '''
import json

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({key: value for key, value in environ.items()
                        if isinstance(value, str)}).encode()]
'''

#: Number of threads of uWSGI in uwsgi.ini, in all processes.
THREADS = 16


class TestCase(base.TestCase):

    def uwsgi(self, changes=None, env=None, **groups):
        groups.setdefault('api', base.EXPOSED)
        self.service = self.runtime(**groups)
        server = servers.require(lambda: deployment.Uwsgi(
            str(self.home / 'usermsg.conf'), changes, env))
        self.addCleanup(server.stop)
        return server

    def nginx(self, upstream, changes=None):
        server = servers.require(
            lambda: deployment.Nginx(upstream, changes))
        self.addCleanup(server.stop)
        return server

    def assertError(self, status, result):
        response, content = result
        self.assertEqual(status, response.status, content)
        self.assertEqual('application/json', response.headers['Content-Type'])
        self.assertIn('max-age=',
                      response.headers['Strict-Transport-Security'])
        content = json.loads(content)
        entry, = content['errors']
        self.assertEqual(status, entry['status'])
        self.assertEqual(
            {'code': status, 'title': entry['title'],
             'message': entry['detail']}, content['error'])
        self.assertEqual({'request_id', 'code', 'status', 'title', 'detail',
                          'links'}, set(entry))
        self.assertTrue(entry['code'].startswith('user-message.'))


class TestBehindNginx(TestCase):

    def setUp(self):
        super().setUp()
        deployed = servers.require(deployment.shared)
        self.server, self.front = deployed.uwsgi, deployed.nginx
        self.service = deployed.runtime
        # A project for each test, because the servers are shared.
        self.project = uuid.uuid4().hex
        self.headers = http_client.build_headers(self.project, 'member')

    def request(self, address='/v3/messages', method='GET', body=None,
                **headers):
        return self.front.request(
            address, method, {**self.headers, **headers}, body)

    def test_messages_are_read_and_deleted_over_tls(self):
        message = http_client.record(self.service, self.project)
        response, content = self.request()
        self.assertEqual(200, response.status)
        self.assertEqual('max-age=31536000',
                         response.headers['Strict-Transport-Security'])
        self.assertEqual('nginx', response.headers['Server'])
        [entry] = json.loads(content)['messages']
        self.assertEqual(f'https://{deployment.NAME}/v3/messages/{message.id}',
                         entry['links'][0]['href'])

        address = f'/v3/messages/{message.id}'
        self.assertEqual(200, self.request(address)[0].status)
        self.assertEqual(204, self.request(address, 'DELETE')[0].status)
        self.assertError(404, self.request(address))

    def test_access_log_has_the_request_id_and_no_query(self):
        response, _content = self.request(
            f'/v3/messages?marker={uuid.uuid4()}')
        self.assertEqual(200, response.status)
        request_id = response.headers['X-OpenStack-Request-Id']
        self.assertEqual(414, self.request(
            f'/v3/{self.project}?{"x" * 14000}')[0].status)
        self.assertError(413, self.request(
            f'/v3/{self.project}/messages?a=b', method='POST',
            body=b'x' * 2 * 1024 * 1024))
        self.assertEqual(404, self.request(f'/{self.project}')[0].status)
        self.assertEqual(404, self.request(f'/{self.project}?a=b')[0].status)
        # The line is written after the response.
        end = time.monotonic() + 60
        last = f'"GET /{self.project}" 404 '
        log = ''
        while log.count(last) < 2 and time.monotonic() < end:
            log = pathlib.Path(self.front.path('access')).read_text()
        self.assertEqual(2, log.count(last), log)
        self.assertIn(f'"POST /v3/{self.project}/messages" 413 ', log)
        line, = (line for line in log.splitlines() if request_id in line)
        self.assertIn('"GET /v3/messages" 200 ', line)
        self.assertNotIn('?', log)
        self.assertNotIn('.error', log)

    def test_long_token_is_accepted(self):
        self.assertEqual(200, self.request(
            **{'X-Auth-Token': 'x' * 8192})[0].status)
        self.assertEqual(200, self.request(
            **{'X-Auth-Token': 'x' * 12000, 'X-Service-Token': 'x' * 12000,
               'X-More': 'x' * 12000})[0].status)

    def test_too_long_headers_return_431(self):
        self.assertError(431, self.request(**{'X-Auth-Token': 'x' * 14000}))
        self.assertError(431, self.request(**{
            f'X-{number}': 'x' * 8192 for number in range(6)}))
        self.assertError(414, self.request(f'/v3/messages?{"x" * 14000}'))
        with self.front.connect() as sock:
            # The request is rejected before all of it is sent.
            with contextlib.suppress(OSError):
                sock.sendall(b'GET / HTTP/1.1\r\nX: ' + b'x' * 65536)
        self.assertEqual(200, self.request()[0].status)

    def test_many_small_headers_are_accepted_or_rejected(self):
        # Small headers are longer in the uwsgi protocol: together they can
        # exceed the buffer of uWSGI although nginx accepts them.
        response = self.request(**{f'X-{number}': '' for number in range(95)})
        self.assertEqual(200, response[0].status)
        with self.front.connect() as sock:
            sock.sendall(b'GET /v3/messages HTTP/1.1\r\nHost: x\r\n' +
                         b'a:\r\n' * 11000 + b'\r\n')
            self.assertRegex(sock.makefile('rb').readline(), b' (4|503)')
        self.assertEqual(200, self.request()[0].status)

    def test_too_large_body_returns_413(self):
        self.assertError(413, self.request(
            method='POST', body=b'x' * 2 * 1024 * 1024))

        def chunks():
            for _ in range(32):
                yield b'x' * 64 * 1024

        self.assertError(413, self.request(method='POST', body=chunks()))

    def test_metrics_through_nginx_return_404(self):
        for address in ('/metrics', '/metrics/', '/metrics?x', '//metrics',
                        '/%6detrics', '/v3/../metrics', '/metrics/x'):
            self.assertError(404, self.request(address))

    def test_slow_clients_do_not_occupy_uwsgi(self):
        message = http_client.record(self.service, self.project)
        for _ in range(2 * THREADS):
            sock = self.front.connect()
            self.addCleanup(sock.close)
            sock.sendall(
                f'DELETE /v3/messages/{message.id} HTTP/1.1\r\n'
                f'Host: {deployment.NAME}\r\nContent-Length: 9\r\n\r\nslow'
                .encode())
        self.assertEqual(200, self.request()[0].status)
        # No incomplete request deleted the message.
        self.assertEqual(
            200, self.request(f'/v3/messages/{message.id}')[0].status)

    def test_malformed_requests_return_errors(self):
        for address, status in (('/v3/messages/%ff', 400),
                                ('/v3/messages/%00', 400),
                                ('/nothing', 404)):
            self.assertError(status, self.request(address))
        self.assertError(405, self.request(method='BREW'))
        self.assertNotIn('Traceback', self.server.log())


class TestForwardedHeaders(TestCase):

    def setUp(self):
        super().setUp()
        module = f'echo_{uuid.uuid4().hex}'
        path = self.write(f'{module}.py', ECHO)
        server = self.uwsgi(
            {'module = usermsg.wsgi.api:application': f'module = {module}'},
            {'PYTHONPATH': str(pathlib.Path(path).parent)})
        self.front = self.nginx(server.socket)

    def environ(self, **headers):
        response, content = self.front.request('/some/path?a=b', headers={
            name.replace('_', '-'): value for name, value in headers.items()})
        self.assertEqual(200, response.status)
        return json.loads(content)

    def test_nginx_sets_the_address_of_the_request(self):
        environ = self.environ()
        for key, value in {
                'wsgi.url_scheme': 'https', 'PATH_INFO': '/some/path',
                'QUERY_STRING': 'a=b', 'HTTP_HOST': deployment.NAME,
                'SERVER_NAME': deployment.NAME,
                'SERVER_PORT': str(self.front.port),
                'REMOTE_ADDR': '127.0.0.1', 'HTTP_X_FORWARDED_PROTO': 'https',
                'HTTP_X_FORWARDED_FOR': '127.0.0.1',
                'HTTP_X_FORWARDED_HOST': deployment.NAME}.items():
            self.assertEqual(value, environ.get(key), key)

    def test_forwarded_headers_of_the_client_are_replaced(self):
        evil = 'evil.example.org'
        headers = dict.fromkeys((
            'Host', 'X_Forwarded_For', 'X_Forwarded_Proto', 'Forwarded',
            'X_Forwarded_Host', 'X_Forwarded_Port', 'X_Forwarded_Prefix',
            'X_Forwarded_Ssl', 'Proxy', 'x_forwarded_host'), evil)
        plain, spoofed = self.environ(), self.environ(**headers)
        for environ in (plain, spoofed):
            environ.pop('REMOTE_PORT')
            environ.pop('uwsgi.version', None)
        self.assertEqual(plain, spoofed)

    def test_headers_with_underscores_are_dropped(self):
        environ = self.front.request('/', headers={
            'X_Forwarded_Host': 'evil.example.org'})[1].decode()
        self.assertNotIn('evil', environ)

    def test_other_headers_are_passed_on(self):
        self.assertEqual('abc', self.environ(X_Auth_Token='abc')[
            'HTTP_X_AUTH_TOKEN'])


class TestFiles(TestCase):

    def test_request_limit_of_nginx_returns_429(self):
        text = deployment.example('nginx.conf')
        lines = [line for line in text.splitlines()
                 if line.strip().startswith('#limit_req')]
        self.assertEqual(3, len(lines))
        front = self.nginx(
            self.home / 'missing.socket',
            {line.strip(): line.replace('#', '').replace(
                '50r/s', '1r/m').replace('burst=100', 'burst=1').strip()
             for line in lines})
        status, output = front.check()
        self.assertEqual(0, status, output)
        for expected in (503, 503, 429):
            result = front.request('/')
            self.assertError(expected, result)
            self.assertEqual(expected == 503,
                             'Retry-After' in result[0].headers)

    def test_uwsgi_removes_its_socket_on_sigterm(self):
        server = self.uwsgi()
        self.assertTrue(os.path.exists(server.socket))
        # A process that was just forked might not handle the signal yet.
        self.assertEqual(200, self.nginx(server.socket).request(
            '/v3/messages')[0].status)
        self.assertEqual(0, server.end(signal.SIGTERM))
        self.assertFalse(os.path.exists(server.socket))

    def test_clients_are_served_while_processes_are_replaced(self):
        server = self.uwsgi({
            'max-requests = 20000': 'max-requests = 20',
            'max-requests-delta = 2000': 'min-worker-lifetime = 1'})
        front = self.nginx(server.socket)

        def get_status(_number):
            return front.request('/v3/messages')[0].status

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for _ in range(20):
                self.assertEqual({200}, set(pool.map(get_status, range(100))))
                if 'Respawned uWSGI worker' in server.log():
                    break
            self.assertIn('Respawned uWSGI worker', server.log())
            self.assertEqual({200}, set(pool.map(get_status, range(100))))

    def test_nginx_without_uwsgi_returns_503(self):
        result = self.nginx(
            self.home / 'missing.socket').request('/v3/messages')
        self.assertError(503, result)
        self.assertEqual(['10'], result[0].headers.get_all('Retry-After'))

    def test_nginx_with_a_hanging_uwsgi_returns_503(self):
        path = str(self.home / 'silent.socket')
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            result = self.nginx(path, {
                'uwsgi_read_timeout 120s;': 'uwsgi_read_timeout 1s;'}).request(
                    '/v3/messages')
        self.assertError(503, result)
        self.assertEqual('10', result[0].headers['Retry-After'])

    def test_reload_applies_the_configuration(self):
        server = self.uwsgi()
        front = self.nginx(server.socket)
        headers = http_client.build_headers('a-project', 'reader')
        for number in range(2):
            http_client.record(self.service, 'a-project')
        self.config_file(api={**base.EXPOSED,
                              'max_limit': 1})
        server.reload()

        response, content = front.request('/v3/messages', headers=headers)
        self.assertEqual(200, response.status)
        self.assertEqual(1, len(json.loads(content)['messages']))
        # Reload with an invalid configuration: uWSGI exits, so that systemd
        # notices it.
        self.config_file()
        self.assertEqual(1, server.end(signal.SIGHUP))

    def test_uwsgi_leaves_the_directory_in_which_it_was_started(self):
        # The user of the service may not be permitted to read it.
        server = self.uwsgi()
        self.assertEqual('/', os.readlink(f'/proc/{server._popen.pid}/cwd'))

    def test_socket_is_accessible_to_its_group_only(self):
        server = self.uwsgi()
        self.assertEqual(0o660, os.stat(server.socket).st_mode & 0o777)

    def test_uwsgi_with_an_invalid_configuration_exits_with_1(self):
        # noauth without allow_insecure_noauth is invalid.
        try:
            self.uwsgi(api={'auth_strategy': 'noauth'})
        except unittest.SkipTest:
            raise
        except servers.Failed as error:
            self.assertIn('usermsg cannot start: ', str(error))
            self.assertNotIn('Traceback', str(error))
            # Logged once, with an exit status that is a failure for systemd.
            self.assertEqual(1, str(error).count('usermsg cannot start: '))
            self.assertRegex(str(error), 'uwsgi: 1\n')
        else:
            self.fail('uWSGI started')
