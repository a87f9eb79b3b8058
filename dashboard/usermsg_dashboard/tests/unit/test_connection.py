# SPDX-License-Identifier: Apache-2.0
"""Bounds of the time and of the size of a response, with a real server."""

import http.server
import threading
import types

from django import test
from keystoneauth1 import exceptions

from usermsg_dashboard import client
from usermsg_dashboard import connection


class _Server(http.server.ThreadingHTTPServer):
    """Server that sends the body of each response in parts.

    :param parts: the parts
    :param delay: seconds before each one
    """

    def __init__(self, parts, delay):
        self.parts = parts
        self.delay = delay
        self.stopped = threading.Event()
        super().__init__(('127.0.0.1', 0), _Handler)

    @property
    def url(self):
        return 'http://{}:{}'.format(*self.server_address)

    def stop(self):
        self.stopped.set()
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length',
                         str(sum(map(len, self.server.parts))))
        self.end_headers()
        try:
            for part in self.server.parts:
                self.server.stopped.wait(self.server.delay)
                self.wfile.write(part)
        except OSError:
            # The client has closed the connection.
            pass

    def log_message(self, *args):
        pass


class ConnectionTest(test.SimpleTestCase):

    def send(self, parts, delay, timeout):
        server = _Server(parts, delay)
        threading.Thread(target=server.serve_forever).start()
        self.addCleanup(server.stop)
        user = types.SimpleNamespace(
            token=types.SimpleNamespace(id='token'),
            services_region='RegionOne', service_catalog=[
                {'type': client.SERVICE_TYPE, 'endpoints': [
                    {'region': 'RegionOne', 'interface': 'public',
                     'url': server.url}]}])
        return connection.Connection(
            types.SimpleNamespace(user=user), [client.SERVICE_TYPE],
            timeout).send('GET', '/')

    def test_body_in_parts_is_read(self):
        response = self.send([b'{"messages"', b': []}'], 0.01, 10)
        self.assertEqual({'messages': []}, response.json())

    def test_each_byte_does_not_begin_the_timeout_again(self):
        self.assertRaises(exceptions.RequestTimeout, self.send,
                          [b' '] * 100, 0.2, 1)

    def test_end_of_a_body_may_be_missing(self):
        self.assertRaises(exceptions.RequestTimeout, self.send,
                          [b' ', b' '], 60, 1)

    def test_size_is_bounded(self):
        self.assertRaises(connection.InvalidResponse, self.send,
                          [b' ' * 2 ** 20] * 17, 0, 10)
