# SPDX-License-Identifier: Apache-2.0
"""The thread that has a connection to itself, and the inbox in front of it."""

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

#: Seconds until the next turn after an error that no client expects.
DEFECT_DELAY = 0.5

# The most that all pending deliveries can have, in bytes.
_MOST_BYTES = 256 * 1024 * 1024

# In seconds: the longest that anything is waited for at a time, so that
# clocks and peers that misbehave are noticed.
_LONGEST = 60.0


class ThreadedClient:
    """A client that a thread of its own runs, on deliveries of all threads.

    The thread starts with the first delivery, and waits for the next one and
    for the broker at once: nothing is polled.

    A subclass has three methods, which only the thread calls: ``turn()`` does
    what can be done without waiting, and returns when there is more to do at
    the latest, in monotonic seconds; ``broken(error)`` recovers from what that
    raises; ``leave()`` disconnects, at the end.

    :param name: of the driver
    :param capacity: how many deliveries may be pending
    """

    def __init__(self, name, capacity):
        self._name = name
        self._capacity = capacity
        #: Deliveries in the order in which they came; ``turn`` takes them.
        self.inbox = collections.deque()
        #: Of the files that it waits for; a subclass adds its own. Unlike
        #: epoll it watches none that is closed and a forked child still has.
        self.selector = None
        # Of what follows, with a lock that can be taken again: the garbage
        # collector may close a client in the midst of anything, and so in a
        # thread that has it.
        self._changed = threading.Condition(threading.RLock())
        self._bytes = 0
        #: Deliveries without a result, in their order: a set with an order.
        self.pending = {}
        # Of their deadlines, or before it.
        self._earliest = math.inf
        self._thread = None
        # It sleeps, and there is something new for it.
        self._asleep = False
        self._stirred = False
        self._end_at = None
        self._files = contextlib.ExitStack()
        self._waker = self._wakened = None

    def put(self, delivery, deadline=0.0):
        """Hand over a delivery, when there is room for it.

        :param delivery: a
            :class:`usermsg.notifications.drivers.delivery.Delivery`
        :param deadline: of the wait for room, in monotonic seconds
        :raises usermsg.notifications.errors.NotDelivered: there is no room
            for it, or this was closed
        """
        if delivery.size > _MOST_BYTES:
            raise errors.Rejected(f'{self._name}: the notification is larger '
                                 f'than {_MOST_BYTES} bytes.')

        def has_room():
            return self._end_at is not None or (
                len(self.pending) < self._capacity and
                self._bytes + delivery.size <= _MOST_BYTES)

        with self._changed:
            if not has_room() and not self._changed.wait_for(
                    has_room, max(deadline - time.monotonic(), 0)):
                raise errors.NotDelivered(
                    f'{self._name}: {len(self.pending)} notifications are '
                    'waiting already.')
            if self._end_at is not None:
                raise errors.NotDelivered(f'{self._name}: the process ends.')
            if self._thread is None:
                self._start()
            self.pending[delivery] = None
            self._bytes += delivery.size
            self._earliest = min(self._earliest, delivery.deadline)
            self.inbox.append(delivery)
            waker = self._stir()
        _wake(waker)

    def expired(self):
        """Return the pending deliveries whose deadline has passed."""
        now = time.monotonic()
        if now < self._earliest:
            return []
        with self._changed:
            late = [each for each in self.pending if each.deadline <= now]
            if not late:
                self._earliest = min(
                    (each.deadline for each in self.pending),
                    default=math.inf)
        return late

    def finish(self, delivery, error=None):
        """End a delivery, well if there is no error; makes room.

        The first result counts: a confirmation may come after the deadline.
        """
        with self._changed:
            if delivery.done:
                return
            del self.pending[delivery]
            self._bytes -= delivery.size
            if self._end_at is not None:
                # The last one ends the thread, which must not sleep on.
                self._stirred = True
            self._changed.notify_all()
        delivery.finish(error)

    def close(self, timeout):
        """Give what is pending some time, in seconds, then end."""
        with self._changed:
            if self._end_at is None:
                self._end_at = time.monotonic() + timeout
            self._changed.notify_all()
            thread = self._thread
            waker = self._stir()
        _wake(waker)
        if thread not in (None, threading.current_thread()):
            # One more, in which it says good-bye.
            thread.join(timeout + 1)

    def _start(self):
        try:
            self.selector = self._files.enter_context(
                selectors.PollSelector())
            self._waker, self._wakened = map(
                self._files.enter_context, socket.socketpair())
            self._waker.setblocking(False)
            self.selector.register(self._wakened, selectors.EVENT_READ)
            self._thread = threading.Thread(
                target=self._run, name=f'usermsg-{self._name}', daemon=True)
            self._thread.start()
        except (OSError, RuntimeError) as error:
            # The interpreter is about to end, or there are too many threads
            # or open files. The next one tries again.
            self._thread = None
            self._files.close()
            raise errors.NotDelivered(
                f'{self._name}: no thread can be started to send it: '
                f'{getattr(error, "strerror", None) or error}') from None

    def _stir(self):
        """Called with the lock; what is to be woken without it, or None."""
        self._stirred = True
        asleep, self._asleep = self._asleep, False
        return self._waker if asleep else None

    def _run(self):
        while True:
            # Before anything is looked at, so as not to miss what comes
            # after that.
            self._stirred = False
            if self._end_at is not None and (
                    not self.pending or time.monotonic() >= self._end_at):
                break
            try:
                self._sleep(self.turn())
            except Exception as error:
                # Not even a defect may leave everybody waiting, or end the
                # thread: nobody would start another.
                self._recover(error)
        for each in list(self.pending):
            self.finish(each, errors.NotDelivered(
                f'{self._name}: the driver was closed before it was '
                'confirmed.'))
        try:
            self.leave()
        finally:
            with self._changed:
                self._asleep = False
                self._files.close()

    def _recover(self, error):
        try:
            self.broken(error)
        except Exception as defect:
            LOG.error('Notifications through %s: recovery from %s failed: %s',
                      self._name, exception.log_text(error),
                      exception.log_text(defect))
            # It may come again at once.
            time.sleep(DEFECT_DELAY)

    def _sleep(self, until):
        with self._changed:
            self._asleep = not self._stirred
        until = min(until, self._earliest, self._end_at or math.inf)
        timeout = min(until - time.monotonic(), _LONGEST)
        for key, _events in self.selector.select(
                max(timeout, 0) if self._asleep else 0):
            if key.fileobj is self._wakened:
                self._wakened.recv(64)
        self._asleep = False


def _wake(waker):
    """Have the thread look for what is new; the lock would only stop it."""
    # There is no room for one more, or it has just ended.
    with contextlib.suppress(OSError):
        if waker is not None:
            waker.send(b'\0')
