# SPDX-License-Identifier: Apache-2.0
"""A connection, the links on it, and what is to be sent through them."""

import contextlib
import itertools
import math
import selectors
import time

from usermsg.notifications.drivers import io_thread
from usermsg.notifications.drivers.qpid import connection
from usermsg.notifications.drivers.qpid import delivery
from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications.drivers.qpid import hosts
from usermsg.notifications.drivers.qpid import sender
from usermsg.notifications import errors


class Client(io_thread.ThreadedClient):
    """Sends messages, from any thread of the process that made it.

    Its thread connects when there is something to send. It alone touches
    Proton.

    :param proton: the module
    :param settings: a :class:`.settings.Settings`
    """

    def __init__(self, proton, settings):
        super().__init__('qpid', settings.max_pending)
        self._proton = proton
        self._settings = settings
        self._numbers = itertools.count()
        # What the thread alone uses.
        self._rotation = hosts.Rotation(
            settings.hosts, settings.min_backoff, settings.max_backoff)
        self._report = failures.Report()
        self._senders = {}
        self._connection = None
        self._connect_at = 0.0
        self._reason = None

    def submit(self, address, data, retries=math.inf):
        """Have a message sent.

        :param address: of the node
        :param data: the encoded message, bytes
        :param retries: how many failures to outlive until the deadline
        :returns: a future, whose result is None when the server has
            confirmed; can be cancelled until the message is on its way
        :raises usermsg.notifications.errors.NotDelivered: there is no room
            for it, or the client was closed
        """
        job = delivery.Delivery(
            next(self._numbers), address, data,
            time.monotonic() + self._settings.delivery_timeout, retries)
        self.put(job)
        return job.future

    # What follows is called by the thread alone.

    def turn(self):
        self._take()
        now = time.monotonic()
        try:
            if self._connection is None:
                if not self.pending:
                    return math.inf
                if now < self._connect_at:
                    return self._connect_at
                self._connection = connection.Connection(
                    self._proton, self._settings, self._rotation.host(),
                    self._rotation.rounds)
                self.selector.register(
                    self._connection, selectors.EVENT_READ)
                now = time.monotonic()
            return self._converse(self._connection, now)
        except failures.Lost as lost:
            reason = str(lost)
        # Not while the exception is handled: oslo.log would add it.
        self._report.wrong(str(self._rotation.host()), reason)
        self._lose(reason)
        return self._connect_at

    def _converse(self, link, now):
        link.receive()
        wake = [link.check(now)]
        if link.is_open:
            self._reason = None
            wake += [each.turn(link, self._proton, now)
                     for each in self._senders.values()]
            if link.is_good:
                self._rotation.worked()
                self._report.well(str(link.host))
        link.flush()
        # Some failures show only when there is nothing left to write.
        link.check(now)
        self.selector.modify(link, link.interest())
        return min((each for each in wake if each), default=math.inf)

    def broken(self, error):
        self._report.broken(str(self._rotation.host()), error)
        self._lose(type(error).__name__)
        # It may come again at once.
        time.sleep(io_thread.DEFECT_DELAY)

    def _take(self):
        """Sort in what has come, and sort out what has had its time."""
        late = self.expired()
        while self.inbox:
            job = self.inbox.popleft()
            if job.address not in self._senders:
                self._senders[job.address] = sender.Sender(
                    job.address, self._settings, self.finish, self._report)
            self._senders[job.address].put(job)
        for job in late:
            reason = self._reason or self._senders[job.address].reason(
                self._rotation.host())
            self.finish(job, errors.NotDelivered(
                f'qpid: not within {self._settings.delivery_timeout:g} s:'
                f' {reason}'))
        if late:
            for each in self._senders.values():
                each.forget_done()

    def _lose(self, reason):
        """The connection is of no use any more, or there is none."""
        self._reason = f'{self._rotation.host()}: {reason}'
        wait = self._rotation.failed()
        self._connect_at = time.monotonic() + wait
        for each in self._senders.values():
            each.lost(self._reason)
        if self._connection is not None:
            self._forget().free()
        if wait:
            for each in self._senders.values():
                each.failed(self._reason)

    def _forget(self):
        """Have no connection any more; returns it, to be freed."""
        link, self._connection = self._connection, None
        # It is not there if that is what failed.
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(link)
        return link

    def leave(self):
        for each in self._senders.values():
            each.lost()
        if self._connection is not None:
            self._forget().close()
