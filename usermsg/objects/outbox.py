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


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A notification that one driver has not delivered yet.

    Times are UTC without a zone.

    :param id: the notification's ``message_id``; their order is the order
        of the events
    :param driver: the strategy's name
    :param shard: 0 to 31
    :param set_aside: 1 if it is not tried any more
    :param subject: what it is about
    :param content: JSON
    :param queued_at: since when it waits
    :param attempts: how often it failed while others did not
    :param due_at: when to try again, if not at once
    :param reason: why it failed or was set aside
    """

    id: str
    driver: str
    shard: int
    set_aside: int
    event_type: str
    priority: str
    publisher_id: str
    subject: str
    occurred_at: datetime.datetime
    content: str
    queued_at: datetime.datetime
    attempts: int = 0
    due_at: datetime.datetime | None = None
    reason: str | None = None


_INSERT = statement.Insert(_TABLE)

# Behind every id.
_LAST = '~'

#: What is waiting for a driver, in the order of the index.
_WAITING = (_TABLE.c.set_aside == 0,
            _TABLE.c.driver == sa.bindparam('driver'))


def insert(connection, entries):
    """Store entries, as a part of the transaction of what they tell of.

    :param entries: :class:`Entry` objects, or tuples of their values
    """
    entries = [entry if isinstance(entry, tuple) else
               dataclasses.astuple(entry) for entry in entries]
    for first in range(0, len(entries), BATCH):
        _INSERT.execute(connection, entries[first:first + BATCH])


def shards(db, driver, set_aside=0):
    """The shards in which something waits for a driver, in their order.

    :param set_aside: 1 for those in which something was set aside instead
    """
    last = -1
    while True:
        # One step along the index each, however much is waiting.
        with db.reader() as connection:
            last = connection.scalar(index_scan.force_index(
                sa.select(_TABLE.c.shard), _TABLE, _INDEX)
                .where(_TABLE.c.set_aside == sa.bindparam('set_aside'),
                       _TABLE.c.driver == sa.bindparam('driver'),
                       _TABLE.c.shard > sa.bindparam('last'))
                .order_by(_TABLE.c.shard).limit(1),
                {'set_aside': set_aside, 'driver': driver, 'last': last})
        if last is None:
            return
        yield last


def waiting(db, driver, shard, after='', limit=BATCH, before=_LAST):
    """Entries that wait for a driver, in their order.

    :param after: behind this id
    :param before: and before this one
    """
    with db.reader() as connection:
        return [Entry(*row) for row in connection.execute(
            index_scan.force_index(sa.select(_TABLE), _TABLE, _INDEX).where(
                *_WAITING, _TABLE.c.shard == sa.bindparam('shard'),
                _TABLE.c.id > sa.bindparam('after'),
                _TABLE.c.id < sa.bindparam('before'))
            .order_by(_TABLE.c.id).limit(limit),
            {'driver': driver, 'shard': shard, 'after': after,
             'before': before})]


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

    def narrow(self):
        """Those that the primary key answers."""
        return [_TABLE.c.id.in_(self.ids)] if self.ids else []


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
    for each in index_scan.steps(db, _TABLE.c.id, 'PRIMARY', chosen.narrow()):
        after = []
        while True:
            with db.reader() as connection:
                rows = connection.execute(index_scan.force_index(
                    sa.select(*_SHOWN), _TABLE, 'PRIMARY')
                    .where(*each, *chosen.conditions(), *after)
                    .order_by(_TABLE.c.id, _TABLE.c.driver)
                    .limit(BATCH)).all()
            yield rows
            if len(rows) < BATCH:
                break
            last = rows[-1]
            after = [_TABLE.c.id >= last.id, (_TABLE.c.id > last.id) |
                     (_TABLE.c.driver > last.driver)]


def kinds(db, chosen):
    """How many are meant of each kind, in numbers that add up to it.

    :returns: an iterator of dicts, (driver, event type) -> number
    """
    columns = _TABLE.c.driver, _TABLE.c.event_type
    for each in index_scan.steps(db, _TABLE.c.id, 'PRIMARY', chosen.narrow()):
        with db.reader() as connection:
            yield {(driver, event_type): number
                   for driver, event_type, number in connection.execute(
                       index_scan.force_index(
                           sa.select(*columns, sa.func.count()), _TABLE,
                           'PRIMARY')
                       .where(*each, *chosen.conditions())
                       .group_by(*columns))}


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
    for driver in _drivers(db):
        counts = [sum(sum(index_scan.counts(
            db, _TABLE.c.id, _INDEX,
            [_TABLE.c.set_aside == aside, _TABLE.c.driver == driver,
             _TABLE.c.shard == shard]))
            for shard in shards(db, driver, aside)) for aside in (0, 1)]
        firsts = filter(None, [_queued_first(db, driver, shard)
                               for shard in shards(db, driver)])
        oldest = min(firsts, default=None)
        found[driver] = Backlog(
            *counts, oldest and clock.aware(oldest))
    return found


def _queued_first(db, driver, shard):
    """Since when the first of those in a shard waits."""
    with db.reader() as connection:
        return connection.scalar(index_scan.force_index(
            sa.select(_TABLE.c.queued_at), _TABLE, _INDEX)
            .where(*_WAITING, _TABLE.c.shard == sa.bindparam('shard'))
            .order_by(_TABLE.c.id).limit(1),
            {'driver': driver, 'shard': shard})


def _drivers(db):
    names = set()
    for aside in (0, 1):
        last = ''
        while True:
            with db.reader() as connection:
                last = connection.scalar(index_scan.force_index(
                    sa.select(_TABLE.c.driver), _TABLE, _INDEX)
                    .where(_TABLE.c.set_aside == aside,
                           _TABLE.c.driver > last)
                    .order_by(_TABLE.c.driver).limit(1))
            if last is None:
                break
            names.add(last)
    return sorted(names)


def words(reason):
    """What every database and log can hold of what a broker said."""
    return text.line(reason, 255)
