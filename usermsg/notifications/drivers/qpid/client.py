# SPDX-License-Identifier: Apache-2.0
"""One connection, the links on it, and the messages to send through them."""

import contextlib
import itertools
import math
import selectors
import time

from usermsg.notifications.drivers import io_thread
from usermsg.notifications.drivers.qpid import connection as connections
from usermsg.notifications.drivers.qpid import delivery as deliveries
from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications.drivers.qpid import hosts
from usermsg.notifications.drivers.qpid import sender as senders
from usermsg.notifications import errors


class Client(io_thread.ThreadedClient):
    """Client for all threads of the process that created it.

    Its I/O thread connects when there is a message to send. No other thread
    uses Proton.

    :param proton: the module
    :param settings: a :class:`.settings.Settings`
    """

    def __init__(self, proton, settings):
        super().__init__('qpid', settings.max_pending)
        self._proton = proton
        self._settings = settings
        self._numbers = itertools.count()
        # Only the I/O thread uses the following attributes.
        self._rotation = hosts.Rotation(
            settings.hosts, settings.min_backoff, settings.max_backoff)
        self._problems = failures.ProblemLog()
        self._senders = {}
        self._connection = None
        self._connect_at = 0.0
        self._reason = None

    def submit(self, address, data, retries=math.inf):
        """Queue a message.

        :param address: of the node
        :param data: the encoded message, bytes
        :param retries: number of failures after which the message is still
            retried, until its deadline
        :returns: a future, whose result is None when the server has
            confirmed; it can be cancelled until the message is in flight
        :raises usermsg.notifications.errors.NotDelivered: the queue is full,
            or the client was closed
        """
        delivery = deliveries.Delivery(
            next(self._numbers), address, data,
            time.monotonic() + self._settings.delivery_timeout, retries)
        self.put(delivery)
        return delivery.future

    # Only the I/O thread calls the following methods.

    def run_once(self):
        self._dispatch()
        now = time.monotonic()
        try:
            if self._connection is None:
                if not self.pending:
                    return math.inf
                if now < self._connect_at:
                    return self._connect_at
                self._connection = connections.Connection(
                    self._proton, self._settings, self._rotation.host(),
                    self._rotation.failed_cycles)
                self.selector.register(
                    self._connection, selectors.EVENT_READ)
                now = time.monotonic()
            return self._process(self._connection, now)
        except failures.ConnectionFailed as error:
            reason = str(error)
        # Not while the exception is handled: oslo.log would append it.
        self._problems.warn(str(self._rotation.host()), reason)
        self._drop_connection(reason)
        return self._connect_at

    def _process(self, connection, now):
        connection.receive()
        deadlines = [connection.check(now)]
        if connection.is_open:
            self._reason = None
            deadlines += [sender.process(connection, self._proton, now)
                          for sender in self._senders.values()]
            if connection.has_confirmed:
                self._rotation.record_success()
                self._problems.log_recovery(str(connection.host))
        connection.flush()
        # Some failures become visible only when all output is written.
        connection.check(now)
        self.selector.modify(connection, connection.events())
        return min(filter(None, deadlines), default=math.inf)

    def recover(self, error):
        self._problems.log_exception(str(self._rotation.host()), error)
        self._drop_connection(type(error).__name__)
        # The same error may occur again at once.
        time.sleep(io_thread.DEFECT_DELAY)

    def _dispatch(self):
        """Pass new deliveries to their senders; finish overdue ones."""
        overdue = self.expired()
        while self.inbox:
            delivery = self.inbox.popleft()
            address = delivery.address
            if address not in self._senders:
                self._senders[address] = senders.Sender(
                    address, self._settings, self.finish, self._problems)
            self._senders[address].put(delivery)
        for delivery in overdue:
            reason = self._reason or self._senders[delivery.address].reason(
                self._rotation.host())
            self.finish(delivery, errors.NotDelivered(
                f'qpid: not confirmed within '
                f'{self._settings.delivery_timeout:g} s: {reason}'))
        if overdue:
            for sender in self._senders.values():
                sender.release_finished()

    def _drop_connection(self, reason):
        """Handle a connection that failed or could not be established."""
        self._reason = f'{self._rotation.host()}: {reason}'
        backoff = self._rotation.record_failure()
        self._connect_at = time.monotonic() + backoff
        for sender in self._senders.values():
            sender.handle_connection_loss(self._reason)
        if self._connection is not None:
            self._remove_connection().free()
        if backoff:
            for sender in self._senders.values():
                sender.count_failure(self._reason)

    def _remove_connection(self):
        """Remove the connection and return it; the caller frees it."""
        removed, self._connection = self._connection, None
        # The connection isn't registered if register() failed.
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(removed)
        return removed

    def disconnect(self):
        for sender in self._senders.values():
            sender.handle_connection_loss()
        if self._connection is not None:
            self._remove_connection().close()
