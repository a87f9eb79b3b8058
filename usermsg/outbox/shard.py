# SPDX-License-Identifier: Apache-2.0
"""Reading shards of the outbox, each in its order, several at a time."""

import contextlib
import datetime
import itertools
import time

from usermsg.db import lease
from usermsg import exception
from usermsg.objects import ids
from usermsg.objects import outbox
from usermsg.outbox import delivery

#: Full pages of a shard that are relayed before another one has its turn.
_TURN = 10

#: By how much the clocks of hosts may differ. See :meth:`Shard._read_pages`.
_SKEW = datetime.timedelta(seconds=60)


class Shard:
    """Entries of one shard that wait for a driver, in their order.

    :param page_size: how many are read at a time
    :ivar has_more: whether there may be more than what was read
    """

    def __init__(self, db, driver, number, page_size):
        self._pages = self._read_pages(db, driver, number, page_size)
        self._left = page_size * _TURN
        self._entries = []
        # What is behind one that is not due stays behind it.
        self._blocked = set()
        self.has_more = False

    def _read_pages(self, db, driver, number, page_size):
        """Yield what waits, a page each.

        What one SELECT shows has each create whose delete it shows. Behind
        the first SELECT that isn't so: a create may be committed late, with
        an id among those that have been looked at, and its delete after it,
        with one among the others. So those show what is old enough: what was
        deleted before the first SELECT was created before it.
        """
        before = ids.lower_bound(
            datetime.datetime.now(datetime.timezone.utc) - _SKEW)
        page = outbox.waiting(db, driver, number, limit=page_size)
        while page:
            # What is left to the next pass is behind a full page.
            self.has_more |= len(page) == page_size
            yield page
            if len(page) < page_size or self._left <= 0:
                return
            page = outbox.waiting(db, driver, number, page[-1].id, page_size,
                                  before)

    def take(self, most, is_due):
        """Return entries that can be sent at once: the first of each subject.

        They stay the first ones until they are settled.

        :param is_due: a function of an entry
        """
        taken = {}
        for page in itertools.chain([self._entries], self._pages):
            self._entries = page
            for entry in page:
                if len(taken) == most:
                    break
                if not is_due(entry):
                    self._blocked.add(entry.subject)
                if entry.subject not in self._blocked:
                    taken.setdefault(entry.subject, entry)
            if taken:
                break
        return list(taken.values())

    def settle(self, finished, blocked):
        """Forget entries, and pass over subjects until the next pass.

        :param finished: a set of the ids of entries that were tried
        :param blocked: a set of subjects
        """
        entries = [entry for entry in self._entries
                   if entry.id not in finished]
        self._left -= len(self._entries) - len(entries)
        self._entries = entries
        self._blocked |= blocked


class Shards:
    """The shards that this worker relays at a time, each with its lease.

    A lease is taken when a batch has room for what is in its shard, so that
    workers share what there is: where little waits one batch holds what is in
    all shards, and where much waits it is of one.

    :param numbers: of the shards, in the order in which to go through them
    :param options: ``[relay]``
    :ivar has_more: whether there may be more than what was read
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
        """Return a batch: entries of different subjects."""
        batch, finished = [], []
        for shard in self._each():
            entries = shard.take(self._options.batch_size - len(batch), is_due)
            self.has_more |= shard.has_more
            if not entries:
                finished.append(shard)
            batch += entries
            if len(batch) == self._options.batch_size:
                break
        self._release(finished)
        return batch

    def _each(self):
        """Yield the shards that are held, and then others that are free."""
        yield from list(self._held)
        for number in self._numbers:
            claim = lease.Lease(self._db, f'relay-{self._driver}-{number}',
                                self._options.lease_ttl)
            if claim.acquire():
                shard = Shard(self._db, self._driver, number,
                              self._options.batch_size)
                self._held[shard] = claim
                yield shard

    def renew(self):
        """Renew the leases, before it is needed.

        :raises usermsg.db.lease.LeaseLost: see there
        """
        if time.monotonic() - self._renewed > delivery.longest(
                self._options.lease_ttl):
            self.write(lambda connection: None)

    def write(self, work):
        """Run ``work(connection)`` in one transaction, under all leases.

        :raises usermsg.db.lease.LeaseLost: one isn't ours any more
        """
        def guarded(connection):
            for claim in self._held.values():
                claim.guard(connection)
            work(connection)

        self._renewed = time.monotonic()
        self._db.write(guarded)

    def settle(self, finished, blocked):
        """See :meth:`Shard.settle`."""
        for shard in self._held:
            shard.settle(finished, blocked)

    def release(self):
        """Give the leases back; without a database they run out."""
        with contextlib.suppress(exception.DatabaseUnavailable):
            self._release(list(self._held))

    def _release(self, shards):
        claims = [self._held.pop(shard) for shard in shards]
        if claims:
            self._db.write(lambda connection: [
                claim.end(connection) for claim in claims])
