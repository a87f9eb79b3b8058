# SPDX-License-Identifier: Apache-2.0
"""Connections to RabbitMQ, and what went wrong with one in words."""

import contextlib
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

NO_ANSWER = 'it does not answer'

#: Seconds: the shortest time that anything is waited for.
LEAST = 0.05

# Bytes: as much is worth a write.
_ENOUGH = 64 * 1024


class Connection(amqp.Connection):
    """One that waits until a deadline at most, whatever comes meanwhile.

    py-amqp waits anew after each frame, and so as long as heartbeats come.
    """

    def __init__(self, *args, **options):
        # Its frames are written by this, see :meth:`write`.
        super().__init__(*args, **options, frame_writer=(
            lambda connection, _transport: method_framing.frame_writer(
                connection, connection)))
        self._deadline = 0.0
        self._frames = bytearray()
        self._held = False
        self._poll = select.poll()
        self._tick_at = 0.0

    def connect(self, callback=None):
        super().connect(callback)
        self._poll.register(self.sock, select.POLLIN)
        self.wait_until(time.monotonic() + self.connect_timeout)

    def wait_until(self, deadline):
        """Bound all that the broker is waited for, also to take frames.

        :param deadline: in monotonic seconds
        """
        self._deadline = deadline
        self.sock.settimeout(self._left())

    def _left(self):
        return max(self._deadline - time.monotonic(), LEAST)

    def blocking_read(self, timeout=None):
        return super().blocking_read(
            self._left() if timeout is None else timeout)

    def read_all(self):
        """Handle what has come, without waiting for the rest of a frame."""
        self._deadline = time.monotonic() + self.connect_timeout
        while self._has_pending() or self._poll.poll(0):
            try:
                with self.transport.having_timeout(LEAST):
                    frame = self.transport.read_frame()
            except TimeoutError:
                return  # py-amqp keeps a part of a frame
            self.on_inbound_frame(frame)

    def _has_pending(self):
        """True if TLS has read already what the socket does not show."""
        return getattr(self.sock, 'pending', int)()

    def tick(self):
        """Send heartbeats, and notice when those of the broker are missing."""
        now = time.monotonic()
        if now >= self._tick_at:
            self.heartbeat_tick()
            self._tick_at = now + (self.heartbeat / 4 or math.inf)

    @property
    def next_turn(self):
        """When to read and tick again at the latest, in monotonic seconds."""
        return 0.0 if self._has_pending() else self._tick_at

    def publish(self, channel, message, exchange, key):
        """Have a message written, with others, by :meth:`flush`.

        Without what py-amqp does before each message, which is to read.

        :returns: whether it is time for that
        """
        self._held = True
        channel.send_method(
            spec.Basic.Publish, 'Bssbb', (0, exchange, key, True, False),
            message)
        self._held = False
        return len(self._frames) >= _ENOUGH

    def write(self, frame):
        self._frames += frame
        if not self._held:
            self.flush()

    def flush(self):
        frames, self._frames = self._frames, bytearray()
        if frames:
            self.transport.write(frames)


def connect(broker, host, timeout, **options):
    """A connection to one host.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param timeout: seconds for all of it, and for each wait later
    :param options: of amqp.Connection
    :raises Exception: see :func:`reason_of`
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
        end(connection)
        if tls is None and _cut_off(error):
            raise ConnectionError(
                'it closed the connection without a word; does it want '
                'TLS, [oslo_messaging_rabbit] ssl?') from None
        raise
    return connection


def declare(connection, step):
    """Run ``step(channel)`` on a channel of its own, which may be declined.

    What is declined ends a channel. What is there already, and otherwise
    than was asked for, is to be used as it is: others may depend on it. So is
    what may not be declared.

    :returns: why it was declined, or None
    """
    channel = connection.channel()
    try:
        step(channel)
    except (amqp.AccessRefused, amqp.NotFound,
            amqp.PreconditionFailed) as error:
        if error.method_sig == spec.Basic.Publish:
            raise  # a message on its way was declined
        return error.reply_text
    channel.close()
    return None


def end(connection):
    """Close a connection without waiting for somebody who isn't there."""
    with contextlib.suppress(Exception):
        if connection.connected:
            connection.wait_until(time.monotonic())
            connection.close()
    with contextlib.suppress(Exception):
        connection.collect()


def reason_of(error):
    """An error in words; no library's words repeat a message or password."""
    match error:
        case None:
            return 'the connection was closed'
        case amqp.AMQPError():
            return ' '.join(str(part) for part in (
                error.reply_code, error.reply_text) if part)
        case ssl.SSLCertVerificationError():
            return f'its certificate is not trusted: {error.verify_message}'
        case ssl.SSLError(reason='WRONG_VERSION_NUMBER'):
            return 'it does not speak TLS on this port'
        case TimeoutError():
            return NO_ANSWER
        case OSError():
            return error.strerror or str(error)
    return type(error).__name__


def _cut_off(error):
    """Whether the peer ended a connection before it said anything."""
    return isinstance(error, ConnectionResetError) or (
        isinstance(error, OSError) and error.errno is None and
        not isinstance(error, TimeoutError))
