# SPDX-License-Identifier: Apache-2.0
"""Chunked request bodies sent to each WSGI server over sockets.

functional/api/test_connection.py has the tests of the stand-alone server.
"""

import contextlib
import json
import socket

from usermsg.tests import base
from usermsg.tests.fixtures import deployment
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

MIB = 1024 * 1024

HEAD = (b'POST /v3/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
        b'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n'
        b'\r\n')

MESSAGE = json.dumps({'message': {
    'event_id': 'VOLUME_000002', 'project_id': 'red'}}).encode()

#: Malformed chunk sizes, which make the rest of the body unreadable.
MALFORMED = (b'-1\r\n', b'0x5\r\n', b'many\r\n', b'\r\n', b'2\r\n')

#: Part of a request at which the client closes its side of the connection.
END = object()


class ChunkedBodyMixin:

    def setUp(self):
        super().setUp()
        self.service = self.runtime(api=base.EXPOSED)
        self.server = self.start(str(self.home / 'usermsg.conf'))

    def gunicorn(self, path):
        server = servers.require(
            lambda: deployment.Gunicorn(path, self.options))
        self.addCleanup(server.stop)
        return server

    def behind_nginx(self, server, changes=None):
        front = servers.require(
            lambda: deployment.Nginx(server.socket, changes))
        self.addCleanup(front.stop)
        self.connect = front.connect
        return server

    def status(self, *parts):
        """Send a request; return its status.

        The server may respond and close before all parts are sent.
        """
        with contextlib.closing(self.connect()) as sock:
            with contextlib.suppress(OSError):
                for part in (HEAD, *parts):
                    if part is END:
                        sock.shutdown(socket.SHUT_WR)
                    else:
                        sock.sendall(part)
            with sock.makefile('rb') as stream:
                return int(stream.readline().split()[1])

    def test_chunked_body_is_recorded(self):
        self.assertEqual(201, self.status(
            b'%x\r\n%b\r\n0\r\n\r\n' % (len(MESSAGE), MESSAGE)))

    def test_chunked_body_over_the_limit_returns_413(self):
        # Let each process load its modules before memory is measured.
        self.assertEqual({400}, {self.status(b'0\r\n\r\n')
                                 for _ in range(20)})
        memory = self.server.peak_memory()
        blocks = [b'x' * MIB] * 64
        # One chunk that is never complete; many; one that is 1 byte too large.
        for parts in ((b'40000000\r\n', *blocks),
                      [b'%x\r\n%b\r\n' % (MIB, block) for block in blocks],
                      (b'100001\r\n', b'x' * MIB, b'x\r\n0\r\n\r\n')):
            self.assertEqual(413, self.status(*parts))
        self.assertLess(self.server.peak_memory() - memory, 24 * MIB)
        self.assertEqual([], samples.stored(self.service.db))

    def test_malformed_chunks_return_400(self):
        for size in MALFORMED:
            self.assertEqual(400, self.status(
                size + MESSAGE + b'\r\n0\r\n\r\n'), size)
        self.assertEqual([], samples.stored(self.service.db))
        self.assertNotIn('Traceback', self.server.log())


class TestGunicorn(ChunkedBodyMixin, base.TestCase):

    options = ('--threads', '4')

    def start(self, path):
        server = self.gunicorn(path)
        self.connect = server.connect
        return server

    def test_incomplete_chunk_returns_400(self):
        for size in (b'ff', b'FFFFFFFFFFFFFFFF', b'f' * 5000):
            sent = size + b'\r\n' + MESSAGE
            self.assertEqual(400, self.status(sent, END), size)
            self.assertEqual(400, self.status(sent, b'0\r\n\r\n', END), size)
        self.assertEqual(
            413, self.status(b'FFFFFFFFFFFFFFFF\r\n', *[b'x' * MIB] * 64))
        self.assertEqual([], samples.stored(self.service.db))
        self.assertNotIn('Traceback', self.server.log())


class TestGunicornWithOneThread(TestGunicorn):
    options = ()


class TestGunicornBehindNginx(ChunkedBodyMixin, base.TestCase):

    options = ()

    def start(self, path):
        return self.behind_nginx(self.gunicorn(path), deployment.TO_GUNICORN)


class TestUwsgiBehindNginx(ChunkedBodyMixin, base.TestCase):

    def start(self, path):
        server = servers.require(lambda: deployment.Uwsgi(path))
        self.addCleanup(server.stop)
        return self.behind_nginx(server)
