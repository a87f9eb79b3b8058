# SPDX-License-Identifier: Apache-2.0
"""Notifications that are still to be delivered: every query on them."""

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

#: Rows that one transaction changes at most.
BATCH = 500

_INSERT = statement.Insert(_TABLE)

# Behind every id.
_LAST = '~'


def insert(connection, entries):
    """Store entries, as a part of the transaction of what they tell of.

    :param entries: a list of :class:`usermsg.db.models.OutboxRow`
    """
    for first in range(0, len(entries), BATCH):
        _INSERT.execute(connection, entries[first:first + BATCH])


def shards(db, driver, set_aside=0):
    """The shards in which something waits for a driver, in their order.

    :param set_aside: 1 for those in which something was set aside instead
    """
    return _distinct(db, _TABLE.c.shard, _TABLE.c.set_aside == set_aside,
                     _TABLE.c.driver == driver)


def _distinct(db, column, *conditions):
    """Yield the values of a column, in their order.

    :param conditions: on the columns before it in the index
    """
    after = ()
    while True:
        # One step along the index each, however much is waiting.
        with db.reader() as connection:
            value = connection.scalar(index_scan.force_index(
                sa.select(column), _TABLE, _INDEX)
                .where(*conditions, *after).order_by(column).limit(1))
        if value is None:
            return
        yield value
        after = (column > value,)


def waiting(db, driver, shard, after='', limit=BATCH, before=_LAST):
    """Return entries that wait for a driver, in their order.

    :param after: behind this id
    :param before: and before this one
    """
    with db.reader() as connection:
        return connection.execute(
            index_scan.force_index(sa.select(_TABLE), _TABLE, _INDEX).where(
                _TABLE.c.set_aside == 0, _TABLE.c.driver == driver,
                _TABLE.c.shard == shard, _TABLE.c.id > after,
                _TABLE.c.id < before)
            .order_by(_TABLE.c.id).limit(limit)).all()


def delete(connection, driver, ids):
    """Forget entries: they were delivered, or an operator gave them up.

    :returns: how many there were
    """
    return connection.execute(
        _TABLE.delete().where(*_named(driver, ids))).rowcount


def postpone(connection, driver, ids, due_at, reason, failures=1):
    """Try again later.

    :param due_at: aware datetime
    :param reason: of the failure, in words of ours
    :param failures: how many to count
    """
    connection.execute(_TABLE.update().where(*_named(driver, ids)).values(
        attempts=_TABLE.c.attempts + failures, due_at=clock.naive(due_at),
        reason=words(reason)))


def set_aside(connection, driver, ids, reason):
    """Try no more, until an operator says so.

    :returns: how many there were
    """
    return connection.execute(
        _TABLE.update().where(*_named(driver, ids)).values(
            set_aside=1, due_at=None, reason=words(reason))).rowcount


def _named(driver, ids):
    return _TABLE.c.id.in_(ids), _TABLE.c.driver == driver


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which entries an operator means; all of them if nothing is given.

    :param ids: of their notifications
    :param drivers: names of strategies
    :param event_type: such as ``image.upload``
    :param set_aside: those only (True), or those that still wait (False)
    :param since: those that wait since then or later: an aware datetime
    :param before: those that wait for longer: likewise
    """

    ids: tuple = ()
    drivers: tuple = ()
    event_type: str | None = None
    set_aside: bool | None = None
    since: datetime.datetime | None = None
    before: datetime.datetime | None = None

    def conditions(self):
        """Those that no index answers."""
        found = []
        # So written that no planner takes the relay's index instead, which
        # begins with these two, and then sorts all that wait.
        if self.drivers:
            found.append(_TABLE.c.driver.concat('').in_(self.drivers))
        if self.event_type is not None:
            found.append(_TABLE.c.event_type == self.event_type)
        if self.set_aside is not None:
            found.append(_TABLE.c.set_aside + 0 == int(self.set_aside))
        if self.since is not None:
            found.append(_TABLE.c.queued_at >= clock.naive(self.since))
        if self.before is not None:
            found.append(_TABLE.c.queued_at < clock.naive(self.before))
        return found

    def rows(self):
        """The entries, which the primary key leads to."""
        return index_scan.Rows(
            _TABLE.c.id, 'PRIMARY',
            (_TABLE.c.id.in_(self.ids),) if self.ids else (),
            self.conditions())


#: What operators see of an entry. Its content is none of their business, and
#: may be long.
_SHOWN = [column for column in _TABLE.c if column.name != 'content']


def pages(db, chosen):
    """What is meant, in its order, without its content.

    There is no index for what else may be meant than ids. So that no
    statement goes through the whole table, some of what this yields is empty.

    :param chosen: a :class:`Chosen`
    :returns: an iterator of lists of rows, which have the columns' names
    """
    entries = chosen.rows()
    for step in entries.steps(db):
        after = []
        while True:
            with db.reader() as connection:
                rows = connection.execute(
                    entries.select(*_SHOWN)
                    .where(*step, *entries.filters, *after)
                    .order_by(_TABLE.c.id, _TABLE.c.driver)
                    .limit(BATCH)).all()
            yield rows
            if len(rows) < BATCH:
                break
            last = rows[-1]
            after = [_TABLE.c.id >= last.id, (_TABLE.c.id > last.id) |
                     (_TABLE.c.driver > last.driver)]


def kinds(db, chosen):
    """Count the entries that are meant by their kinds.

    :returns: an iterator of counters of (driver, event type), to be added up
    """
    return chosen.rows().count_by(db, _TABLE.c.driver, _TABLE.c.event_type)


def retry(db, chosen, now):
    """Have entries tried again from the beginning, a batch each step.

    :param now: aware datetime
    :returns: an iterator of how many each step changed
    """
    return _change(db, chosen, _TABLE.update().values(
        set_aside=0, attempts=0, due_at=None, reason=None,
        queued_at=clock.naive(now)))


def drop(db, chosen):
    """Remove entries undelivered, a batch each step. See :func:`retry`."""
    return _change(db, chosen, _TABLE.delete())


def _change(db, chosen, change):
    for rows in pages(db, chosen):
        by_driver = {}
        for row in rows:
            by_driver.setdefault(row.driver, []).append(row.id)
        for driver, ids in by_driver.items():
            # Not those of which it isn't true any more.
            query = change.where(*_named(driver, ids), *chosen.conditions())
            yield db.write(
                lambda connection: connection.execute(query).rowcount)


@dataclasses.dataclass(frozen=True)
class Backlog:
    """What waits for one driver.

    :param waiting: how many entries
    :param set_aside: how many that are not tried any more
    :param oldest: since when the first of those that wait does: an aware
        datetime; None if there is none
    """

    waiting: int
    set_aside: int
    oldest: datetime.datetime | None


def backlog(db):
    """driver -> :class:`Backlog`, of all that have one."""
    found = {}
    drivers = (_distinct(db, _TABLE.c.driver, _TABLE.c.set_aside == aside)
               for aside in (0, 1))
    for driver in sorted(set().union(*drivers)):
        counts = [sum(sum(index_scan.Rows(
            _TABLE.c.id, _INDEX,
            (_TABLE.c.set_aside == aside, _TABLE.c.driver == driver,
             _TABLE.c.shard == shard)).count(db))
            for shard in shards(db, driver, aside)) for aside in (0, 1)]
        oldest = min((entry.queued_at for shard in shards(db, driver)
                      for entry in waiting(db, driver, shard, limit=1)),
                     default=None)
        found[driver] = Backlog(*counts, oldest and clock.aware(oldest))
    return found


def words(reason):
    """What every database and log can hold of what a broker said."""
    return text.line(reason, 255)
