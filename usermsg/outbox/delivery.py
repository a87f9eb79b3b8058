# SPDX-License-Identifier: Apache-2.0
"""Concurrent delivery of outbox entries through one driver."""

import collections
from concurrent import futures
import contextlib
import random
import threading
import time

from usermsg.notifications import errors
from usermsg.outbox import body
from usermsg.outbox import failure_policy

#: Number of threads for drivers that can't deliver concurrently otherwise.
THREADS = 64

#: Seconds between two checks of whether more threads would help.
_THREAD_CHECK_INTERVAL = 0.01


def max_batch_seconds(lease_ttl):
    """Return the maximum duration of a batch: a third of its lease.

    The lease may have been renewed as long ago, and a driver that blocks
    before it accepts the last entry may need as long again.

    :param lease_ttl: seconds
    """
    return lease_ttl / 3


class Delivery:
    """Sender of batches through a driver.

    A driver with ``submit`` gets a batch at once and confirms its entries in
    any order; another one is called from several threads.

    :param driver: see :mod:`usermsg.notifications.drivers.loader`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param timeout: maximum seconds for sending a batch, apart from the time
        that the driver itself blocks for one entry
    :ivar delivered: number of deliveries in this pass
    """

    def __init__(self, driver, catalogue, timeout):
        self._driver = driver
        self._catalogue = catalogue
        self._timeout = timeout
        self._threads = futures.ThreadPoolExecutor(THREADS)
        self._previously_delivered = self.delivered = 0
        self._unavailable = False

    def begin_pass(self):
        self._previously_delivered, self.delivered = self.delivered, 0

    @property
    def broker_works(self):
        """True if there was a delivery in this pass or in the previous one.

        It distinguishes a notification that can't be delivered from a broker
        that is unavailable.
        """
        return self._previously_delivered + self.delivered > 0

    def deliver(self, batch, renew, stop):
        """Send entries.

        :param batch: entries of different subjects, so that they may be sent
            in any order
        :param renew: called before each attempt
        :param stop: an event; no attempt is begun once it is set
        :returns: (results, error): id -> None for a delivered entry, or the
            :class:`usermsg.notifications.errors.NotDelivered`, for each entry
            whose result is certain; and the last error if the broker seems
            unavailable
        """
        if self._unavailable:
            # Only a few probes are sent until the broker works again.
            batch = _interleave(batch, lambda entry: entry.shard)[
                :failure_policy.PROBES]
        streak = failure_policy.Streak()
        send = (self._submit_all if hasattr(self._driver, 'submit') else
                self._notify_each)
        results = send(batch, renew, stop, streak)
        self.delivered += list(results.values()).count(None)
        error = (None if self.broker_works and not streak.indicates_outage
                 else streak.error)
        self._unavailable = error is not None
        return results, error

    def _notify_each(self, batch, renew, stop, streak):
        renew()
        queue = collections.deque(
            sorted(batch, key=lambda entry: entry.attempts > 0))
        results, lock = {}, threading.Lock()
        end = time.monotonic() + self._timeout

        def send_queued():
            with contextlib.suppress(IndexError):  # the queue is empty
                while True:
                    entry = queue.popleft()
                    result = self._try(
                        entry, lambda fields: self._driver.notify(
                            {}, fields, fields['priority'], 0))
                    with lock:
                        results[entry.id] = result
                        streak.add(result)
                    if (streak.indicates_outage or stop.is_set() or
                            time.monotonic() > end):
                        queue.clear()

        threads = [self._threads.submit(send_queued)]
        while queue and not all(thread.done() for thread in threads):
            finished, cpu_time = len(results), time.process_time()
            futures.wait(threads, None if len(threads) == THREADS else
                         _THREAD_CHECK_INTERVAL)
            # More threads only help if the existing ones wait. CPU-bound
            # threads would share one processor, and be slower than one.
            if (len(results) == finished or
                    time.process_time() - cpu_time <
                    _THREAD_CHECK_INTERVAL / 2):
                threads += [
                    self._threads.submit(send_queued) for _ in range(
                        min(len(queue), len(threads),
                            THREADS - len(threads)))]
        for thread in threads:
            thread.result()
        return results

    def _submit_all(self, batch, renew, stop, streak):
        """Send entries without failures together, then the others alone.

        When one entry fails, others may have failed because of it: it may
        have closed the connection. They must not suffer for that, so each of
        them is sent again alone. An entry that has failed alone before isn't
        sent with others any more.
        """
        renew()
        together = self._submit(
            [entry for entry in batch if not entry.attempts])
        results = {ident: result for ident, result in together.items()
                   if not failure_policy.is_failure(result)}
        for result in results.values():
            streak.add(result)
        alone = _interleave(
            [entry for entry in batch if entry.id not in results],
            lambda entry: (entry.shard, entry.id in together))
        for entry in alone:
            if stop.is_set() or streak.indicates_outage:
                break
            # An entry without an attempt is needed only after a failure, to
            # find out if the broker is at fault.
            if streak.failures or entry.id in together or entry.attempts:
                renew()
                results |= self._submit([entry])
                streak.add(results[entry.id])
        return results

    def _submit(self, entries):
        futures_by_id, results = {}, {}
        end = time.monotonic() + self._timeout
        for entry in entries:
            # The driver may block until it has room for the entry.
            if results and time.monotonic() > end:
                break

            def submit(fields):
                futures_by_id[entry.id] = self._driver.submit(
                    {}, fields, fields['priority'])

            results[entry.id] = self._try(entry, submit)
        # Less than the timeout if the driver blocked before it accepted the
        # last entry.
        remaining = end + self._timeout - time.monotonic()
        futures.wait(futures_by_id.values(),
                     max(0, min(remaining, self._timeout)))
        for ident, future in futures_by_id.items():
            future.cancel()
            results[ident] = _result(future.result, 0)
        return results

    def _try(self, entry, send):
        try:
            fields = body.build_body(entry, self._catalogue)
        except Exception:
            # Of any class: the other entries must be sent nevertheless.
            return errors.Rejected(failure_policy.UNREADABLE)
        return _result(send, fields)


def _interleave(entries, kind):
    """Return entries in random order, alternating between their kinds.

    Beginning with the same entries each time, or with all of one shard, would
    not reveal if they cause the failures. Entries that have failed before
    come last, in their order: an entry that failed by chance must not do so
    again and again.
    """
    fresh = [entry for entry in entries if not entry.attempts]
    random.shuffle(fresh)  # nosec B311
    counts = collections.Counter()

    def position(entry):
        counts[kind(entry)] += 1
        return counts[kind(entry)]

    return (sorted(fresh, key=position) +
            [entry for entry in entries if entry.attempts])


def _result(call, *arguments):
    try:
        call(*arguments)
    except (futures.CancelledError, futures.TimeoutError):
        return errors.NotDelivered('not confirmed in time')
    except errors.NotDelivered as error:
        return error
    except BaseException as error:
        # Includes exceptions that would end this thread silently. The driver
        # may be a third party's, and its text could contain the payload.
        return errors.NotDelivered(type(error).__name__)
