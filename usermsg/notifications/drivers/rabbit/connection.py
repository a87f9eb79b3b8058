# SPDX-License-Identifier: Apache-2.0
"""Connections to RabbitMQ, and what went wrong with one in words."""

import contextlib
import os
import select
import socket
import ssl
import sys

import amqp

NO_ANSWER = 'it does not answer'

#: Seconds: the shortest time that anything is waited for.
LEAST = 0.05


def connect(broker, host, timeout, **options):
    """A connection to one host, as amqp.Connection.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param timeout: seconds for each wait of it, also later
    :param options: of amqp.Connection
    :raises Exception: see :func:`reason_of`
    """
    tls = broker.tls
    if tls is not None and broker.verify_names:
        tls = {**tls, 'server_hostname': host.name}
    connection = amqp.Connection(
        host.address, host.user, host.password,
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
        connection.transport.sock.settimeout(timeout)
    except BaseException as error:
        end(connection)
        if tls is None and _cut_off(error):
            raise ConnectionError(
                'it closed the connection without a word; does it want '
                'TLS, [oslo_messaging_rabbit] ssl?') from None
        raise
    return connection


def end(connection):
    """Close a connection without waiting for somebody who isn't there."""
    with contextlib.suppress(Exception):
        if connection.connected:
            connection.transport.sock.settimeout(LEAST)
            connection.close()
    with contextlib.suppress(Exception):
        connection.collect()


def readable(connection, seconds):
    """Whether there is something to read within that time."""
    try:
        sock = connection.transport.sock
        if getattr(sock, 'pending', int)():
            return True  # TLS has read it already
        poll = select.poll()
        poll.register(sock, select.POLLIN)
    except (AttributeError, OSError, ValueError):
        return True  # another thread has just closed it
    return bool(poll.poll(seconds * 1000))


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
