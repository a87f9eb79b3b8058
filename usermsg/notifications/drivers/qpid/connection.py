# SPDX-License-Identifier: Apache-2.0
"""One connection to one server: a socket and Proton's engine.

The engine does no input or output. The driver inspects the engine's state
after each input; its events contain the same information, but each costs about
60 microseconds in Python. Only the thread that created a connection may use
it.
"""

import collections
import contextlib
import importlib
import os
import selectors
import socket
import time
import uuid

from usermsg import exception
from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications.drivers.qpid import tls

# Maximum size of one read or one write buffer, in bytes.
_CHUNK = 256 * 1024


class Connection:
    """Connection that is open or being opened.

    :param proton: the module
    :param settings: a :class:`.settings.Settings`
    :param host: a :class:`usermsg.notifications.drivers.host.Host`
    :param cycle: number of times that all hosts have failed; it selects which
        address of a host name is tried first
    :param timeout: seconds until it is open; the default is the option
    :raises .failures.ConnectionFailed: no address accepts a connection
    """

    def __init__(self, proton, settings, host, cycle=0, timeout=None):
        self._proton = proton
        self.host = host
        self._mechanisms = settings.mechanisms[host]
        self._timeout = timeout or settings.connect_timeout
        self._deadline = time.monotonic() + self._timeout
        self._socket = _connect(host, self._deadline, cycle)
        self._output = memoryview(b'')
        # The C binding below Proton's Python classes, which create several
        # objects for each event.
        self._binding = importlib.import_module('cproton')
        self._collector = proton.Collector()
        # Session -> number of links that use it.
        self._sessions = collections.Counter()
        #: Names of links that the peer has detached, but not closed.
        self.detached = set()
        try:
            self._transport = self._make_transport(settings)
            self._connection = self._make_connection(settings)
            self._transport.bind(self._connection)
            self._connection.open()
        except (proton.ProtonException,
                exception.ConfigurationError) as error:
            self._socket.close()
            raise failures.ConnectionFailed(
                f'the connection cannot be set up: {error}') from None
        self.is_open = False
        #: Whether the last call of :meth:`receive` received data.
        self.has_received = False
        #: Whether the server has confirmed a message on this connection.
        self.has_confirmed = False

    def _make_transport(self, settings):
        transport = self._proton.Transport()
        transport.idle_timeout = settings.idle_timeout
        sasl = transport.sasl()
        sasl.allowed_mechs(' '.join(self._mechanisms))
        sasl.allow_insecure_mechs = settings.allow_plain_without_tls
        if self.host.tls:
            transport.ssl(tls.make_domain(self._proton, settings))
            # The server chooses its certificate by this name (SNI), and the
            # driver checks that the certificate is issued for it.
            transport.ssl().peer_hostname = self.host.name
        return transport

    def _make_connection(self, settings):
        connection = self._proton.Connection()
        connection.collect(self._collector)
        connection.container = (
            f'{socket.gethostname()}-{os.getpid()}-{uuid.uuid4()}')
        connection.hostname = settings.hostname or self.host.name
        if self.host.username:
            connection.user = self.host.username
            connection.password = self.host.password
        return connection

    def fileno(self):
        return self._socket.fileno()

    def events(self):
        """Return the events to wait for, flags of ``selectors``."""
        events = 0
        if self._transport.capacity() > 0:
            events |= selectors.EVENT_READ
        if self._output or self._transport.pending() > 0:
            events |= selectors.EVENT_WRITE
        return events or selectors.EVENT_READ

    def acquire_session(self):
        """Return a session for one more link, until :meth:`release_session`.

        Each link has its own session, as long as the server's channel_max
        permits another one; further links share the least used session.
        """
        limit = min(self._transport.channel_max,
                    self._transport.remote_channel_max) + 1
        usable = [
            session for session in self._sessions
            if not session.state & self._proton.Endpoint.REMOTE_CLOSED]
        if len(self._sessions) >= limit and usable:
            session = min(usable, key=self._sessions.get)
        else:
            session = self._connection.session()
            session.open()
        self._sessions[session] += 1
        return session

    def release_session(self, session):
        self._sessions[session] -= 1
        if not self._sessions[session]:
            del self._sessions[session]
            session.close()
            session.free()

    def receive(self):
        """Pass the data that has arrived to the engine."""
        received = 0
        self.has_received = False
        with self._translate_errors():
            while received < _CHUNK and (
                    capacity := self._transport.capacity()) > 0:
                data = self._socket.recv(min(capacity, _CHUNK))
                if not data:
                    self._transport.close_tail()
                    return
                self._transport.push(data)
                self._note_detached()
                self.has_received = True
                received += len(data)
                if len(data) < capacity:
                    return

    def _note_detached(self):
        """Record links that the peer detached without closing them.

        This is the only event that is not visible in Proton's state.
        """
        binding, queue = self._binding, self._collector._impl
        while event := binding.pn_collector_peek(queue):
            if binding.pn_event_type(event) == binding.PN_LINK_REMOTE_DETACH:
                self.detached.add(self._collector.peek().link.name)
            binding.pn_collector_pop(queue)

    def check(self, now):
        """Check whether the connection has been opened or has ended.

        :returns: time of the next check at the latest, None for no limit
        :raises .failures.ConnectionFailed: the connection has ended, or was
            not opened in time
        """
        with self._translate_errors():
            next_check = self._transport.tick(now)
        if self._transport.condition is not None:
            raise self._error()
        state = self._connection.state
        if state & self._proton.Endpoint.REMOTE_CLOSED:
            raise failures.ConnectionFailed(
                'the server closed the connection: ' + failures.describe(
                    failures.read_condition(self._connection)))
        if self._transport.closed or self._transport.capacity() < 0:
            raise failures.ConnectionFailed(
                'the server closed the connection')
        if not self.is_open:
            if state & self._proton.Endpoint.REMOTE_ACTIVE:
                self.is_open = True
            elif now >= self._deadline:
                raise failures.ConnectionFailed(
                    'no AMQP connection was opened within '
                    f'{self._timeout:g} s (connect_timeout)')
            else:
                next_check = min(
                    next_check or self._deadline, self._deadline)
        return next_check or None

    def flush(self):
        """Write pending output, as much as the socket accepts."""
        with self._translate_errors():
            while self._output or self._fill():
                sent = self._socket.send(self._output)
                self._output = self._output[sent:]

    def _fill(self):
        parts = []
        size = 0
        # Proton returns its output in small pieces; join them, as each write
        # is a system call.
        while size < _CHUNK and (pending := self._transport.pending()) > 0:
            parts.append(self._transport.peek(pending))
            self._transport.pop(pending)
            size += pending
        self._output = memoryview(
            parts[0] if len(parts) == 1 else b''.join(parts))
        return bool(parts)

    @contextlib.contextmanager
    def _translate_errors(self):
        try:
            yield
        except BlockingIOError:
            pass
        except (OSError, self._proton.ProtonException) as error:
            raise self._error(error) from None

    def _error(self, error=None):
        """Return a ConnectionFailed with the cause.

        :param error: an exception, in case Proton reports no condition
        """
        was_open = self._connection.state & self._proton.Endpoint.REMOTE_ACTIVE
        condition = self._transport.condition
        if condition is None:
            reason = failures.describe_error(error)
        else:
            reason = failures.explain_transport_error(
                condition, self.host, self._mechanisms, bool(was_open))
        if not (was_open or self.host.tls) and failures.may_require_tls(
                condition):
            reason += '; the server may require TLS (amqps://)'
        return failures.ConnectionFailed(reason)

    def close(self):
        """Close the connection if it is open, and free all objects."""
        with contextlib.suppress(failures.ConnectionFailed):
            if self.is_open:
                self._connection.close()
                self.flush()
        self.free()

    def free(self):
        """Free all objects now, rather than when the interpreter exits.

        The caller must have settled its deliveries and dropped its references
        to objects of the connection: in any other order Proton reads memory
        that it has freed.
        """
        self._socket.close()
        with contextlib.suppress(self._proton.ProtonException):
            self._transport.unbind()
        self._sessions.clear()
        self._connection.free()
        self._connection = self._transport = self._collector = None


def probe(proton, settings, host, timeout):
    """Open and close a connection.

    :returns: the reason of a failure, or None
    """
    connection = None
    try:
        connection = Connection(proton, settings, host, timeout=timeout)
        _wait_until_open(connection)
    except failures.ConnectionFailed as error:
        return str(error)
    finally:
        if connection is not None:
            connection.close()
    return None


def _wait_until_open(connection):
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        while True:
            connection.receive()
            deadline = connection.check(time.monotonic())
            if connection.is_open:
                return
            connection.flush()
            # Some failures become visible only when all output is written.
            connection.check(time.monotonic())
            selector.modify(connection, connection.events())
            selector.select(max(deadline - time.monotonic(), 0))


def _connect(host, deadline, cycle):
    try:
        addresses = socket.getaddrinfo(
            host.name, host.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise failures.ConnectionFailed(
            'the host name cannot be resolved: '
            f'{failures.describe_error(error)}') from None
    # An address may accept connections, but be unusable: start with another
    # address in each cycle.
    first = cycle % len(addresses)
    addresses = addresses[first:] + addresses[:first]
    reasons = []
    for number, (*kind, _name, address) in enumerate(addresses):
        remaining = max(deadline - time.monotonic(), 0.01)
        try:
            return _connect_socket(
                kind, address, remaining / (len(addresses) - number))
        except TimeoutError:
            reason = 'connection timed out'
        except OSError as error:
            reason = failures.describe_error(error)
        reasons.append(
            reason if len(addresses) == 1 else f'{address[0]}: {reason}')
    raise failures.ConnectionFailed('; '.join(sorted(reasons)))


def _connect_socket(kind, address, timeout):
    sock = socket.socket(*kind)
    try:
        sock.settimeout(timeout)
        # The complete address: IPv6 may need its scope.
        sock.connect(address)
        sock.setblocking(False)
        # Otherwise the kernel delays small output until there is more of it,
        # and a client that waits for each confirmation has no more.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock
