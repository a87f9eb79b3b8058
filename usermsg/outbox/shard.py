# SPDX-License-Identifier: Apache-2.0
"""Ordered reading of several shards of the outbox at a time."""

import contextlib
import datetime
import itertools
import time

from usermsg.db import lease
from usermsg import exception
from usermsg.objects import ids
from usermsg.objects import outbox
from usermsg.outbox import delivery

#: Maximum number of full pages of a shard in one shard pass, after which other
#: shards have their turn.
_PAGES_PER_PASS = 10

#: Maximum clock difference between hosts. See :meth:`Shard._read_pages`.
_MAX_CLOCK_SKEW = datetime.timedelta(seconds=60)


class Shard:
    """Pending entries of one shard for a driver, in their order.

    :param page_size: number of entries that are read at a time
    :ivar has_more: whether there may be entries that were not read
    """

    def __init__(self, db, driver, number, page_size):
        self._pages = self._read_pages(db, driver, number, page_size)
        self._quota = page_size * _PAGES_PER_PASS
        self._entries = []
        # Subjects of entries that are not due: later entries of the same
        # subject must wait for them.
        self._blocked = set()
        self.has_more = False

    def _read_pages(self, db, driver, number, page_size):
        """Yield pages of pending entries.

        The result of one SELECT contains the create of each delete in it. For
        a later SELECT that isn't certain: a create may be committed late,
        with an id in a range that has been read already, and then its delete,
        with an id in the remaining range. So later SELECTs only return
        entries that are older than the first SELECT: a message that was
        deleted before the first SELECT was created before it, too.
        """
        before = ids.lower_bound(
            datetime.datetime.now(datetime.timezone.utc) -
            _MAX_CLOCK_SKEW)
        page = outbox.pending(db, driver, number, limit=page_size)
        while page:
            # Only after a full page there can be entries for the next pass.
            self.has_more |= len(page) == page_size
            yield page
            if len(page) < page_size or self._quota <= 0:
                return
            page = outbox.pending(db, driver, number, page[-1].id, page_size,
                                  before)

    def take(self, limit, is_due):
        """Return entries that can be sent now: the first of each subject.

        They remain the first ones until they are settled.

        :param limit: maximum number of entries
        :param is_due: a function of an entry
        """
        by_subject = {}
        for page in itertools.chain([self._entries], self._pages):
            self._entries = page
            for entry in page:
                if len(by_subject) == limit:
                    break
                if not is_due(entry):
                    self._blocked.add(entry.subject)
                if entry.subject not in self._blocked:
                    by_subject.setdefault(entry.subject, entry)
            if by_subject:
                break
        return list(by_subject.values())

    def settle(self, finished, blocked):
        """Remove entries, and skip subjects until the next pass.

        :param finished: ids of the entries that have a result, a set
        :param blocked: a set of subjects
        """
        entries = [entry for entry in self._entries
                   if entry.id not in finished]
        self._quota -= len(self._entries) - len(entries)
        self._entries = entries
        self._blocked |= blocked


class Shards:
    """Shards that this worker relays at a time, each with its lease.

    A lease is acquired when a batch has room for entries of its shard, so
    that workers share the load: with few pending entries one batch contains
    those of all shards, with many those of one shard.

    :param numbers: of the shards, in the order in which to read them
    :param options: ``[relay]``
    :ivar has_more: whether there may be entries that were not read
    """

    def __init__(self, db, driver, numbers, options):
        self._db = db
        self._driver = driver
        self._numbers = iter(numbers)
        self._options = options
        self._held = {}
        self._renewed = time.monotonic()
        self.has_more = False

    def take(self, is_due):
        """Return a batch of entries of different subjects."""
        batch, finished = [], []
        for shard in self._acquire_shards():
            entries = shard.take(self._options.batch_size - len(batch), is_due)
            self.has_more |= shard.has_more
            if not entries:
                finished.append(shard)
            batch += entries
            if len(batch) == self._options.batch_size:
                break
        self._release(finished)
        return batch

    def _acquire_shards(self):
        """Yield the held shards, and then others that can be acquired."""
        yield from list(self._held)
        for number in self._numbers:
            shard_lease = lease.Lease(
                self._db, f'relay-{self._driver}-{number}',
                self._options.lease_ttl)
            if shard_lease.acquire():
                shard = Shard(self._db, self._driver, number,
                              self._options.batch_size)
                self._held[shard] = shard_lease
                yield shard

    def renew(self):
        """Renew the leases ahead of their expiry.

        :raises usermsg.db.lease.LeaseLost: see :meth:`write`
        """
        if time.monotonic() - self._renewed > delivery.max_batch_seconds(
                self._options.lease_ttl):
            self.write(lambda connection: None)

    def write(self, work):
        """Run ``work(connection)`` in one transaction, under all leases.

        :raises usermsg.db.lease.LeaseLost: this process lost one of the leases
        """
        def guarded(connection):
            for shard_lease in self._held.values():
                shard_lease.guard(connection)
            work(connection)

        self._renewed = time.monotonic()
        self._db.write(guarded)

    def settle(self, finished, blocked):
        """Call :meth:`Shard.settle` on the held shards."""
        for shard in self._held:
            shard.settle(finished, blocked)

    def release(self):
        """Release the leases; without a database they expire later."""
        with contextlib.suppress(exception.DatabaseUnavailable):
            self._release(list(self._held))

    def _release(self, shards):
        leases = [self._held.pop(shard) for shard in shards]
        if leases:
            self._db.write(lambda connection: [
                shard_lease.end(connection) for shard_lease in leases])
