# SPDX-License-Identifier: Apache-2.0
"""Delivery of entries of the outbox through one driver, many at a time."""

import collections
from concurrent import futures
import contextlib
import random
import threading
import time

from usermsg.notifications import errors
from usermsg.outbox import body
from usermsg.outbox import failure_policy

#: Threads, for drivers that know no other way to deliver several at a time.
THREADS = 64

#: Seconds between two looks at whether more threads would help.
_LOOK = 0.01


def longest(lease):
    """Seconds that a batch may take: a third of what its lease lasts.

    As long can have passed since that was renewed, and a driver that makes us
    wait before it takes the last one may need as long again.

    :param lease: seconds
    """
    return lease / 3


class Delivery:
    """Sends through a driver.

    A driver with ``submit`` gets a batch at once and confirms its parts in any
    order; another is called from several threads.

    :param driver: see :mod:`usermsg.notifications.drivers.loader`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param timeout: seconds that sending a batch takes at most, apart from
        what the driver itself makes us wait for one of them
    :ivar delivered: how many were, in this pass
    """

    def __init__(self, driver, catalogue, timeout):
        self._driver = driver
        self._catalogue = catalogue
        self._timeout = timeout
        self._threads = futures.ThreadPoolExecutor(THREADS)
        self._before = self.delivered = 0
        self._unavailable = False

    def begin_pass(self):
        self._before, self.delivered = self.delivered, 0

    @property
    def works(self):
        """Whether anything was delivered, in this pass or in the last one.

        It tells a notification that can't be delivered from a broker that is
        unavailable.
        """
        return self._before + self.delivered > 0

    def deliver(self, batch, renew, stop):
        """Send entries.

        :param batch: entries of different subjects, so that any order is right
        :param renew: called before each attempt
        :param stop: an event; once it is set no other attempt is begun
        :returns: (results, error): id -> None, if it was delivered, or the
            :class:`usermsg.notifications.errors.NotDelivered`, of those of
            which this is certain; and the last error, if nothing seems to work
        """
        if self._unavailable:
            # Little is asked of it until it works again.
            batch = _in_turns(batch, lambda entry: entry.shard)[
                :failure_policy.PROBES]
        streak = failure_policy.Streak()
        send = (self._submit_all if hasattr(self._driver, 'submit') else
                self._notify_each)
        results = send(batch, renew, stop, streak)
        self.delivered += list(results.values()).count(None)
        error = None if self.works and not streak.gives_up else streak.error
        self._unavailable = error is not None
        return results, error

    def _notify_each(self, batch, renew, stop, streak):
        renew()
        left = collections.deque(
            sorted(batch, key=lambda entry: entry.attempts > 0))
        results, lock = {}, threading.Lock()
        end = time.monotonic() + self._timeout

        def work():
            with contextlib.suppress(IndexError):  # nothing is left
                while True:
                    entry = left.popleft()
                    result = self._try(
                        entry, lambda fields: self._driver.notify(
                            {}, fields, fields['priority'], 0))
                    with lock:
                        results[entry.id] = result
                        streak.add(result)
                    if (streak.gives_up or stop.is_set() or
                            time.monotonic() > end):
                        left.clear()

        threads = [self._threads.submit(work)]
        while left and not all(thread.done() for thread in threads):
            finished, worked = len(results), time.process_time()
            futures.wait(threads, None if len(threads) == THREADS else _LOOK)
            # Threads only help to wait: where there is work instead, they
            # would share one processor, and be slower than one of them.
            if (len(results) == finished or
                    time.process_time() - worked < _LOOK / 2):
                threads += [self._threads.submit(work) for _ in range(
                    min(len(left), len(threads), THREADS - len(threads)))]
        for thread in threads:
            thread.result()
        return results

    def _submit_all(self, batch, renew, stop, streak):
        """Send what has not failed before, and then the rest alone.

        Where one fails, others may have: it can be that it takes the
        connection down with it, and they are not to suffer for that. What has
        failed alone before is not sent among others any more.
        """
        renew()
        together = self._submit(
            [entry for entry in batch if not entry.attempts])
        results = {ident: result for ident, result in together.items()
                   if not failure_policy.is_failure(result)}
        for result in results.values():
            streak.add(result)
        alone = _in_turns(
            [entry for entry in batch if entry.id not in results],
            lambda entry: (entry.shard, entry.id in together))
        for entry in alone:
            if stop.is_set() or streak.gives_up:
                break
            # One that was not tried yet only tells if it is the broker.
            if streak.failures or entry.id in together or entry.attempts:
                renew()
                results |= self._submit([entry])
                streak.add(results[entry.id])
        return results

    def _submit(self, entries):
        futures_by_id, results = {}, {}
        end = time.monotonic() + self._timeout
        for entry in entries:
            # The driver may take one only when it has room again.
            if results and time.monotonic() > end:
                break

            def submit(fields):
                futures_by_id[entry.id] = self._driver.submit(
                    {}, fields, fields['priority'])

            results[entry.id] = self._try(entry, submit)
        # Less if the driver has made us wait until it took the last one.
        left = end + self._timeout - time.monotonic()
        futures.wait(futures_by_id.values(), max(0, min(left, self._timeout)))
        for ident, future in futures_by_id.items():
            future.cancel()
            results[ident] = _result(future.result, 0)
        return results

    def _try(self, entry, send):
        try:
            fields = body.of(entry, self._catalogue)
        except Exception:
            # Whatever it is: the others are to be sent all the same.
            return errors.Rejected(failure_policy.UNREADABLE)
        return _result(send, fields)


def _in_turns(entries, kind):
    """Return entries in random order, one of each kind in turns.

    Always to begin with the same ones, or with all of a shard, would tell
    nothing if it were theirs. Those that have failed before come last, in
    their order: one that had bad luck must not have it again and again.
    """
    fresh = [entry for entry in entries if not entry.attempts]
    random.shuffle(fresh)  # nosec B311
    turns = collections.Counter()

    def turn(entry):
        turns[kind(entry)] += 1
        return turns[kind(entry)]

    return (sorted(fresh, key=turn) +
            [entry for entry in entries if entry.attempts])


def _result(call, *arguments):
    try:
        call(*arguments)
    except (futures.CancelledError, futures.TimeoutError):
        return errors.NotDelivered('no confirmation in time')
    except errors.NotDelivered as error:
        return error
    except BaseException as error:
        # Also what would end this thread without a word. The driver is
        # somebody else's, and its words could hold the payload.
        return errors.NotDelivered(type(error).__name__)
