# SPDX-License-Identifier: Apache-2.0
"""Tests of image downloads over HTTP, with real WSGI servers."""

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
_BLOCKS = 1000  # more than sockets buffer without a reader
_SIZE = len(_BLOCK) * _BLOCKS
_IMAGE = {'id': 'a281631a-a6aa-4b8e-9ecf-21e7940c5cdd', 'owner': 'red',
          'size': _SIZE}


class Sink(queue.Queue):
    send = queue.Queue.put


class Service:
    """WSGI application that sends an image."""

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


def download(address, number, size=None):
    """Request an image; return the number of bytes received.

    :param size: the client disconnects after as many bytes, if given
    """
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(f'GET /{number} HTTP/1.0\r\n\r\n'.encode())
        received = 0
        while size is None or received < size:
            data = client.recv(65536)
            if not data:
                break
            received += len(data)
        if size is not None:
            # Discard unread data and reset the connection, which the server
            # notices at once.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack('ii', 1, 0))
        return received


class DownloadTests:

    def next_result(self):
        sent = self.sink.get(timeout=60)
        self.assertEqual('127.0.0.1', sent.payload['destination_ip'])
        return sent.priority, sent.payload['bytes_sent']

    def test_complete_download_is_info(self):
        download(self.address, _BLOCKS)
        self.assertEqual(('INFO', _SIZE), self.next_result())

    def test_early_disconnection_is_an_error(self):
        download(self.address, _BLOCKS, size=1000)
        priority, sent = self.next_result()
        self.assertEqual('ERROR', priority)
        self.assertLess(sent, _SIZE)

    def test_incomplete_download_is_an_error(self):
        download(self.address, 10)
        self.assertEqual(('ERROR', 10 * len(_BLOCK)), self.next_result())

    def test_concurrent_downloads_send_one_notification_each(self):
        numbers = (10, 20, 30, 40)
        threads = [
            threading.Thread(target=download, args=(self.address, number))
            for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(
            {('ERROR', number * len(_BLOCK)) for number in numbers},
            {self.next_result() for _number in numbers})


class WaitressTest(DownloadTests, base.TestCase):

    def setUp(self):
        super().setUp()
        self.sink = Sink()
        # The buffer is smaller than an image, so that the server notices a
        # client that disconnects.
        server = waitress.create_server(
            Service(self.sink), host='127.0.0.1', port=0,
            outbuf_high_watermark=len(_BLOCK))
        self.addCleanup(server.close)
        self.addCleanup(server.task_dispatcher.shutdown)
        self.address = ('127.0.0.1', int(server.effective_port))
        stopped = threading.Event()

        def serve():
            while not stopped.is_set():
                server.asyncore.loop(0.05, map=server._map, count=1)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stopped.set)


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
