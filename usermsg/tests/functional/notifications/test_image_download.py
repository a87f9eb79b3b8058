# SPDX-License-Identifier: Apache-2.0
"""Downloads of images over HTTP, by real servers."""

import queue
import socket
import socketserver
import struct
import threading
from wsgiref import simple_server

import waitress

from usermsg.catalogue import loader
from usermsg import context
from usermsg.notifications import image
from usermsg.tests import base

_BLOCK = bytes(64 * 1024)
_BLOCKS = 1000  # more than sockets take without a reader
_SIZE = len(_BLOCK) * _BLOCKS
_IMAGE = {'id': 'a281631a-a6aa-4b8e-9ecf-21e7940c5cdd', 'owner': 'red',
          'size': _SIZE}


class Sink(queue.Queue):
    send = queue.Queue.put


class Service:
    """Sends an image to whoever asks."""

    def __init__(self, sink):
        self._notifier = image.ImageNotifier(sink, loader.load(None))

    def __call__(self, environ, start_response):
        start_response('200 OK', [('Content-Length', str(_SIZE))])
        number = int(environ['PATH_INFO'][1:])
        return self._body(number, environ['REMOTE_ADDR'])

    def _body(self, number, address):
        receiver = context.RequestContext(project_id='blue', user_id='bob')
        with self._notifier.download(_IMAGE, receiver, address) as download:
            yield from download.count([_BLOCK] * number)


class _Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass

    def log_request(self, *args):
        pass


class _Threaded(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def ask(address, number, size=None):
    """Bytes of an answer; a size is when the client has enough."""
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(f'GET /{number} HTTP/1.0\r\n\r\n'.encode())
        found = 0
        while size is None or found < size:
            data = client.recv(65536)
            if not data:
                break
            found += len(data)
        if size is not None:
            # What isn't read is thrown away, and the server told at once.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack('ii', 1, 0))
        return found


class DownloadTests:

    def told(self):
        found = self.sink.get(timeout=60)
        self.assertEqual('127.0.0.1', found.payload['destination_ip'])
        return found.priority, found.payload['bytes_sent']

    def test_a_whole_image(self):
        ask(self.address, _BLOCKS)
        self.assertEqual(('INFO', _SIZE), self.told())

    def test_a_client_that_leaves(self):
        ask(self.address, _BLOCKS, size=1000)
        priority, sent = self.told()
        self.assertEqual('ERROR', priority)
        self.assertLess(sent, _SIZE)

    def test_an_image_that_falls_short(self):
        ask(self.address, 10)
        self.assertEqual(('ERROR', 10 * len(_BLOCK)), self.told())

    def test_many_at_once_are_told_each(self):
        numbers = (10, 20, 30, 40)
        threads = [threading.Thread(target=ask, args=(self.address, number))
                   for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(
            {('ERROR', number * len(_BLOCK)) for number in numbers},
            {self.told() for _number in numbers})


class WaitressTest(DownloadTests, base.TestCase):

    def setUp(self):
        super().setUp()
        self.sink = Sink()
        # Less than an image is buffered: it notices a client that leaves.
        server = waitress.create_server(
            Service(self.sink), host='127.0.0.1', port=0,
            outbuf_high_watermark=len(_BLOCK))
        self.addCleanup(server.close)
        self.addCleanup(server.task_dispatcher.shutdown)
        self.address = ('127.0.0.1', int(server.effective_port))
        ended = threading.Event()

        def serve():
            while not ended.is_set():
                server.asyncore.loop(0.05, map=server._map, count=1)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)


class WsgirefTest(DownloadTests, base.TestCase):

    def setUp(self):
        super().setUp()
        self.sink = Sink()
        server = simple_server.make_server(
            '127.0.0.1', 0, Service(self.sink), _Threaded, _Quiet)
        self.addCleanup(server.server_close)
        self.address = server.server_address
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
