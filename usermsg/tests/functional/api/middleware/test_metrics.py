# SPDX-License-Identifier: Apache-2.0
"""Metrics of requests for Prometheus, and access to them."""

import concurrent.futures
import contextlib
import http.client
import pathlib
import socket
import time
import urllib.request

import fixtures

from usermsg.api import app
from usermsg import config
from usermsg import exception
from usermsg.metrics import exporter
from usermsg.metrics import registry
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import scrape
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import standalone
from usermsg.tests.fixtures import uwsgi

READER = http_client.build_headers('red', 'member', 'reader')


class MetricsTestCase(base.TestCase):

    def serve(self, **groups):
        self.service = self.runtime(**groups)
        self.app = app.make_app(self.service)

    def request(self, address, method='GET', headers=READER):
        return http_client.request(self.app, address, method, headers)


class TestRequests(MetricsTestCase):

    def setUp(self):
        super().setUp()
        self.serve()

    def samples(self, name=scrape.REQUESTS):
        return {tuple(sample.labels.values()): sample.value
                for family in self.service.metrics.registry.collect()
                for sample in family.samples if sample.name == name}

    def test_requests_are_counted_by_route(self):
        message = http_client.record(self.service, 'red')
        for _time in range(2):
            self.request('/v3/messages')
            self.request('/v3/red/messages')
        self.request(f'/v3/messages/{message.id}')
        self.request(f'/v3/messages/{message.id}', 'DELETE')
        self.request(f'/v3/messages/{message.id}')
        self.request('/v3/messages?limit=0')
        self.request('/v3/')
        element = '/v3/messages/{message_id}'
        self.assertEqual({
            ('GET', '/v3/messages', '200'): 2,
            ('GET', '/v3/messages', '400'): 1,
            ('GET', '/v3/{project_id}/messages', '200'): 2,
            ('GET', element, '200'): 1,
            ('GET', element, '404'): 1,
            ('DELETE', element, '204'): 1,
            ('GET', '/v3', '200'): 1}, self.samples())
        self.assertEqual(
            {('GET', '/v3/messages'): 3,
             ('GET', '/v3/{project_id}/messages'): 2,
             ('GET', element): 2, ('DELETE', element): 1, ('GET', '/v3'): 1},
            self.samples('usermsg_http_request_duration_seconds_count'))

    def test_unknown_paths_and_methods_share_one_label(self):
        for number in range(20):
            self.request(f'/{number}')
            self.request(f'/v3/nothing/{number}', f'BREW{number}')
            self.request(f'/v3/messages/{number}')
            self.request('/v3/messages', f'BREW{number}')
        self.assertEqual({
            ('GET', 'unknown', '404'): 20,
            ('GET', '/v3/messages/{message_id}', '404'): 20,
            ('other', 'unknown', '404'): 20,
            ('other', 'unknown', '405'): 20}, self.samples())

    def test_internal_error_is_counted(self):
        self.service.db.select = None
        self.assertEqual(500, self.request('/v3/messages').status_int)
        self.assertEqual({('GET', '/v3/messages', '500'): 1}, self.samples())

    def test_two_runtimes_in_a_process_count_separately(self):
        first = self.service
        self.serve(database={'connection': self.sqlite_url('second')})
        self.request('/v3/messages')
        self.assertEqual({('GET', '/v3/messages', '200'): 1}, self.samples())
        self.service = first
        self.assertEqual({}, self.samples())


class TestPath(MetricsTestCase):

    def is_served(self, address='/metrics', **environ):
        """Return True if a request with these variables gets metrics."""
        def application(original, start_response):
            return self.app({**original, **environ}, start_response)

        response = http_client.request(application, address, headers=READER)
        if response.status_int == 404:
            self.assertEqual('user-message.not_found',
                             response.json['errors'][0]['code'])
            return False
        self.assertEqual(200, response.status_int)
        self.assertEqual('text/plain', response.content_type)
        self.assertEqual('nosniff', response.headers['X-Content-Type-Options'])
        self.assertIn('usermsg_unknown_events_total',
                      scrape.parse(response.text))
        return True

    def test_metrics_without_the_option_return_404(self):
        self.serve()
        self.assertFalse(self.is_served(REMOTE_ADDR='127.0.0.1'))

    def test_metrics_for_a_local_client_return_200(self):
        self.serve(metrics={'path': '/metrics'})
        for address in ('127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1',
                        ''):
            self.assertTrue(self.is_served(REMOTE_ADDR=address), address)
        self.assertTrue(self.is_served())

    def test_metrics_for_a_remote_client_return_404(self):
        self.serve(metrics={'path': '/metrics'})
        for address in ('192.0.2.1', '10.0.0.1', '::2', '::ffff:192.0.2.1',
                        'localhost', '127.0.0.1.example.org', 'invalid'):
            self.assertFalse(self.is_served(REMOTE_ADDR=address), address)

    def test_metrics_behind_a_local_proxy_return_404(self):
        for trusted in ('false', 'true'):
            self.serve(metrics={'path': '/metrics'}, oslo_middleware={
                'enable_proxy_headers_parsing': trusted})
            for header in ('FORWARDED', 'X_FORWARDED_FOR', 'X_REAL_IP', 'VIA',
                           'X_FORWARDED_PROTO', 'X_FORWARDED_HOST'):
                self.assertFalse(self.is_served(
                    REMOTE_ADDR='127.0.0.1', **{f'HTTP_{header}': '::1'}))

    def test_metrics_with_a_forged_local_address_return_404(self):
        self.serve(metrics={'path': '/metrics'}, oslo_middleware={
            'enable_proxy_headers_parsing': 'true'})
        self.assertFalse(self.is_served(REMOTE_ADDR='192.0.2.1',
                                        HTTP_X_FORWARDED_FOR='127.0.0.1'))

    def test_metrics_at_other_paths_return_404(self):
        self.serve(metrics={'path': '/metrics'})
        for address in ('/metrics/', '/metrics/x', '/v3/metrics', '//metrics'):
            self.assertFalse(self.is_served(address), address)

    def test_head_of_metrics_returns_the_headers_of_get(self):
        self.serve(metrics={'path': '/metrics'})
        response = self.request('/metrics', 'HEAD')
        self.assertEqual(200, response.status_int)
        self.assertEqual('text/plain', response.content_type)
        self.assertGreater(response.content_length, 0)
        self.assertEqual(b'', b''.join(response.app_iter))

    def test_options_of_metrics_returns_204_with_the_methods(self):
        for groups in ({}, {'cors': {'allowed_origin': 'https://a.example'}}):
            self.serve(metrics={'path': '/metrics'}, **groups)
            response = self.request('/metrics', 'OPTIONS')
            self.assertEqual(204, response.status_int)
            self.assertEqual('GET, HEAD, OPTIONS', response.headers['Allow'])
            self.assertNotIn('Content-Length', response.headers)

    def test_other_method_of_metrics_returns_405(self):
        self.serve(metrics={'path': '/metrics'})
        for method in ('POST', 'DELETE', 'BREW'):
            response = self.request('/metrics', method)
            self.assertEqual(405, response.status_int)
            self.assertEqual('GET, HEAD, OPTIONS', response.headers['Allow'])

    def test_head_and_options_for_a_remote_client_return_404(self):
        self.serve(metrics={'path': '/metrics'})
        for method in ('HEAD', 'OPTIONS', 'POST'):
            response = self.request('/metrics', method, {
                **READER, 'X-Forwarded-For': '192.0.2.1'})
            self.assertEqual(404, response.status_int)

    def test_request_for_metrics_is_counted(self):
        self.serve(metrics={'path': '/metrics'})
        self.is_served()
        metrics = scrape.parse(self.request('/metrics').text)
        self.assertEqual({('GET', '/metrics', '200'): 1},
                         metrics[scrape.REQUESTS])

    def test_invalid_path_is_a_configuration_error(self):
        for path in ('metrics', '/', '/metrics/', '/a b', '/{metrics}',
                     '/v3', '/v3/messages', '/v3/x/messages', '/healthcheck',
                     '/v3/messages/metrics'):
            error = self.assertRaises(exception.ConfigurationError,
                                      self.serve, metrics={'path': path})
            self.assertIn('[metrics] path', str(error))


def _send(port, method, path):
    """Send a request; return status, headers and the bytes that follow."""
    with socket.create_connection(('127.0.0.1', port), 30) as sock:
        sock.sendall(f'{method} {path} HTTP/1.0\r\n\r\n'.encode())
        with sock.makefile('rb') as file:
            status = int(file.readline().split()[1])
            return status, http.client.parse_headers(file), file.read()


class TestPort(base.TestCase):

    def test_usermsg_api_serves_metrics_on_a_separate_port(self):
        port = servers.free_port()
        server = standalone.UsermsgApi(metrics={'port': port})
        self.addCleanup(server.stop)
        for address in ('/v3/messages', '/v3/messages/x', '/healthcheck'):
            connection = http.client.HTTPConnection(
                '127.0.0.1', server.port, timeout=30)
            self.addCleanup(connection.close)
            connection.request('GET', address)
            connection.getresponse().read()
        with urllib.request.urlopen(  # nosec
                f'http://127.0.0.1:{port}/metrics', timeout=30) as response:
            metrics = scrape.parse(response.read().decode())
        self.assertEqual(
            {('GET', '/v3/messages', '200'): 1,
             ('GET', '/v3/messages/{message_id}', '404'): 1,
             ('GET', '/healthcheck', '200'): 1}, metrics[scrape.REQUESTS])
        self.assertIn('process_resident_memory_bytes', metrics)
        # The thread of the exporter doesn't delay the exit.
        self.assertEqual(0, server.end())

    def test_port_serves_head_and_options_without_a_body(self):
        port = servers.free_port()
        threads = []
        exporter.serve(self.runtime(), port, lambda: threads)
        health = len('{"status": "available"}')
        for path in ('/metrics', '/', '/healthcheck'):
            status, headers, body = _send(port, 'HEAD', path)
            self.assertEqual((200, b''), (status, body))
            length = int(headers['Content-Length'])
            if path == '/healthcheck':
                self.assertEqual(health, length)
            else:
                self.assertGreater(length, health)
            status, headers, body = _send(port, 'OPTIONS', path)
            self.assertEqual((204, b''), (status, body))
            self.assertEqual('GET, HEAD, OPTIONS', headers['Allow'])
            self.assertNotIn('Content-Length', headers)
            self.assertEqual(405, _send(port, 'POST', path)[0])
        threads.append('relay')
        self.assertEqual(503, _send(port, 'HEAD', '/healthcheck')[0])
        self.assertEqual(204, _send(port, 'OPTIONS', '/healthcheck')[0])

    def test_unknown_path_of_the_port_returns_404(self):
        port = servers.free_port()
        exporter.serve(self.runtime(), port)
        for path in ('/nope', '/metrics/', '/healthcheck'):
            for method in ('GET', 'HEAD', 'OPTIONS', 'POST'):
                self.assertEqual(404, _send(port, method, path)[0])

    def test_port_in_use_is_a_configuration_error(self):
        server = standalone.shared()
        runtime = self.runtime()
        error = self.assertRaises(exception.ConfigurationError,
                                  exporter.serve, runtime, server.port)
        self.assertIn(f'[metrics] cannot listen on 127.0.0.1 port '
                      f'{server.port}', str(error))


class TestProcesses(base.TestCase):

    def test_metrics_of_all_processes_are_added_up(self):
        directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.EnvironmentVariable(
            registry.SHARED_DIRECTORY_VARIABLE, str(directory)))
        self.runtime(api=base.EXPOSED,
                     metrics={'path': '/metrics'})
        self.server = servers.require(lambda: servers.Uwsgi(
            uwsgi.MODULE,
            {config.CONFIG_FILES_VARIABLE: str(self.home / 'usermsg.conf')},
            ('--processes', '2', '--threads', '2')))
        self.addCleanup(self.server.stop)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            end = time.monotonic() + 120
            # The first process makes a file as well, before it forks.
            while len(list(directory.glob('counter_*.db'))) < 3:
                self.assertLess(time.monotonic(), end,
                                'only one process serves requests')
                # More requests than the threads of one process.
                self.send_slow_requests(3)
            number = 50
            self.assertEqual([200] * number, list(
                pool.map(lambda _: self.request('/v3/messages')[0],
                         range(number))))
        for _time in range(10):
            status, text = self.request('/metrics')
            self.assertEqual(200, status)
            metrics = scrape.parse(text)
            self.assertEqual(
                number, metrics[scrape.REQUESTS]['GET', '/v3/messages', '200'])
            self.assertEqual(number, metrics[
                'usermsg_http_request_duration_seconds_count'][
                    'GET', '/v3/messages'])
        self.assertEqual(404, self.request(
            '/metrics', {'X-Forwarded-For': '192.0.2.1'})[0])

    def send_slow_requests(self, number):
        """Send requests that all begin before the first one ends."""
        with contextlib.ExitStack() as opened:
            socks = [opened.enter_context(socket.create_connection(
                ('127.0.0.1', self.server.port), 30)) for _ in range(number)]
            for sock in socks:
                sock.sendall(b'POST /v3/messages HTTP/1.1\r\nHost: x\r\n'
                             b'Content-Type: application/json\r\n'
                             b'Content-Length: 2\r\n\r\n{')
            # There is no sign that all have begun; if that takes longer, the
            # caller tries again.
            time.sleep(0.5)
            for sock in socks:
                sock.sendall(b'}')
                self.assertIn(b' 400 ', sock.recv(65536))

    def request(self, address, headers=None):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=30)
        try:
            connection.request('GET', address, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()
