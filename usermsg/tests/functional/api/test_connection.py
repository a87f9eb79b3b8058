# SPDX-License-Identifier: Apache-2.0
"""Clients that flood the server, are slow, or go away, over sockets.

The servers have a single thread, so a client that held it would keep all
others waiting, and few file descriptors.
"""

import atexit
import contextlib
import functools
import json
import pathlib
import socket
import threading
import time

from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import standalone

#: Seconds that a client would hold what it could hold.
LONG = 3600

#: Seconds, for a test that waits for their end.
SHORT = 3

OPEN_FILES = 128

#: Bytes, of a body.
LIMIT = 1024 * 1024

HEAD = b'GET /v3/messages HTTP/1.1\r\nHost: x\r\n'
POST = (b'POST /v3/messages HTTP/1.1\r\nHost: x\r\n'
        b'Content-Type: application/json\r\n')
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'

#: How a request may begin, and what may be added to it without an end.
TRICKLES = ((b'', b'G'), (HEAD, b'X: y\r\n'),
            (HEAD + b'Content-Length: 100000\r\n\r\n', b'x'),
            (CHUNKED, b'1\r\nx\r\n'), (CHUNKED + b'0\r\n', b'X: y\r\n'))


@functools.cache
def start(client_timeout):
    """A server of this test process."""
    server = standalone.UsermsgApi(
        OPEN_FILES, api={'threads': 1, 'client_timeout': client_timeout})
    atexit.register(server.stop)
    # A list of them is more than sockets take without a reader, and as many
    # as fit into one read are more than waitress buffers.
    for _number in range(300):
        http_client.record(server.runtime, 'admin')
    return server


class ConnectionTestCase(base.TestCase):

    #: Seconds that a client has.
    client_timeout = LONG

    #: Seconds that a test waits; less than a connection may be idle.
    deadline = 28

    def setUp(self):
        super().setUp()
        self.server = start(self.client_timeout)

    def connect(self):
        sock = socket.create_connection(
            ('127.0.0.1', self.server.port), self.deadline)
        self.addCleanup(sock.close)
        return sock

    def connect_without_buffers(self):
        """Connect so that next to nothing is on its way without a reader."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.settimeout(self.deadline)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 500)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(('127.0.0.1', self.server.port))
        return sock

    def receive(self, sock):
        """All that comes until the server closes the connection."""
        received = b''
        with contextlib.suppress(ConnectionError):
            while len(received) < 10 * LIMIT and (data := sock.recv(65536)):
                received += data
        return received

    def status(self, sock, request):
        """Send a request to its end or until it is refused."""
        with contextlib.suppress(ConnectionError):
            sock.sendall(request)
        return int(self.receive(sock).split()[1])

    def assert_others_are_served(self):
        self.assertEqual(200, self.status(
            self.connect(), HEAD + b'Connection: close\r\n\r\n'))

    def is_open(self, sock):
        """Whether the server's end of a connection is open."""
        ends = ' '.join(f'0100007F:{port:04X}' for port in (
            self.server.port, sock.getsockname()[1]))
        return f'{ends} 01' in pathlib.Path('/proc/net/tcp').read_text()


class TestThreads(ConnectionTestCase):

    def test_idle_connections_hold_none(self):
        for _number in range(5):
            self.connect()
        sock = self.connect()
        sock.sendall(HEAD + b'\r\n')
        self.assertIn(b' 200 ', sock.recv(65536))
        self.assert_others_are_served()

    def test_half_requests_hold_none(self):
        for begin, _more in TRICKLES:
            self.connect().sendall(begin)
        self.assert_others_are_served()

    def test_clients_that_go_away_hold_none(self):
        for begin, more in TRICKLES:
            with self.connect() as sock:
                sock.sendall(begin + more)
        self.assert_others_are_served()

    def test_clients_that_read_nothing_hold_none(self):
        self.connect_without_buffers().sendall(HEAD + b'\r\n')
        sock = self.connect()
        sock.sendall((HEAD + b'\r\n') * 1000)
        self.assert_others_are_served()
        # A thread would wait, as there are more responses than are buffered.
        self.assertLess(len(self.receive(sock)), 2 * LIMIT)

    def test_urgent_data_closes_the_connection(self):
        sock = self.connect()
        sock.send(b'!', socket.MSG_OOB)
        self.assertEqual(b'', self.receive(sock))


class TestTimeouts(ConnectionTestCase):

    client_timeout = SHORT
    deadline = 120

    def test_trickled_requests_are_given_up(self):
        socks = []
        for begin, more in TRICKLES * 2:
            sock = self.connect()
            sock.sendall(begin)
            socks.append((sock, more))
        ended = threading.Event()
        self.addCleanup(ended.set)

        def send():
            while not ended.wait(0.05):
                for sock, more in socks:
                    with contextlib.suppress(OSError):
                        sock.sendall(more)

        threading.Thread(target=send, daemon=True).start()
        for sock, _more in socks:
            self.assertEqual(b'', self.receive(sock))

    def test_idle_connections_are_closed(self):
        self.assertEqual(b'', self.receive(self.connect()))
        sock = self.connect()
        sock.sendall(HEAD + b'\r\n')
        self.assertIn(b' 200 ', self.receive(sock))

    def test_more_idle_connections_than_descriptors_are_survived(self):
        lines = self.server.log().count('\n')
        for _number in range(OPEN_FILES):
            self.connect()
        for _number in range(20):
            self.assertLess(self.server.open_files(), OPEN_FILES / 2)
            time.sleep(0.1)
        self.assert_others_are_served()
        self.assertLess(self.server.log().count('\n') - lines, 5)

    def test_responses_that_are_taken_too_slowly_are_given_up(self):
        for length in (0, 1):
            sock = self.connect_without_buffers()
            sock.sendall(HEAD + b'\r\n')
            self.assertIn(b'HTTP/1.1 200 OK', sock.recv(100))
            end = time.monotonic() + self.deadline
            while self.is_open(sock):
                self.assertLess(time.monotonic(), end)
                sock.recv(length)
                time.sleep(0.05)


class TestMalformed(ConnectionTestCase):

    def test_chunks_without_a_possible_size_are_refused(self):
        for size, status in (
                (b'FFFFFFFFFFFFFFFF\r\nx', 413), (b'f' * 5000 + b'\r\nx', 413),
                (b'1' * 100_000, 413), (b'0\r\nX: ' + b'x' * 100_000, 413),
                (b'-1\r\nx', 400), (b'0x5\r\nx', 400), (b'many\r\nx', 400),
                (b'5\r\nlonger!', 400)):
            self.assertEqual(
                status, self.status(self.connect(), CHUNKED + size), size[:9])

    def test_headers_over_the_limit_are_refused(self):
        for length in (64 * 1024, 4 * 1024 * 1024):
            self.assertEqual(431, self.status(
                self.connect(), HEAD + b'X: ' + b'x' * length + b'\r\n\r\n'))

    def test_a_header_costs_no_more_than_its_length(self):
        before = self.server.cpu_seconds()
        self.assertEqual(400, self.status(
            self.connect(), HEAD + b'X:' + b' ' * 32_000 + b'\0\r\n\r\n'))
        self.assertLess(self.server.cpu_seconds() - before, 5)

    def test_bodies_over_the_limit_occupy_no_more_than_it(self):
        # More than sockets take without a reader.
        block = b'%x\r\n%b\r\n' % (3 * LIMIT, b'x' * 3 * LIMIT)
        before = self.server.memory_use()
        socks = [self.connect() for _number in range(10)]
        for sock in socks:
            sock.sendall(CHUNKED + block * 4)
        self.assert_others_are_served()
        self.assertLess(self.server.memory_use() - before, 25 * LIMIT)
        for sock in socks:
            sock.sendall(b'0\r\n\r\n')
            self.assertIn(b' 413 ', sock.recv(65536))

    def test_a_body_without_an_end_is_refused(self):
        block = b'%x\r\n%b\r\n' % (LIMIT, b'x' * LIMIT)
        self.assertEqual(413, self.status(
            self.connect(), CHUNKED + block * 32))


class TestHalfABody(ConnectionTestCase):
    """Messages whose recording ended before its end."""

    client_timeout = SHORT
    deadline = 120

    MESSAGE = json.dumps({'message': {
        'event_id': 'VOLUME_000002', 'project_id': 'red'}}).encode()

    def record(self, body):
        sock = self.connect()
        sock.sendall(body)
        return sock

    def assert_nothing_is_recorded(self, body):
        stored = samples.stored(self.server.runtime.db)
        self.record(body).close()
        ended = self.record(body)
        ended.shutdown(socket.SHUT_WR)
        for sock in (ended, self.record(body)):
            self.assertEqual(b'', self.receive(sock))
        self.assert_others_are_served()
        self.assertEqual(stored, samples.stored(self.server.runtime.db))

    def test_with_a_length(self):
        # Also where what came would be a message.
        for body in (self.MESSAGE, self.MESSAGE[:-10]):
            self.assert_nothing_is_recorded(
                POST + b'Content-Length: %d\r\n\r\n' % (
                    len(self.MESSAGE) + 10) + body)

    def test_without_the_last_chunk(self):
        self.assert_nothing_is_recorded(
            CHUNKED + b'%x\r\n%b\r\n' % (len(self.MESSAGE), self.MESSAGE))

    def test_within_a_chunk(self):
        self.assert_nothing_is_recorded(
            CHUNKED + b'%x\r\n%b' % (len(self.MESSAGE) + 5, self.MESSAGE))

    def test_all_of_it_is_recorded(self):
        before = len(samples.stored(self.server.runtime.db))
        self.assertEqual(201, self.status(self.connect(), (
            POST + b'Connection: close\r\nContent-Length: %d\r\n\r\n' %
            len(self.MESSAGE) + self.MESSAGE)))
        self.assertEqual(before + 1,
                         len(samples.stored(self.server.runtime.db)))
