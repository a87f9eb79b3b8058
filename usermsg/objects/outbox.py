# SPDX-License-Identifier: Apache-2.0
"""Every query on the outbox, the table of undelivered notifications."""

import dataclasses
import datetime

import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.db import statement
from usermsg import text

_TABLE = models.outbox
_INDEX = 'outbox_relay_idx'

#: The entries of one project, or of one image, are all in one shard.
SHARDS = 32

#: Maximum number of rows that one transaction changes.
BATCH = 500

_INSERT = statement.Insert(_TABLE)

# Sorts after every id.
_MAX_ID = '~'


def insert(connection, entries):
    """Store entries in the transaction that makes the reported change.

    :param entries: a list of :class:`usermsg.db.models.OutboxRow`
    """
    for first in range(0, len(entries), BATCH):
        _INSERT.execute(connection, entries[first:first + BATCH])


def shards(db, driver, dead_letters=False):
    """Return the shards with pending entries for a driver, in ascending order.

    :param dead_letters: True for the shards with dead letters instead
    """
    return _distinct(db, _TABLE.c.shard,
                     _TABLE.c.set_aside == int(dead_letters),
                     _TABLE.c.driver == driver)


def _distinct(db, column, *conditions):
    """Yield the distinct values of a column, in ascending order.

    :param conditions: on the columns that precede it in the index
    """
    after = ()
    while True:
        # One index step per value, however many entries there are.
        with db.reader() as connection:
            value = connection.scalar(index_scan.force_index(
                sa.select(column), _TABLE, _INDEX)
                .where(*conditions, *after).order_by(column).limit(1))
        if value is None:
            return
        yield value
        after = (column > value,)


def pending(db, driver, shard, after='', limit=BATCH, before=_MAX_ID):
    """Return pending entries for a driver, ordered by id.

    :param after: exclusive lower bound of the ids
    :param before: exclusive upper bound of the ids
    """
    with db.reader() as connection:
        return connection.execute(
            index_scan.force_index(sa.select(_TABLE), _TABLE, _INDEX).where(
                _TABLE.c.set_aside == 0, _TABLE.c.driver == driver,
                _TABLE.c.shard == shard, _TABLE.c.id > after,
                _TABLE.c.id < before)
            .order_by(_TABLE.c.id).limit(limit)).all()


def delete(connection, driver, ids):
    """Delete entries that were delivered or that an operator dropped.

    :returns: the number of deleted entries
    """
    return connection.execute(
        _TABLE.delete().where(*_by_ids(driver, ids))).rowcount


def postpone(connection, driver, ids, due_at, reason, failures=1):
    """Schedule another delivery attempt.

    :param due_at: aware datetime
    :param reason: of the failure; must not repeat the payload
    :param failures: the number to add to the entries' failed attempts
    """
    connection.execute(_TABLE.update().where(*_by_ids(driver, ids)).values(
        attempts=_TABLE.c.attempts + failures, due_at=clock.naive(due_at),
        reason=safe_reason(reason)))


def move_to_dead_letters(connection, driver, ids, reason):
    """Stop delivery attempts until an operator requests a retry.

    :returns: the number of changed entries
    """
    return connection.execute(
        _TABLE.update().where(*_by_ids(driver, ids)).values(
            set_aside=1, due_at=None, reason=safe_reason(reason))).rowcount


def _by_ids(driver, ids):
    return _TABLE.c.id.in_(ids), _TABLE.c.driver == driver


@dataclasses.dataclass(frozen=True)
class EntryFilter:
    """Filter of the entries for an operator; by default it matches all.

    :param ids: of the notifications
    :param drivers: names of drivers
    :param event_type: for example ``image.upload``
    :param dead_letters: True for dead letters only, False for pending entries
        only
    :param since: an aware datetime; matches entries queued then or later
    :param before: an aware datetime; matches entries queued earlier
    """

    ids: tuple = ()
    drivers: tuple = ()
    event_type: str | None = None
    dead_letters: bool | None = None
    since: datetime.datetime | None = None
    before: datetime.datetime | None = None

    def conditions(self):
        """Return the conditions that no index supports."""
        conditions = []
        # The expressions on driver and set_aside keep the planner from using
        # the relay's index, which begins with these two columns, and from
        # then sorting all pending entries.
        if self.drivers:
            conditions.append(_TABLE.c.driver.concat('').in_(self.drivers))
        if self.event_type is not None:
            conditions.append(_TABLE.c.event_type == self.event_type)
        if self.dead_letters is not None:
            conditions.append(
                _TABLE.c.set_aside + 0 == int(self.dead_letters))
        if self.since is not None:
            conditions.append(_TABLE.c.queued_at >= clock.naive(self.since))
        if self.before is not None:
            conditions.append(_TABLE.c.queued_at < clock.naive(self.before))
        return conditions

    def rows(self):
        """Return the matching entries as a scan of the primary key."""
        return index_scan.Rows(
            _TABLE.c.id, 'PRIMARY',
            (_TABLE.c.id.in_(self.ids),) if self.ids else (),
            self.conditions())


#: Columns shown to operators. The content is not their concern, and may be
#: long.
_LISTED_COLUMNS = [column for column in _TABLE.c if column.name != 'content']


def pages(db, entry_filter):
    """Yield pages of matching entries, by id and driver, without content.

    Only ids are indexed, not the other filters. So that no statement scans
    the whole table, some pages are empty.

    :param entry_filter: an :class:`EntryFilter`
    :returns: an iterator of lists of rows, which have the columns' names
    """
    entries = entry_filter.rows()
    for step in entries.steps(db):
        after = []
        while True:
            with db.reader() as connection:
                rows = connection.execute(
                    entries.select(*_LISTED_COLUMNS)
                    .where(*step, *entries.filters, *after)
                    .order_by(_TABLE.c.id, _TABLE.c.driver)
                    .limit(BATCH)).all()
            yield rows
            if len(rows) < BATCH:
                break
            last = rows[-1]
            after = [_TABLE.c.id >= last.id, (_TABLE.c.id > last.id) |
                     (_TABLE.c.driver > last.driver)]


def count_by_type(db, entry_filter):
    """Count the matching entries by driver and event type.

    :returns: an iterator of partial counters of (driver, event type); their
        sum is the result
    """
    return entry_filter.rows().count_by(
        db, _TABLE.c.driver, _TABLE.c.event_type)


def retry(db, entry_filter, now):
    """Reset entries to pending and unattempted, one batch per step.

    :param now: aware datetime
    :returns: an iterator of the number of entries changed by each step
    """
    return _change(db, entry_filter, _TABLE.update().values(
        set_aside=0, attempts=0, due_at=None, reason=None,
        queued_at=clock.naive(now)))


def drop(db, entry_filter):
    """Delete entries undelivered, one batch per step. See :func:`retry`."""
    return _change(db, entry_filter, _TABLE.delete())


def _change(db, entry_filter, change):
    for rows in pages(db, entry_filter):
        by_driver = {}
        for row in rows:
            by_driver.setdefault(row.driver, []).append(row.id)
        for driver, ids in by_driver.items():
            # The conditions are repeated to skip entries that changed since
            # they were read, and don't match any more.
            query = change.where(*_by_ids(driver, ids),
                                 *entry_filter.conditions())
            yield db.write(
                lambda connection: connection.execute(query).rowcount)


@dataclasses.dataclass(frozen=True)
class Backlog:
    """Undelivered notifications for one driver.

    :param pending: number of pending entries
    :param dead_letters: number of dead letters
    :param oldest: when the oldest pending entry was queued: an aware
        datetime; None without pending entries
    """

    pending: int
    dead_letters: int
    oldest: datetime.datetime | None


def backlog(db):
    """Return driver -> :class:`Backlog`, for all drivers with entries."""
    by_driver = {}
    drivers = (_distinct(db, _TABLE.c.driver, _TABLE.c.set_aside == value)
               for value in (0, 1))
    for driver in sorted(set().union(*drivers)):
        counts = [sum(sum(index_scan.Rows(
            _TABLE.c.id, _INDEX,
            (_TABLE.c.set_aside == int(dead_letters),
             _TABLE.c.driver == driver, _TABLE.c.shard == shard)).count(db))
            for shard in shards(db, driver, dead_letters))
            for dead_letters in (False, True)]
        oldest = min((entry.queued_at for shard in shards(db, driver)
                      for entry in pending(db, driver, shard, limit=1)),
                     default=None)
        by_driver[driver] = Backlog(*counts, oldest and clock.aware(oldest))
    return by_driver


def safe_reason(reason):
    """Return a broker's reason as a line that fits any database and log."""
    return text.line(reason, 255)
