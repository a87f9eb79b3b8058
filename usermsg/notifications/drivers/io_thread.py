# SPDX-License-Identifier: Apache-2.0
"""I/O thread that owns the connection of a client, and its inbox."""

import collections
import contextlib
import math
import selectors
import socket
import threading
import time

from oslo_log import log

from usermsg import exception
from usermsg.notifications import errors

LOG = log.getLogger(__name__)

#: Seconds until the next iteration after an error that no client expects.
DEFECT_DELAY = 0.5

# Maximum total size of the pending deliveries, in bytes.
_MAX_BYTES = 256 * 1024 * 1024

# Maximum of a single wait in seconds, so that misbehaving clocks and peers are
# noticed.
_MAX_WAIT = 60.0


class ThreadedClient:
    """Client whose I/O thread sends the deliveries of all other threads.

    The thread starts with the first delivery. It waits for the next delivery
    and for the broker simultaneously, without polling.

    A subclass defines three methods, which only the thread calls:
    ``run_once()`` does all work that needs no waiting, and returns the latest
    time of the next call in monotonic seconds; ``recover(error)`` handles an
    error that ``run_once`` raises; ``disconnect()`` closes the connection when
    the thread ends.

    :param name: name of the driver
    :param capacity: maximum number of pending deliveries
    """

    def __init__(self, name, capacity):
        self._name = name
        self._capacity = capacity
        #: Deliveries in the order of arrival; ``run_once`` removes them.
        self.inbox = collections.deque()
        #: Selector of the files that the thread waits for; a subclass adds
        #: its sockets. Unlike epoll, poll doesn't watch a file that is closed
        #: here and still open in a forked child.
        self.selector = None
        # Guards the following attributes. Its lock is reentrant: the garbage
        # collector may close a client at any point, also in a thread that
        # holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._bytes = 0
        #: Deliveries without a result, in order: an ordered set.
        self.pending = {}
        # The earliest of their deadlines, or a time before it.
        self._earliest = math.inf
        self._thread = None
        # True while the thread sleeps, and when there is new work for it.
        self._sleeping = False
        self._notified = False
        self._close_at = None
        self._files = contextlib.ExitStack()
        self._waker = self._wake_receiver = None

    def put(self, delivery, deadline=0.0):
        """Add a delivery to the inbox, and wait for room in it if necessary.

        :param delivery: a
            :class:`usermsg.notifications.drivers.delivery.Delivery`
        :param deadline: end of the wait for room, in monotonic seconds
        :raises usermsg.notifications.errors.NotDelivered: there is no room,
            or the client is closed
        """
        if delivery.size > _MAX_BYTES:
            raise errors.Rejected(f'{self._name}: the notification is larger '
                                  f'than {_MAX_BYTES} bytes.')

        def has_room():
            return self._close_at is not None or (
                len(self.pending) < self._capacity and
                self._bytes + delivery.size <= _MAX_BYTES)

        with self._changed:
            if not has_room() and not self._changed.wait_for(
                    has_room, max(deadline - time.monotonic(), 0)):
                raise errors.NotDelivered(
                    f'{self._name}: {len(self.pending)} notifications are '
                    'pending already.')
            if self._close_at is not None:
                raise errors.NotDelivered(
                    f'{self._name}: the driver is closed.')
            if self._thread is None:
                self._start()
            self.pending[delivery] = None
            self._bytes += delivery.size
            self._earliest = min(self._earliest, delivery.deadline)
            self.inbox.append(delivery)
            waker = self._notify()
        _wake(waker)

    def expired(self):
        """Return the pending deliveries whose deadline has passed."""
        now = time.monotonic()
        if now < self._earliest:
            return []
        with self._changed:
            expired = [delivery for delivery in self.pending
                       if delivery.deadline <= now]
            if not expired:
                self._earliest = min(
                    (delivery.deadline for delivery in self.pending),
                    default=math.inf)
        return expired

    def finish(self, delivery, error=None):
        """Set the result of a delivery, and release its room.

        Only the first result counts: a confirmation may arrive after the
        deadline.
        """
        with self._changed:
            if delivery.done:
                return
            del self.pending[delivery]
            self._bytes -= delivery.size
            if self._close_at is not None:
                # The thread ends after the last delivery and must not
                # continue to sleep.
                self._notified = True
            self._changed.notify_all()
        delivery.finish(error)

    def close(self, timeout):
        """Wait for the pending deliveries, then disconnect.

        :param timeout: of the wait, in seconds
        """
        with self._changed:
            if self._close_at is None:
                self._close_at = time.monotonic() + timeout
            self._changed.notify_all()
            thread = self._thread
            waker = self._notify()
        _wake(waker)
        if thread not in (None, threading.current_thread()):
            # One more second, in which the thread disconnects.
            thread.join(timeout + 1)

    def _start(self):
        try:
            self.selector = self._files.enter_context(
                selectors.PollSelector())
            self._waker, self._wake_receiver = map(
                self._files.enter_context, socket.socketpair())
            self._waker.setblocking(False)
            self.selector.register(self._wake_receiver, selectors.EVENT_READ)
            self._thread = threading.Thread(
                target=self._run, name=f'usermsg-{self._name}', daemon=True)
            self._thread.start()
        except (OSError, RuntimeError) as error:
            # The interpreter is about to exit, or there are too many threads
            # or open files. The next delivery tries again.
            self._thread = None
            self._files.close()
            raise errors.NotDelivered(
                f'{self._name}: the I/O thread cannot be started: '
                f'{getattr(error, "strerror", None) or error}') from None

    def _notify(self):
        """Note that there is new work; the caller holds the lock.

        :returns: the socket to pass to :func:`_wake` after releasing the
            lock; None if the thread is awake
        """
        self._notified = True
        was_sleeping, self._sleeping = self._sleeping, False
        return self._waker if was_sleeping else None

    def _run(self):
        while True:
            # Reset before the inbox is read, so that later additions aren't
            # missed.
            self._notified = False
            if self._close_at is not None and (
                    not self.pending or time.monotonic() >= self._close_at):
                break
            try:
                self._sleep(self.run_once())
            except Exception as error:
                # Even a programming error must not leave the callers waiting
                # or end the thread, since no other would be started.
                self._recover(error)
        for delivery in list(self.pending):
            self.finish(delivery, errors.NotDelivered(
                f'{self._name}: the driver was closed before the broker '
                'confirmed the notification.'))
        try:
            self.disconnect()
        finally:
            with self._changed:
                self._sleeping = False
                self._files.close()

    def _recover(self, error):
        try:
            self.recover(error)
        except Exception as defect:
            LOG.error('Notifications through %s: recovery from %s failed: %s',
                      self._name, exception.log_text(error),
                      exception.log_text(defect))
            # The error may recur at once.
            time.sleep(DEFECT_DELAY)

    def _sleep(self, until):
        with self._changed:
            self._sleeping = not self._notified
        until = min(until, self._earliest, self._close_at or math.inf)
        timeout = min(until - time.monotonic(), _MAX_WAIT)
        for key, _events in self.selector.select(
                max(timeout, 0) if self._sleeping else 0):
            if key.fileobj is self._wake_receiver:
                self._wake_receiver.recv(64)
        self._sleeping = False


def _wake(waker):
    """Wake the thread, which needs the lock: the caller must not hold it."""
    # The buffer of the socket is full, or the thread has just ended.
    with contextlib.suppress(OSError):
        if waker is not None:
            waker.send(b'\0')
