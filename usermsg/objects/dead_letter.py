# SPDX-License-Identifier: Apache-2.0
"""Every query on the dead letters of the listener."""

import sqlalchemy as sa

from oslo_db import exception as db_exception

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.db import statement

_TABLE = models.dead_letters
_INSERT = statement.Insert(_TABLE)

#: Maximum number of rows that one statement inserts, reads or deletes. The
#: rows can be long.
BATCH = 10

#: Attempts to store a batch while other processes store the same messages.
_ATTEMPTS = 5


def store(db, rows, limit):
    """Store dead letters, those that are stored already excepted.

    :param rows: :class:`usermsg.db.models.DeadLetterRow` objects
    :param limit: maximum number of rows in the table; several processes that
        store at the same time can exceed it by a batch each
    :returns: the number of rows that were dropped because of the limit
    :raises usermsg.exception.DatabaseUnavailable: the database is
        unavailable
    """
    dropped = 0
    unique = list({row.digest: row for row in rows}.values())
    for first in range(0, len(unique), BATCH):
        dropped += _store_batch(db, unique[first:first + BATCH], limit)
    return dropped


def _store_batch(db, rows, limit):
    for attempt in range(_ATTEMPTS):
        # In a transaction of its own: it sees what other processes have
        # stored in the meantime.
        with db.reader() as connection:
            stored = set(connection.scalars(
                sa.select(_TABLE.c.digest).where(
                    _TABLE.c.digest.in_([row.digest for row in rows]))))
            number = connection.scalar(
                sa.select(sa.func.count()).select_from(_TABLE))
        new = [row for row in rows if row.digest not in stored]
        kept = new[:max(0, limit - number)]
        if kept:
            try:
                db.write(lambda connection: _INSERT.execute(connection, kept))
            except db_exception.DBDuplicateEntry:
                if attempt < _ATTEMPTS - 1:
                    continue
                raise
        return len(new) - len(kept)


def count(db):
    """Return the number of dead letters."""
    with db.reader() as connection:
        return connection.scalar(
            sa.select(sa.func.count()).select_from(_TABLE))


def expired(now):
    """Return the dead letters that expired before an aware datetime.

    :returns: a :class:`usermsg.db.index_scan.Rows`
    """
    return index_scan.Rows(
        _TABLE.c.expires_at, 'dead_letters_expires_at_idx',
        (_TABLE.c.expires_at < clock.naive(now),))


def pages(db, ids=(), event_type=None, transport=None):
    """Yield lists of dead letters, oldest first.

    The arguments are filters. Rows that are deleted or stored meanwhile are
    skipped or included.
    """
    conditions = [
        *([_TABLE.c.id.in_(ids)] if ids else ()),
        *([_TABLE.c.event_type == event_type] if event_type else ()),
        *([_TABLE.c.transport == transport] if transport else ())]
    after = []
    while True:
        with db.reader() as connection:
            rows = [models.DeadLetterRow._make(row) for row in
                    connection.execute(
                        sa.select(_TABLE).where(*conditions, *after)
                        .order_by(_TABLE.c.id).limit(BATCH))]
        yield rows
        if len(rows) < BATCH:
            return
        after = [_TABLE.c.id > rows[-1].id]


def delete(db, ids):
    """Delete dead letters; return the number of deleted ones."""
    return db.write(lambda connection: connection.execute(
        _TABLE.delete().where(_TABLE.c.id.in_(ids))).rowcount)


def set_reason(db, dead_letter_id, reason):
    """Store why a dead letter failed again."""
    db.write(lambda connection: connection.execute(
        _TABLE.update().where(_TABLE.c.id == dead_letter_id)
        .values(reason=reason)))
