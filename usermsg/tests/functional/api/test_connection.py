# SPDX-License-Identifier: Apache-2.0
"""Tests with sockets of clients that flood the server, stall or disconnect.

The servers have a single thread, so a client that occupied it would keep all
others waiting, and few file descriptors.
"""

import atexit
import contextlib
import functools
import http.client
import json
import pathlib
import socket
import threading
import time
import types

from usermsg.api import connection
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import standalone
from usermsg.tests.fixtures import waiting

#: Seconds; a timeout that doesn't expire during a test.
LONG = 3600

#: Seconds; a timeout whose expiry a test waits for.
SHORT = 3

OPEN_FILES = 128

#: Bytes of the longest body.
LIMIT = 1024 * 1024

HEAD = b'GET /v3/messages HTTP/1.1\r\nHost: x\r\n'
POST = (b'POST /v3/messages HTTP/1.1\r\nHost: x\r\n'
        b'Content-Type: application/json\r\n')
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'

#: Beginning of a request, and data that can be repeated without completing it.
TRICKLES = ((b'', b'G'), (HEAD, b'X: y\r\n'),
            (HEAD + b'Content-Length: 100000\r\n\r\n', b'x'),
            (CHUNKED, b'1\r\nx\r\n'), (CHUNKED + b'0\r\n', b'X: y\r\n'))


@functools.cache
def start(client_timeout):
    """Start a server that the tests of this process share."""
    server = standalone.UsermsgApi(
        OPEN_FILES, api={'threads': 1, 'client_timeout': client_timeout})
    atexit.register(server.stop)
    # The list of these messages is longer than the socket buffers, and the
    # responses to the requests of one read are longer than waitress's buffers.
    for _number in range(300):
        http_client.record(server.runtime, 'admin')
    return server


class ConnectionTestCase(base.TestCase):

    #: Timeout of clients, in seconds.
    client_timeout = LONG

    #: Seconds that a test waits; less than the timeout of idle connections.
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
        """Connect with small buffers, so that little data is in flight."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.settimeout(self.deadline)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 500)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(('127.0.0.1', self.server.port))
        return sock

    def receive(self, sock):
        """Return the data received until the server closes the connection."""
        received = b''
        with contextlib.suppress(ConnectionError):
            while len(received) < 10 * LIMIT and (data := sock.recv(65536)):
                received += data
        return received

    def status(self, sock, request):
        """Send a request as far as the server reads it; return the status."""
        with contextlib.suppress(ConnectionError):
            sock.sendall(request)
        return int(self.receive(sock).split()[1])

    def assert_others_are_served(self):
        self.assertEqual(200, self.status(
            self.connect(), HEAD + b'Connection: close\r\n\r\n'))

    def is_open(self, sock):
        """Return True if the server's end of a connection is open."""
        ends = ' '.join(f'0100007F:{port:04X}' for port in (
            self.server.port, sock.getsockname()[1]))
        return f'{ends} 01' in pathlib.Path('/proc/net/tcp').read_text()


class TestThreads(ConnectionTestCase):

    def test_idle_connections_occupy_no_thread(self):
        for _number in range(5):
            self.connect()
        sock = self.connect()
        sock.sendall(HEAD + b'\r\n')
        self.assertIn(b' 200 ', sock.recv(65536))
        self.assert_others_are_served()

    def test_incomplete_requests_occupy_no_thread(self):
        for begin, _more in TRICKLES:
            self.connect().sendall(begin)
        self.assert_others_are_served()

    def test_disconnected_clients_occupy_no_thread(self):
        for begin, more in TRICKLES:
            with self.connect() as sock:
                sock.sendall(begin + more)
        self.assert_others_are_served()

    def test_clients_that_read_nothing_occupy_no_thread(self):
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

    def test_trickled_requests_time_out(self):
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

    def test_more_idle_connections_than_descriptors(self):
        lines = self.server.log().count('\n')
        for _number in range(OPEN_FILES):
            self.connect()
        for _number in range(20):
            self.assertLess(self.server.open_files(), OPEN_FILES / 2)
            time.sleep(0.1)
        self.assert_others_are_served()
        self.assertLess(self.server.log().count('\n') - lines, 5)

    def test_responses_read_too_slowly_time_out(self):
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

    def test_chunks_with_invalid_size_are_refused(self):
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

    def test_header_with_many_blanks_is_parsed_quickly(self):
        before = self.server.cpu_seconds()
        self.assertEqual(400, self.status(
            self.connect(), HEAD + b'X:' + b' ' * 32_000 + b'\0\r\n\r\n'))
        self.assertLess(self.server.cpu_seconds() - before, 5)

    def test_bodies_over_the_limit_use_bounded_memory(self):
        # More than the socket buffers hold.
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

    def test_endless_body_is_refused(self):
        block = b'%x\r\n%b\r\n' % (LIMIT, b'x' * LIMIT)
        self.assertEqual(413, self.status(
            self.connect(), CHUNKED + block * 32))


class TestIncompleteBody(ConnectionTestCase):
    """Tests of requests that end before their bodies do."""

    client_timeout = SHORT
    deadline = 120

    MESSAGE = json.dumps({'message': {
        'event_id': 'VOLUME_000002', 'project_id': 'red'}}).encode()

    def record(self, body):
        sock = self.connect()
        sock.sendall(body)
        return sock

    def assert_not_recorded(self, body):
        stored = samples.stored(self.server.runtime.db)
        self.record(body).close()
        ended = self.record(body)
        ended.shutdown(socket.SHUT_WR)
        for sock in (ended, self.record(body)):
            self.assertEqual(b'', self.receive(sock))
        self.assert_others_are_served()
        self.assertEqual(stored, samples.stored(self.server.runtime.db))

    def test_body_shorter_than_content_length_is_not_recorded(self):
        # Also if the received part is a valid message.
        for body in (self.MESSAGE, self.MESSAGE[:-10]):
            self.assert_not_recorded(
                POST + b'Content-Length: %d\r\n\r\n' % (
                    len(self.MESSAGE) + 10) + body)

    def test_body_without_last_chunk_is_not_recorded(self):
        self.assert_not_recorded(
            CHUNKED + b'%x\r\n%b\r\n' % (len(self.MESSAGE), self.MESSAGE))

    def test_body_that_ends_within_chunk_is_not_recorded(self):
        self.assert_not_recorded(
            CHUNKED + b'%x\r\n%b' % (len(self.MESSAGE) + 5, self.MESSAGE))

    def test_complete_body_is_recorded(self):
        before = len(samples.stored(self.server.runtime.db))
        self.assertEqual(201, self.status(self.connect(), (
            POST + b'Connection: close\r\nContent-Length: %d\r\n\r\n' %
            len(self.MESSAGE) + self.MESSAGE)))
        self.assertEqual(before + 1,
                         len(samples.stored(self.server.runtime.db)))


class TestRefusals(base.TestCase):
    """Responses with status 429 of a server with a single thread."""

    def setUp(self):
        super().setUp()
        self.server = standalone.UsermsgApi(
            api={'threads': 1},
            messages={'record_rate': 0.001, 'record_burst': 1000})
        self.addCleanup(self.server.stop)
        self.clients = []
        entry = {'event_id': 'VOLUME_000002', 'project_id': 'red'}
        self.refused = json.dumps({'message': entry})
        self.assertEqual(201, self.send(
            'POST', json.dumps({'messages': [entry] * 1000})).status)

    def connect(self):
        client = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=60)
        self.addCleanup(client.close)
        self.clients.append(client)
        return client

    def send(self, method, content=None, client=None):
        client = client or self.connect()
        client.request(method, '/v3/messages', content,
                       {'Content-Type': 'application/json'})
        response = client.getresponse()
        response.read()
        return response

    def test_refusal_is_sent_a_second_after_its_request(self):
        client = self.connect()
        for _ in range(2):
            start = time.monotonic()
            response = self.send('POST', self.refused, client)
            self.assertGreaterEqual(time.monotonic() - start, 1)
            self.assertEqual(429, response.status)
            self.assertIn('Retry-After', response.headers)

    def test_refusal_occupies_no_thread_before_it_is_sent(self):
        # On a busy machine the other request may take longer by chance.
        for _ in range(20):
            start = time.monotonic()
            client = self.connect()
            client.request('POST', '/v3/messages', self.refused,
                           {'Content-Type': 'application/json'})
            self.assertEqual(200, self.send('GET').status)
            elapsed = time.monotonic() - start
            self.assertEqual(429, client.getresponse().status)
            if elapsed < 1:
                return
        self.fail('each request waited for the refusal of another')

    def hold(self, number):
        """Send requests whose refusals wait; return their connections."""
        clients = [self.connect() for _ in range(number)]
        for client in clients:
            client.request('POST', '/v3/messages', self.refused,
                           {'Content-Type': 'application/json'})
        # The thread handles requests in their order.
        self.assertEqual(200, self.send('GET').status)
        return clients

    def test_disconnected_clients_leave_places_for_other_refusals(self):
        before = self.server.open_files()
        for client in self.hold(connection.MAX_HELD):
            client.close()
        self.assertEqual(200, self.send('GET').status)
        for client in self.clients:
            client.close()
        waiting.until(lambda: self.server.open_files() <= before)
        start = time.monotonic()
        self.assertEqual(429, self.send('POST', self.refused).status)
        self.assertGreaterEqual(time.monotonic() - start, 1)
        self.assertNotIn('Traceback', self.server.log())

    def test_stop_sends_waiting_refusals(self):
        clients = self.hold(10)
        self.assertEqual(0, self.server.end())
        for client in clients:
            response = client.getresponse()
            self.assertEqual(429, response.status)
            self.assertIn('errors', json.loads(response.read()))
        self.assertNotIn('Traceback', self.server.log())

    def test_stop_does_not_wait_for_disconnected_clients(self):
        for client in self.hold(10):
            client.close()
        self.assertEqual(0, self.server.end())
        self.assertNotIn('Traceback', self.server.log())

    def test_requests_sent_while_a_refusal_waits_follow_it(self):
        [client] = self.hold(1)
        client.sock.sendall(HEAD.replace(b'GET', b'HEAD') + b'\r\n')
        # The server closes the connection after requests that it reads
        # together.
        received = b''
        while received.count(b'HTTP/1.1 ') < 2:
            data = client.sock.recv(65536)
            self.assertTrue(data, received)
            received += data
        client.sock.sendall(HEAD + b'Connection: close\r\n\r\n')
        while data := client.sock.recv(65536):
            received += data
        responses = [response.partition(b'\r\n\r\n')
                     for response in received.split(b'HTTP/1.1 ')[1:]]
        self.assertEqual(
            [429, self.send('HEAD').status, 200],
            [int(head.split()[0]) for head, _, _body in responses])
        refused, head, listed = (body for _, _, body in responses)
        self.assertIn('errors', json.loads(refused))
        self.assertEqual(b'', head)
        self.assertIn('messages', json.loads(listed))

    def test_refusal_of_pipelined_requests_closes_the_connection(self):
        # As each response to requests that are read together.
        body = self.refused.encode()
        post = POST + b'Content-Length: %d\r\n\r\n' % len(body) + body
        sock = socket.create_connection(('127.0.0.1', self.server.port), 60)
        self.addCleanup(sock.close)
        sock.sendall(post + HEAD + b'\r\n' + post)
        response = http.client.HTTPResponse(sock)
        response.begin()
        self.assertEqual((429, 'close'), (
            response.status, response.headers['Connection']))
        self.assertIn('errors', json.loads(response.read()))
        self.assertEqual(b'', sock.recv(1))

    def test_number_of_waiting_refusals_is_bounded(self):
        for number, expected in ((connection.MAX_HELD - 1, True),
                                 (connection.MAX_HELD, False)):
            channel = connection.Channel.__new__(connection.Channel)
            channel.server = types.SimpleNamespace(active_channels={
                index: types.SimpleNamespace(is_held=True)
                for index in range(number)})
            channel._request_begin = time.monotonic() + 60
            channel.total_outbufs_len = 1
            channel.hold_response()
            self.assertIs(expected, channel.is_held)
