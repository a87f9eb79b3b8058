# SPDX-License-Identifier: Apache-2.0
"""Removing many rows: by the batch, each a transaction.

Everything that removes by the thousand goes through :func:`remove`: the
reaper, ``usermsg-manage purge`` and the library.
"""

import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.objects import ids

_MESSAGES = models.messages
_KEYS = models.source_keys

#: Rows that are deleted in one transaction at most.
BATCH = 500


def expired(now, project_id=None):
    """Messages that expired before an aware datetime."""
    return _expired(_MESSAGES, _MESSAGES.c.id, 'messages_project_id_idx',
                    now, project_id)


def expired_keys(now, project_id=None):
    """Source keys that expired before an aware datetime."""
    return _expired(_KEYS, _KEYS.c.source_id, 'PRIMARY', now, project_id)


def _expired(table, column, project_index, now, project_id):
    expires_at = table.c.expires_at
    now = clock.naive(now)
    if project_id is None:
        return index_scan.Rows(expires_at, f'{table.name}_expires_at_idx',
                               (expires_at < now,))
    return index_scan.Rows(
        column, project_index, (table.c.project_id == project_id,),
        (expires_at < now,))


def older(when, project_id=None):
    """Messages that were made before an aware datetime."""
    before = _MESSAGES.c.id < ids.first(when)
    if project_id is None:
        return index_scan.Rows(_MESSAGES.c.id, 'PRIMARY', (before,))
    return _of_project(project_id, before)


def _of_project(project_id, *conditions):
    return index_scan.Rows(
        _MESSAGES.c.id, 'messages_project_id_idx',
        (_MESSAGES.c.project_id == project_id, *conditions))


def over_limit(db, project_id, number):
    """The messages of a project but the newest ``number``; None if none.

    What is recorded meanwhile doesn't count.
    """
    with db.reader() as connection:
        last = connection.scalar(
            _of_project(project_id).select(_MESSAGES.c.id)
            .order_by(_MESSAGES.c.id.desc()).limit(1).offset(number))
    return last and _of_project(project_id, _MESSAGES.c.id <= last)


def remove(db, rows, batch=BATCH, guard=None, tell=None):
    """Remove rows, oldest first, a batch with each step of the iterator.

    Stopping between two steps leaves nothing half done; whoever removes the
    same rows again goes on from there. Several at once do no harm.

    :param rows: a :class:`usermsg.db.index_scan.Rows`
    :param guard: called with the connection first in each transaction; what
        it raises ends it all
    :param tell: of messages: see :func:`delete_messages`
    :returns: an iterator of how many rows each batch really deleted: others
        may have been quicker
    :raises usermsg.exception.DatabaseUnavailable: not now
    """
    low = ()
    while True:
        # Chosen first and deleted by key: MariaDB has no LIMIT in a
        # subquery, and a DELETE by range would lock what is being added at
        # its end.
        keys, last = _choose(db, rows, low, batch)
        if keys:
            yield db.write(lambda connection: _delete(
                connection, rows, keys, last, guard, tell))
        if last is None:
            return
        # What is gone stays in the index for a while: without this, each
        # batch would wade through all that went before. Rows that expire at
        # one moment may lie in two batches.
        unique = rows.column in rows.table.primary_key.columns.values()
        low = (rows.column > last if unique else rows.column >= last,)


def _choose(db, rows, low, batch):
    """The keys of a batch, and where it ends; None if nothing follows.

    With ``only`` it looks at no more rows than a batch either, so there may
    be no keys where other rows follow.
    """
    key = rows.table.primary_key.columns.values()
    with db.reader() as connection:
        page = connection.execute(
            rows.select(*key, rows.column.label('position'),
                        sa.and_(sa.true(), *rows.only).label('goes'))
            .where(*low).order_by(rows.column).limit(batch)).all()
    keys = [tuple(row[:len(key)]) for row in page if row.goes]
    return keys, page[-1].position if page else None


def _delete(connection, rows, keys, last, guard, tell):
    if guard is not None:
        guard(connection)
    key = rows.table.primary_key.columns.values()
    # A source key may have been made anew meanwhile. And no later than the
    # last one: by the conditions alone SQLite and PostgreSQL would rather go
    # through all that has expired, once for each batch.
    still = [] if rows.column in key else [rows.column <= last]
    conditions = [
        sa.tuple_(*key).in_(keys) if len(key) > 1 else
        key[0].in_([value for value, in keys]),
        *still, *rows.only]
    if rows.table is _MESSAGES:
        return delete_messages(connection, conditions, tell)
    return connection.execute(rows.table.delete().where(*conditions)).rowcount


def delete_messages(connection, conditions, tell=None):
    """Delete messages that meet conditions.

    :param tell: called with the connection and the rows of those that were
        really deleted, which others may do at the same time
    :returns: how many were
    """
    query = _MESSAGES.delete().where(*conditions)
    if tell is None:
        return connection.execute(query).rowcount
    rows = [models.MessageRow._make(row) for row in connection.execute(
        query.returning(*_MESSAGES.c))]
    if rows:
        tell(connection, rows)
    return len(rows)
