# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Notifications that are still to be delivered: every query on them."""

import dataclasses
import datetime

import sqlalchemy as sa

from usermsg.db import models
from usermsg.db import statement
from usermsg.objects import walk

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
_WIDTH = len(_TABLE.c)

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


def shards(db, driver):
    """The shards in which something waits for a driver, in their order."""
    last = -1
    while True:
        # One step along the index each, however much is waiting.
        with db.reader() as connection:
            last = connection.scalar(walk.force_index(
                sa.select(_TABLE.c.shard), _TABLE, _INDEX)
                .where(*_WAITING, _TABLE.c.shard > sa.bindparam('last'))
                .order_by(_TABLE.c.shard).limit(1),
                {'driver': driver, 'last': last})
        if last is None:
            return
        yield last


def waiting(db, driver, shard, after='', limit=BATCH):
    """Entries that wait for a driver, in their order.

    :param after: behind this id
    """
    with db.reader() as connection:
        return [Entry(*row) for row in connection.execute(
            walk.force_index(sa.select(_TABLE), _TABLE, _INDEX).where(
                *_WAITING, _TABLE.c.shard == sa.bindparam('shard'),
                _TABLE.c.id > sa.bindparam('after'))
            .order_by(_TABLE.c.id).limit(limit),
            {'driver': driver, 'shard': shard, 'after': after})]


def delete(connection, driver, ids):
    """Forget entries: they were delivered, or an operator gave them up.

    :returns: how many there were
    """
    return connection.execute(
        _TABLE.delete().where(*_named(driver, ids))).rowcount


def postpone(connection, driver, ids, due_at, reason):
    """Count a failure, and try again later.

    :param due_at: aware datetime
    :param reason: of the failure, in words of ours
    """
    connection.execute(_TABLE.update().where(*_named(driver, ids)).values(
        attempts=_TABLE.c.attempts + 1, due_at=_naive(due_at),
        reason=reason[:255]))


def set_aside(connection, driver, ids, reason):
    """Try no more, until an operator says so.

    :returns: how many there were
    """
    return connection.execute(
        _TABLE.update().where(*_named(driver, ids)).values(
            set_aside=1, due_at=None, reason=reason[:255])).rowcount


def _named(driver, ids):
    return _TABLE.c.id.in_(ids), _TABLE.c.driver == driver


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which entries an operator means; all of them if nothing is given.

    :param ids: of their notifications
    :param driver: a strategy's name
    :param event_type: such as ``image.upload``
    :param set_aside: those only (True), or those that still wait (False)
    """

    ids: tuple = ()
    driver: str | None = None
    event_type: str | None = None
    set_aside: bool | None = None

    def conditions(self):
        found = []
        if self.ids:
            found.append(_TABLE.c.id.in_(self.ids))
        if self.driver is not None:
            found.append(_TABLE.c.driver == self.driver)
        if self.event_type is not None:
            found.append(_TABLE.c.event_type == self.event_type)
        if self.set_aside is not None:
            found.append(_TABLE.c.set_aside == int(self.set_aside))
        return found


def page(db, chosen, after=None, limit=BATCH):
    """Entries in their order, a page of them.

    :param chosen: a :class:`Chosen`
    :param after: behind the entry with this (id, driver)
    """
    low = []
    if after is not None:
        ident, driver = after
        low = [(_TABLE.c.id > ident) | ((_TABLE.c.id == ident) &
                                        (_TABLE.c.driver > driver))]
    with db.reader() as connection:
        return [Entry(*row) for row in connection.execute(
            walk.force_index(sa.select(_TABLE), _TABLE, 'PRIMARY')
            .where(*chosen.conditions(), *low)
            .order_by(_TABLE.c.id, _TABLE.c.driver).limit(limit))]


def retry(db, chosen, now):
    """Have entries tried again from the beginning, a batch each step.

    :param now: aware datetime
    :returns: an iterator of how many each batch changed
    """
    return _change(db, chosen, lambda driver, ids: _TABLE.update().where(
        *_named(driver, ids)).values(
            set_aside=0, attempts=0, due_at=None, reason=None,
            queued_at=_naive(now)))


def drop(db, chosen):
    """Remove entries undelivered, a batch each step. See :func:`retry`."""
    return _change(db, chosen, lambda driver, ids: _TABLE.delete().where(
        *_named(driver, ids)))


def _change(db, chosen, statement_for):
    after = None
    while True:
        entries = page(db, chosen, after)
        if not entries:
            return
        by_driver = {}
        for entry in entries:
            by_driver.setdefault(entry.driver, []).append(entry.id)
        for driver, ids in by_driver.items():
            yield db.write(lambda connection: connection.execute(
                statement_for(driver, ids)).rowcount)
        after = entries[-1].id, entries[-1].driver


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
        counts = []
        for aside in (0, 1):
            counts.append(sum(sum(walk.counts(
                db, _TABLE.c.id, _INDEX,
                [_TABLE.c.set_aside == aside, _TABLE.c.driver == driver,
                 _TABLE.c.shard == shard])) for shard in range(SHARDS)))
        with db.reader() as connection:
            oldest = min((when for when in (
                connection.scalar(walk.force_index(
                    sa.select(_TABLE.c.queued_at), _TABLE, _INDEX).where(
                        *_WAITING, _TABLE.c.shard == shard)
                    .order_by(_TABLE.c.id).limit(1), {'driver': driver})
                for shard in range(SHARDS)) if when is not None),
                default=None)
        found[driver] = Backlog(
            *counts, oldest and oldest.replace(tzinfo=datetime.timezone.utc))
    return found


def _drivers(db):
    names = set()
    for aside in (0, 1):
        last = ''
        while True:
            with db.reader() as connection:
                last = connection.scalar(walk.force_index(
                    sa.select(_TABLE.c.driver), _TABLE, _INDEX)
                    .where(_TABLE.c.set_aside == aside,
                           _TABLE.c.driver > last)
                    .order_by(_TABLE.c.driver).limit(1))
            if last is None:
                break
            names.add(last)
    return sorted(names)


def _naive(when):
    return when.astimezone(datetime.timezone.utc).replace(tzinfo=None)
