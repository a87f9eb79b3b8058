# SPDX-License-Identifier: Apache-2.0
"""Connections to RabbitMQ, and texts for their errors."""

import contextlib
import functools
import math
import os
import select
import socket
import ssl
import sys
import time

import amqp
from amqp import method_framing
from amqp import spec

NO_RESPONSE = 'the broker does not respond'

#: Minimum of each wait, in seconds.
MIN_TIMEOUT = 0.05

# Number of buffered bytes from which a write is worthwhile.
_WRITE_SIZE = 64 * 1024

# Number of bytes that are read at once. py-amqp copies the rest of its buffer
# after each part of a frame.
_READ_SIZE = 16 * 1024


class Connection(amqp.Connection):
    """Connection whose waits have a deadline, regardless of other frames.

    py-amqp restarts its timeout after each frame, and so waits as long as
    heartbeats arrive.
    """

    def __init__(self, *args, **options):
        # Frames are written by this object, see :meth:`write`.
        super().__init__(*args, **options, frame_writer=(
            lambda connection, _transport: method_framing.frame_writer(
                connection, connection)))
        self._deadline = 0.0
        self._frames = bytearray()
        self._buffering = False
        self._buffers_reads = False
        self._poll = select.poll()
        self._tick_at = 0.0

    def connect(self, callback=None):
        super().connect(callback)
        self._poll.register(self.sock, select.POLLIN)
        self.wait_until(time.monotonic() + self.connect_timeout)

    def wait_until(self, deadline):
        """Set the deadline of all waits for the broker, also of writes.

        :param deadline: in monotonic seconds
        """
        self._deadline = deadline
        self.sock.settimeout(self._remaining())

    def _remaining(self):
        return max(self._deadline - time.monotonic(), MIN_TIMEOUT)

    def blocking_read(self, timeout=None):
        return super().blocking_read(
            self._remaining() if timeout is None else timeout)

    def buffer_reads(self):
        """Read all that has arrived at once, for many received messages.

        py-amqp reads each of the three parts of a frame separately. It keeps
        what it reads beyond them.
        """
        receive = self.transport._quick_recv
        self.transport._quick_recv = lambda size: receive(
            max(size, _READ_SIZE))
        self._buffers_reads = True

    def read_all(self):
        """Handle the frames that have arrived, without waiting for more."""
        self._deadline = time.monotonic() + self.connect_timeout
        while self._has_pending() or self._poll.poll(0):
            try:
                with self.transport.having_timeout(MIN_TIMEOUT):
                    frame = self.transport.read_frame()
            except TimeoutError:
                return  # py-amqp keeps the incomplete frame
            self.on_inbound_frame(frame)

    def _has_pending(self):
        """Return True if there is buffered data that poll() can't detect."""
        if self._buffers_reads and self.transport._read_buffer:
            return True
        # TLS has a buffer of its own.
        return getattr(self.sock, 'pending', int)()

    def tick(self):
        """Send heartbeats, and detect missing heartbeats of the broker."""
        now = time.monotonic()
        if now >= self._tick_at:
            self.heartbeat_tick()
            self._tick_at = now + (self.heartbeat / 4 or math.inf)

    @property
    def next_read_at(self):
        """The latest time of the next read and tick, in monotonic seconds."""
        return 0.0 if self._has_pending() else self._tick_at

    def publish(self, channel, message, exchange, key):
        """Buffer a message, which :meth:`flush` writes with others.

        Without the read that py-amqp does before each message.

        :returns: True if the buffer should be flushed
        """
        self._buffering = True
        channel.send_method(
            spec.Basic.Publish, 'Bssbb', (0, exchange, key, True, False),
            message)
        self._buffering = False
        return len(self._frames) >= _WRITE_SIZE

    def write(self, frame):
        self._frames += frame
        if not self._buffering:
            self.flush()

    def flush(self):
        frames, self._frames = self._frames, bytearray()
        if frames:
            self.transport.write(frames)


def connect(broker, host, timeout, **options):
    """Connect to one host.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param timeout: seconds for connecting, and for each later wait
    :param options: further arguments of amqp.Connection
    :raises Exception: see :func:`describe_error`
    """
    tls = broker.tls
    if tls is not None and broker.verify_names:
        tls = {**tls, 'server_hostname': host.name}
    connection = Connection(
        host.address, host.username, host.password,
        login_method=broker.login_method,
        virtual_host=broker.virtual_host, ssl=tls or False,
        connect_timeout=timeout,
        client_properties={'connection_name': (
            f'{os.path.basename(sys.argv[0])}:{os.getpid()}:'
            'notifications')},
        socket_settings={
            socket.TCP_USER_TIMEOUT: int(timeout * 1000) + 1}, **options)
    try:
        connection.connect()
    except BaseException as error:
        close(connection)
        if tls is None and _closed_by_peer(error):
            raise ConnectionError(
                'the broker closed the connection during the handshake; it '
                'may require TLS, see [oslo_messaging_rabbit] ssl') from None
        raise
    return connection


def probes(broker):
    """Return functions that connect to the hosts of a broker.

    :returns: address -> function(timeout in seconds), which returns the
        reason of a failure or None
    """
    return {host.address: functools.partial(_probe, broker, host)
            for host in broker.hosts}


def _probe(broker, host, timeout):
    try:
        close(connect(broker, host, timeout, heartbeat=0))
    except Exception as error:
        return describe_error(error)
    return None


def try_declare(connection, step):
    """Run ``step(channel)``, which declares an object, on a new channel.

    A declaration that the broker refuses ends its channel. The existing
    object, declared with other options, is used unchanged, since other
    services may depend on it. An object that the account may not declare is
    used likewise.

    :returns: the reason of the refusal, or None
    """
    channel = connection.channel()
    try:
        step(channel)
    except (amqp.AccessRefused, amqp.NotFound,
            amqp.PreconditionFailed) as error:
        if error.method_sig == spec.Basic.Publish:
            raise  # a message in flight was refused
        return error.reply_text
    channel.close()
    return None


def close(connection):
    """Close a connection without waiting for an unavailable broker."""
    with contextlib.suppress(Exception):
        if connection.connected:
            connection.wait_until(time.monotonic())
            connection.close()
    with contextlib.suppress(Exception):
        connection.collect()


def describe_error(error):
    """Return the reason of an error; it contains no message or password."""
    match error:
        case None:
            return 'the connection was closed'
        case amqp.AMQPError():
            return ' '.join(str(part) for part in (
                error.reply_code, error.reply_text) if part)
        case ssl.SSLCertVerificationError():
            return ('the certificate of the broker is not trusted: '
                    f'{error.verify_message}')
        case ssl.SSLError(reason='WRONG_VERSION_NUMBER'):
            return 'the broker does not use TLS on this port'
        case TimeoutError():
            return NO_RESPONSE
        case OSError():
            return error.strerror or str(error)
    return type(error).__name__


def _closed_by_peer(error):
    """Return True if the peer closed a connection before it sent anything."""
    return isinstance(error, ConnectionResetError) or (
        isinstance(error, OSError) and error.errno is None and
        not isinstance(error, TimeoutError))
