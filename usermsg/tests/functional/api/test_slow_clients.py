# SPDX-License-Identifier: Apache-2.0
"""Clients that take their time, or go away, over sockets.

The server has a single thread: who holds it keeps everybody else waiting.
"""

import atexit
import contextlib
import functools
import json
import select
import socket
import threading
import time
import urllib.request

from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import scrape
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import standalone

#: Seconds; less than a timeout of cheroot's alone would take.
SOON = 20

#: Seconds that whoever holds the only thread would hold it.
LONG = 3600

HEAD = b'GET /v3/messages HTTP/1.1\r\nHost: x\r\n'


@functools.cache
def start(client_timeout):
    """A server of this test process."""
    server = standalone.UsermsgApi(
        api={'threads': 1, 'client_timeout': client_timeout},
        metrics={'port': servers.free_port()})
    atexit.register(server.stop)
    return server


class SlowClientTestCase(base.TestCase):

    #: Seconds that a client has.
    client_timeout = LONG

    def setUp(self):
        super().setUp()
        self.server = start(self.client_timeout)

    def connect(self, timeout=SOON):
        sock = socket.create_connection(
            ('127.0.0.1', self.server.port), timeout)
        self.addCleanup(sock.close)
        return sock

    def answer(self, sock):
        """Status and content of an answer, and of nothing after it."""
        received = b''
        while data := sock.recv(65536):
            received += data
        head, _, body = received.partition(b'\r\n\r\n')
        return int(head.split()[1]), json.loads(body)

    def assert_somebody_is_served(self):
        sock = self.connect()
        sock.sendall(HEAD + b'Connection: close\r\n\r\n')
        self.assertEqual(200, self.answer(sock)[0])


class TestTrickling(SlowClientTestCase):

    # Also for who has connected and has yet to say something, as we do.
    client_timeout = 5

    def trickle(self, sock, byte):
        """Send without an end; the server's timeout begins anew each time."""
        ended = threading.Event()
        self.addCleanup(ended.set)

        def send():
            with contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    sock.sendall(byte)

        threading.Thread(target=send, daemon=True).start()

    def test_a_request_line(self):
        sock = self.connect()
        self.trickle(sock, b'G')
        self.assert_somebody_is_served()

    def test_headers(self):
        sock = self.connect()
        sock.sendall(HEAD)
        self.trickle(sock, b'X: y\r\n')
        self.assert_somebody_is_served()

    def test_a_body(self):
        sock = self.connect()
        sock.sendall(HEAD + b'Content-Length: 100000\r\n\r\n')
        self.trickle(sock, b'x')
        self.assert_somebody_is_served()

    def test_a_body_in_chunks(self):
        sock = self.connect()
        sock.sendall(HEAD + b'Transfer-Encoding: chunked\r\n\r\n')
        self.trickle(sock, b'1\r\nx\r\n')
        self.assert_somebody_is_served()

    def test_who_is_too_slow_is_told(self):
        sock = self.connect()
        sock.sendall(b'GET /v3/messages HT')
        status, content = self.answer(sock)
        self.assertEqual(408, status)
        self.assertEqual('user-message.not_served',
                         content['errors'][0]['code'])

    def test_who_takes_no_answer_is_left(self):
        for _number in range(200):
            http_client.record(self.server.runtime, 'admin')
        sock = self.connect()
        sock.setblocking(False)
        # More answers than all the buffers between us hold.
        requests = (HEAD + b'\r\n') * 1000
        gone = select.poll()
        gone.register(sock, select.POLLRDHUP)
        end = time.monotonic() + 60
        while not gone.poll(100):
            self.assertLess(time.monotonic(), end)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                requests = requests[sock.send(requests):]
            self.assert_somebody_is_served()
        self.assert_somebody_is_served()


class TestHolding(SlowClientTestCase):

    def test_who_says_nothing_holds_no_thread(self):
        for _number in range(5):
            self.connect()
        self.assert_somebody_is_served()

    def test_nor_between_two_requests(self):
        sock = self.connect()
        sock.sendall(HEAD + b'\r\n')
        self.assertIn(b' 200 ', sock.recv(65536))
        self.assert_somebody_is_served()

    def test_who_goes_away_holds_no_thread(self):
        for sent in (b'GET /v3', HEAD, HEAD + b'X', HEAD + (
                b'Content-Length: 1000\r\n\r\nx'), HEAD + (
                b'Transfer-Encoding: chunked\r\n\r\n5\r\nx')):
            sock = self.connect()
            sock.sendall(sent)
            sock.close()
            self.assert_somebody_is_served()

    def test_who_goes_away_does_nothing_by_halves(self):
        message = http_client.record(self.server.runtime, 'admin')
        sock = self.connect()
        sock.sendall(b'DELETE /v3/messages/%s HTTP/1.1\r\nHo' %
                     message.id.encode())
        sock.close()
        sock = self.connect()
        sock.sendall(b'GET /v3/messages/%s HTTP/1.1\r\nHost: x\r\n'
                     b'Connection: close\r\n\r\n' % message.id.encode())
        self.assertEqual(200, self.answer(sock)[0])

    def test_long_headers_are_sent_to_the_end_and_answered(self):
        for length in (64 * 1024, 4 * 1024 * 1024):
            sock = self.connect()
            sock.sendall(HEAD + b'X: ' + b'x' * length + b'\r\n\r\n')
            status, content = self.answer(sock)
            self.assertEqual(413, status)
            self.assertEqual(413, content['error']['code'])
        self.assert_somebody_is_served()

    def test_a_long_body_in_chunks_is_sent_to_the_end_and_answered(self):
        sock = self.connect()
        sock.sendall(b'PUT /v3/messages HTTP/1.1\r\nHost: x\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\n')
        sock.sendall((b'100000\r\n' + b'x' * 0x100000 + b'\r\n') * 10 +
                     b'0\r\n\r\n')
        self.assertEqual(405, self.answer(sock)[0])
        self.assert_somebody_is_served()


class TestHalfABody(SlowClientTestCase):
    """Who began to record a message, and what came of it."""

    client_timeout = 5

    MESSAGE = json.dumps({'message': {
        'event_id': 'VOLUME_000002', 'project_id': 'red'}}).encode()

    def refused(self):
        """How many requests to record were answered with 400."""
        port = self.server.runtime.conf.metrics.port
        with urllib.request.urlopen(  # nosec
                f'http://127.0.0.1:{port}/', timeout=30) as answer:
            return scrape.read(answer.read().decode())[
                scrape.REQUESTS].get(('POST', '/v3/messages', '400'), 0)

    def record(self, header, body):
        """Send a request; returns its connection."""
        sock = self.connect()
        sock.sendall(b'POST /v3/messages HTTP/1.1\r\nHost: x\r\n'
                     b'Content-Type: application/json\r\n' +
                     header + b'\r\n\r\n' + body)
        return sock

    def close(self, sock):
        sock.close()

    def shut_down(self, sock):
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(400, self.answer(sock)[0])

    def stall(self, sock):
        self.assertEqual(400, self.answer(sock)[0])

    def assert_nothing_is_recorded(self, header, body):
        stored = samples.stored(self.server.runtime.db)
        for leave in (self.close, self.shut_down, self.stall):
            before = self.refused()
            leave(self.record(header, body))
            # The answer comes before it is counted, or goes nowhere.
            end = time.monotonic() + 60
            while self.refused() == before:
                self.assertLess(time.monotonic(), end, leave)
                time.sleep(0.05)
            self.assert_somebody_is_served()
        self.assertEqual(stored, samples.stored(self.server.runtime.db))
        self.assertNotIn('Traceback', self.server.log())

    def test_with_a_length(self):
        # Also where what came would be a message.
        for body in (self.MESSAGE, self.MESSAGE[:-10]):
            self.assert_nothing_is_recorded(
                b'Content-Length: %d' % (len(self.MESSAGE) + 10), body)

    def test_without_the_last_chunk(self):
        self.assert_nothing_is_recorded(
            b'Transfer-Encoding: chunked',
            b'%x\r\n%b\r\n' % (len(self.MESSAGE), self.MESSAGE))

    def test_within_a_chunk(self):
        self.assert_nothing_is_recorded(
            b'Transfer-Encoding: chunked',
            b'%x\r\n%b' % (len(self.MESSAGE) + 5, self.MESSAGE))

    def test_all_of_it_is_recorded(self):
        before = len(samples.stored(self.server.runtime.db))
        sock = self.record(
            b'Connection: close\r\nContent-Length: %d' % len(self.MESSAGE),
            self.MESSAGE)
        self.assertEqual(201, self.answer(sock)[0])
        self.assertEqual(before + 1,
                         len(samples.stored(self.server.runtime.db)))
