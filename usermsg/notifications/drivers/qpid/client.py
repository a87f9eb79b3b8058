# SPDX-License-Identifier: Apache-2.0
"""The queue in front of a connection, and the thread that works it off."""

import collections
import contextlib
import selectors
import socket
import threading
import time

from usermsg.notifications.drivers.qpid import connection
from usermsg.notifications.drivers.qpid import delivery
from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications.drivers.qpid import hosts
from usermsg.notifications.drivers.qpid import sender
from usermsg.notifications import errors

#: The most that all pending messages can have, in bytes.
MOST_BYTES = 256 * 1024 * 1024

# In seconds: the longest that anything is waited for at a time, so that
# clocks and peers that misbehave are noticed.
_LONGEST_SLEEP = 60.0

# How long nothing is done after an error that nobody expected: it may come
# again at once.
_STUMBLE = 0.5


class Client:
    """Sends messages, from any thread of the process that made it.

    Its own thread starts with the first message, and connects when there is
    something to send. It alone touches Proton.

    :param proton: the module
    :param settings: a :class:`.settings.Settings`
    """

    def __init__(self, proton, settings):
        self._proton = proton
        self._settings = settings
        self._rotation = hosts.Rotation(
            settings.hosts, settings.min_backoff, settings.max_backoff)
        # What all threads use, with the lock. The garbage collector may close
        # a client in the midst of anything, and so in a thread that has it.
        self._lock = threading.RLock()
        self._inbox = collections.deque()
        self._number = 0
        self._pending = 0
        self._bytes = 0
        self._thread = self._selector = None
        # The thread sleeps, and there is something new for it.
        self._asleep = False
        self._stirred = False
        self._end_at = None
        self._waker = self._wakened = None
        # What the thread alone uses.
        self._report = failures.Report()
        self._senders = {}
        self._deadlines = collections.deque()
        self._connection = None
        self._good = False
        self._connect_at = 0.0
        self._reason = None

    def submit(self, address, data, retries=None):
        """Have a message sent.

        :param address: of the node
        :param data: the encoded message, bytes
        :param retries: how many failures to outlive, None for all until the
            deadline
        :returns: a future, whose result is None when the server has
            confirmed; can be cancelled until the message is on its way
        :raises usermsg.notifications.errors.NotDelivered: there is no room
            for it, or the client was closed
        """
        with self._lock:
            if self._end_at is not None:
                raise errors.NotDelivered('qpid: the process ends.')
            if (self._pending >= self._settings.max_pending or
                    self._bytes + len(data) > MOST_BYTES):
                raise errors.NotDelivered(
                    f'qpid: {self._pending} notifications are waiting '
                    'already.')
            if self._thread is None:
                self._start()
            job = delivery.Delivery(
                self._number, data,
                time.monotonic() + self._settings.delivery_timeout, retries)
            self._number += 1
            self._pending += 1
            self._bytes += len(data)
            self._inbox.append((address, job))
            self._wake()
        return job.future

    def _start(self):
        try:
            self._selector = selectors.DefaultSelector()
            self._waker, self._wakened = socket.socketpair()
            self._waker.setblocking(False)
            self._wakened.setblocking(False)
            self._selector.register(self._wakened, selectors.EVENT_READ)
            self._thread = threading.Thread(
                target=self._run, name='usermsg-qpid', daemon=True)
            self._thread.start()
        except (OSError, RuntimeError) as error:
            # The interpreter is about to end, or there are too many threads
            # or open files. The next one tries again.
            self._thread = None
            self._close_files()
            raise errors.NotDelivered(
                'qpid: no thread can be started to send it: '
                f'{getattr(error, "strerror", None) or error}') from None

    def _close_files(self):
        for each in (self._selector, self._waker, self._wakened):
            if each is not None:
                each.close()
        self._selector = self._waker = self._wakened = None

    def _wake(self):
        """Called with the lock."""
        self._stirred = True
        if self._asleep:
            self._asleep = False
            with contextlib.suppress(BlockingIOError):
                self._waker.send(b'\0')

    def close(self, timeout):
        """Give what is pending some time, in seconds, then end."""
        with self._lock:
            if self._end_at is None:
                self._end_at = time.monotonic() + timeout
            thread = self._thread
            if thread is not None:
                self._wake()
        if thread not in (None, threading.current_thread()):
            # One more, in which it says good-bye.
            thread.join(timeout + 1)

    def _run(self):
        more = True
        while more:
            try:
                more = self._turn()
            except Exception as error:
                # A defect of ours or Proton's must not leave everybody
                # waiting, nor end the thread: nobody would start another.
                self._stumble(error)
        self._leave()

    def _turn(self):
        """Do what there is, and sleep until there is more.

        :returns: False when it is time to end
        """
        # Before it looks what is new, so as not to miss what comes after
        # that.
        self._stirred = False
        now = time.monotonic()
        self._take(now)
        if self._end_at is not None and (
                not self._pending or now >= self._end_at):
            return False
        self._sleep(self._work(now))
        return True

    def _stumble(self, error):
        host = self._rotation.host()
        self._report.broken(str(host), error)
        try:
            self._lose(type(error).__name__)
        except Exception as another:
            self._report.broken(str(host), another)
        time.sleep(_STUMBLE)

    def _take(self, now):
        """Sort in what has come, and sort out what has had its time."""
        while self._inbox:
            address, job = self._inbox.popleft()
            if address not in self._senders:
                self._senders[address] = sender.Sender(
                    address, self._settings, self._finish, self._report)
            self._senders[address].put(job)
            self._deadlines.append((job, address))
        # All have the same time, so the first to come is the first to go.
        late = False
        while self._deadlines and (self._deadlines[0][0].done or
                                   self._deadlines[0][0].deadline <= now):
            job, address = self._deadlines.popleft()
            if not job.done:
                late = True
                reason = self._reason or self._senders[address].reason(
                    self._rotation.host())
                self._finish(job, errors.NotDelivered(
                    f'qpid: not within {self._settings.delivery_timeout:g} s:'
                    f' {reason}'))
        if late:
            for each in self._senders.values():
                each.forget_done()

    def _finish(self, job, error=None):
        with self._lock:
            self._pending -= 1
            self._bytes -= len(job.data)
        job.finish(error)

    def _work(self, now):
        """Do what can be done at this moment.

        :returns: when there may be more at the latest, in monotonic seconds
        """
        wake = [now + _LONGEST_SLEEP]
        if self._deadlines:
            wake.append(self._deadlines[0][0].deadline)
        if self._end_at is not None:
            wake.append(self._end_at)
        try:
            if self._connection is None:
                if not self._pending:
                    return min(wake)
                if now < self._connect_at:
                    return min(*wake, self._connect_at)
                self._connect()
                now = time.monotonic()
            wake.append(self._converse(now))
            self._selector.modify(
                self._connection, self._connection.interest())
            return min(wake)
        except failures.Lost as lost:
            reason = str(lost)
        # Not while the exception is handled: oslo.log would add it.
        self._report.wrong(str(self._rotation.host()), reason)
        self._lose(reason)
        return min(*wake, self._connect_at)

    def _connect(self):
        self._connection = connection.Connection(
            self._proton, self._settings, self._rotation.host(),
            self._rotation.rounds)
        self._selector.register(self._connection, selectors.EVENT_READ)

    def _converse(self, now):
        link = self._connection
        link.receive()
        wake = [link.check(now)]
        if link.is_open:
            self._reason = None
            wake += [each.turn(link, self._proton, now)
                     for each in self._senders.values()]
            if link.is_good and not self._good:
                self._good = True
                self._rotation.worked()
                self._report.well(str(link.host))
        link.flush()
        # Some failures show only when there is nothing left to write.
        link.check(now)
        return min((each for each in wake if each), default=now +
                   _LONGEST_SLEEP)

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
        self._good = False
        # It is not there if that is what failed.
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(link)
        return link

    def _sleep(self, wake):
        with self._lock:
            self._asleep = not self._stirred
            timeout = wake - time.monotonic() if self._asleep else 0
        for key, _events in self._selector.select(max(0, timeout)):
            if key.fileobj is self._wakened:
                self._wakened.recv(64)
        with self._lock:
            self._asleep = False

    def _leave(self):
        self._take(time.monotonic())
        for job, _address in self._deadlines:
            if not job.done:
                self._finish(job, errors.NotDelivered(
                    'qpid: the driver was closed before it was confirmed.'))
        for each in self._senders.values():
            each.lost()
        if self._connection is not None:
            self._forget().close()
        with self._lock:
            self._asleep = False
            self._close_files()
