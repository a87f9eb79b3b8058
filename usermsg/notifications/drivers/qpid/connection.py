# SPDX-License-Identifier: Apache-2.0
"""One connection to one server: a socket, and Proton's engine.

The engine does no input or output of its own, and reports by its state, which
is looked at after each input. Its events say the same, but each costs some 60
microseconds in Python. Only the thread that made a connection may use it.
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

# The most that is read, or kept for writing, in one go, in bytes.
_CHUNK = 256 * 1024


class Connection:
    """A connection that is being opened.

    :param proton: the module
    :param settings: a :class:`.settings.Settings`
    :param host: a :class:`usermsg.notifications.drivers.host.Host`
    :param turn: how often all hosts have failed: it tries the addresses of
        a name in turns
    :raises .problems.Lost: nothing answers there
    """

    def __init__(self, proton, settings, host, turn=0):
        self._proton = proton
        self.host = host
        self._mechanisms = settings.mechanisms[host]
        self._timeout = settings.connect_timeout
        self.deadline = time.monotonic() + self._timeout
        self._socket = _connect(host, self.deadline, turn)
        self._written = memoryview(b'')
        # Taken from below Python's classes, which make several objects for
        # each event.
        self._lower = importlib.import_module('cproton')
        self._collector = proton.Collector()
        # How many links use which session.
        self._sessions = collections.Counter()
        #: The names of links that the peer has detached, but not closed.
        self.detached = set()
        try:
            self._transport = self._make_transport(settings)
            self._connection = self._make_connection(settings)
            self._transport.bind(self._connection)
            self._connection.open()
        except (proton.ProtonException,
                exception.ConfigurationError) as error:
            self._socket.close()
            raise failures.Lost(
                f'it cannot be set up: {error}') from None
        self.is_open = False
        #: Whether anything came with the last look.
        self.has_heard = False
        #: Whether it has confirmed anything.
        self.is_good = False

    def _make_transport(self, settings):
        transport = self._proton.Transport()
        transport.idle_timeout = settings.idle_timeout
        sasl = transport.sasl()
        sasl.allowed_mechs(' '.join(self._mechanisms))
        sasl.allow_insecure_mechs = settings.allow_plain_without_tls
        if self.host.tls:
            transport.ssl(tls.make_domain(self._proton, settings))
            # For the server to choose a certificate, and for us to check
            # that it is this host's.
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

    def interest(self):
        """What to wait for: flags of ``selectors``."""
        events = 0
        if self._transport.capacity() > 0:
            events |= selectors.EVENT_READ
        if self._written or self._transport.pending() > 0:
            events |= selectors.EVENT_WRITE
        return events or selectors.EVENT_READ

    def session(self):
        """A session for one more link; give it back with ``leave``.

        Of its own, as long as the server has channels for it.
        """
        most = min(self._transport.channel_max,
                   self._transport.remote_channel_max) + 1
        usable = [
            session for session in self._sessions
            if not session.state & self._proton.Endpoint.REMOTE_CLOSED]
        if len(self._sessions) >= most and usable:
            session = min(usable, key=self._sessions.get)
        else:
            session = self._connection.session()
            session.open()
        self._sessions[session] += 1
        return session

    def leave(self, session):
        self._sessions[session] -= 1
        if not self._sessions[session]:
            del self._sessions[session]
            session.close()
            session.free()

    def receive(self):
        """Take in what has arrived."""
        taken = 0
        self.has_heard = False
        with self._failures():
            while taken < _CHUNK and (
                    capacity := self._transport.capacity()) > 0:
                data = self._socket.recv(min(capacity, _CHUNK))
                if not data:
                    self._transport.close_tail()
                    return
                self._transport.push(data)
                self._note_detached()
                self.has_heard = True
                taken += len(data)
                if len(data) < capacity:
                    return

    def _note_detached(self):
        """Look for the one event of Proton that no state tells of.

        A peer may detach a link without closing it.
        """
        lower, queue = self._lower, self._collector._impl
        while event := lower.pn_collector_peek(queue):
            if lower.pn_event_type(event) == lower.PN_LINK_REMOTE_DETACH:
                self.detached.add(self._collector.peek().link.name)
            lower.pn_collector_pop(queue)

    def check(self, now):
        """Find out whether it has opened, or is over.

        :returns: when to look again at the latest, None for never
        :raises .problems.Lost: it is over
        """
        with self._failures():
            wake = self._transport.tick(now)
        if self._transport.condition is not None:
            raise self._lost()
        state = self._connection.state
        if state & self._proton.Endpoint.REMOTE_CLOSED:
            raise failures.Lost('it closed the connection: ' + failures.words(
                failures.read(self._connection)))
        if self._transport.closed or self._transport.capacity() < 0:
            raise failures.Lost('it closed the connection')
        if not self.is_open:
            if state & self._proton.Endpoint.REMOTE_ACTIVE:
                self.is_open = True
            elif now >= self.deadline:
                raise failures.Lost('no AMQP connection within '
                                    f'{self._timeout:g} s')
            else:
                wake = min(wake or self.deadline, self.deadline)
        return wake or None

    def flush(self):
        """Send what there is, as far as the peer takes it."""
        with self._failures():
            while self._written or self._fill():
                sent = self._socket.send(self._written)
                self._written = self._written[sent:]

    def _fill(self):
        parts = []
        size = 0
        # Proton gives it out in pieces, and each sending is a system call.
        while size < _CHUNK and (pending := self._transport.pending()) > 0:
            parts.append(self._transport.peek(pending))
            self._transport.pop(pending)
            size += pending
        self._written = memoryview(
            parts[0] if len(parts) == 1 else b''.join(parts))
        return bool(parts)

    @contextlib.contextmanager
    def _failures(self):
        try:
            yield
        except BlockingIOError:
            pass
        except (OSError, self._proton.ProtonException) as error:
            raise self._lost(error) from None

    def _lost(self, error=None):
        """Why it is of no use any more: what Proton says, or an error."""
        heard = self._connection.state & self._proton.Endpoint.REMOTE_ACTIVE
        condition = self._transport.condition
        if condition is None:
            reason = failures.reason_of(error)
        else:
            reason = failures.of_transport(
                condition, self.host, self._mechanisms, bool(heard))
        if not (heard or self.host.tls) and failures.may_be_tls(condition):
            reason += '; does it want TLS (amqps://)?'
        return failures.Lost(reason)

    def close(self):
        """Say good-bye, if the peer listens, and free everything."""
        with contextlib.suppress(failures.Lost):
            if self.is_open:
                self._connection.close()
                self.flush()
        self.free()

    def free(self):
        """Free everything, at once and not when the interpreter ends.

        The caller has settled and dropped what it got from the connection:
        in another order than this Proton reads what it has freed before.
        """
        self._socket.close()
        with contextlib.suppress(self._proton.ProtonException):
            self._transport.unbind()
        self._sessions.clear()
        self._connection.free()
        self._connection = self._transport = self._collector = None


def _connect(host, deadline, turn):
    try:
        found = socket.getaddrinfo(
            host.name, host.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise failures.Lost('its name cannot be looked up: '
                            f'{failures.reason_of(error)}') from None
    # One of them may answer, but be of no use: each comes first in its turn.
    first = turn % len(found)
    found = found[first:] + found[:first]
    reasons = []
    for number, (*kind, _name, address) in enumerate(found):
        left = max(deadline - time.monotonic(), 0.01)
        try:
            return _connected(kind, address, left / (len(found) - number))
        except TimeoutError:
            reason = 'no answer in time'
        except OSError as error:
            reason = failures.reason_of(error)
        reasons.append(
            reason if len(found) == 1 else f'{address[0]}: {reason}')
    raise failures.Lost('; '.join(sorted(reasons)))


def _connected(kind, address, timeout):
    sock = socket.socket(*kind)
    try:
        sock.settimeout(timeout)
        # All of the address: IPv6 may need its scope.
        sock.connect(address)
        sock.setblocking(False)
        # Whoever waits for one confirmation would wait for more to send
        # first.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock
