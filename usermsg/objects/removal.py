# SPDX-License-Identifier: Apache-2.0
"""Removal of many rows in batches, one transaction each.

The reaper, ``usermsg-manage purge`` and the library all remove rows through
:func:`remove`.
"""

import itertools

import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.objects import ids

_MESSAGES = models.messages
_KEYS = models.source_keys
_MARKS = models.read_marks

#: Maximum rows that one transaction deletes.
BATCH = 500


def expired(now, project_id=None):
    """Return the messages that expired before an aware datetime."""
    return _expired(_MESSAGES, _MESSAGES.c.id, 'messages_project_id_idx',
                    now, project_id)


def expired_keys(now, project_id=None):
    """Return the source keys that expired before an aware datetime."""
    return _expired(_KEYS, _KEYS.c.source_id, 'PRIMARY', now, project_id)


def expired_observations(now):
    """Return the observations that expired before an aware datetime."""
    return _expired_in_all(models.observations, clock.naive(now))


def expired_read_marks(now):
    """Return the read marks that expired before an aware datetime."""
    return _expired_in_all(_MARKS, clock.naive(now))


def expired_resource_states(now):
    """Return the states that expired before an aware datetime."""
    return _expired_in_all(models.resource_states, clock.naive(now))


def _expired(table, column, project_index, now, project_id):
    expires_at = table.c.expires_at
    now = clock.naive(now)
    if project_id is None:
        return _expired_in_all(table, now)
    return index_scan.Rows(
        column, project_index, (table.c.project_id == project_id,),
        (expires_at < now,))


def _expired_in_all(table, now):
    expires_at = table.c.expires_at
    return index_scan.Rows(expires_at, f'{table.name}_expires_at_idx',
                           (expires_at < now,))


def older_than(time, project_id=None):
    """Return the messages that were created before an aware datetime."""
    before = _MESSAGES.c.id < ids.lower_bound(time)
    if project_id is None:
        return index_scan.Rows(_MESSAGES.c.id, 'PRIMARY', (before,))
    return _in_project(project_id, before)


def of_project(project_id):
    """Yield all source keys, messages and read marks of a project.

    Keys first: without the message, they would refuse a repetition.
    """
    yield index_scan.Rows(_KEYS.c.source_id, 'PRIMARY',
                          (_KEYS.c.project_id == project_id,))
    yield _in_project(project_id)
    yield index_scan.Rows(_MARKS.c.user_id, 'PRIMARY',
                          (_MARKS.c.project_id == project_id,))


def read_marks_of_user(user_id):
    """Return the read marks of a user in all projects."""
    return index_scan.Rows(_MARKS.c.project_id, 'read_marks_user_id_idx',
                           (_MARKS.c.user_id == user_id,))


def observations_of_projects(project_ids):
    """Return the observations of projects.

    No index has the project, since it would cost time for each observation
    that arrives, while most of them exist for seconds. So this reads all
    observations, and once for any number of projects.
    """
    return index_scan.Rows(
        models.observations.c.ident, 'PRIMARY', (),
        (models.observations.c.project_id.in_(project_ids),))


def _in_project(project_id, *conditions):
    return index_scan.Rows(
        _MESSAGES.c.id, 'messages_project_id_idx',
        (_MESSAGES.c.project_id == project_id, *conditions))


def over_limit(db, project_id, number):
    """Return a project's messages except the newest; None if none remain.

    :param number: of newest messages to keep; those that are recorded
        meanwhile don't count
    """
    with db.reader() as connection:
        last = connection.scalar(
            _in_project(project_id).select(_MESSAGES.c.id)
            .order_by(_MESSAGES.c.id.desc()).limit(1).offset(number))
    return last and _in_project(project_id, _MESSAGES.c.id <= last)


def remove(db, rows, sizes=itertools.repeat(BATCH), guard=None,
           recorder=None):
    """Remove rows, oldest first, one batch per step of the iterator.

    Stopping between two steps leaves no partial batch; a later removal of the
    same rows continues there. Concurrent removals are safe.

    :param rows: a :class:`usermsg.db.index_scan.Rows`
    :param sizes: iterator of the maximum number of rows of each batch
    :param guard: called with the connection first in each transaction; its
        exceptions end the removal
    :param recorder: for messages: see :func:`delete_messages`
    :returns: an iterator of the numbers of rows deleted by each batch; rows
        that another process has deleted meanwhile don't count
    :raises usermsg.exception.DatabaseUnavailable: the database is
        unavailable
    """
    low = ()
    for size in sizes:
        # Selected first and deleted by key: MariaDB supports no LIMIT in a
        # subquery, and a DELETE by range would lock out new rows at the end
        # of the range.
        keys, last = _select_batch(db, rows, low, size)
        if keys:
            yield db.write(lambda connection: _delete(
                connection, rows, keys, last, guard, recorder))
        if last is None:
            return
        # Deleted rows stay in the index for a while: without this condition
        # each batch would scan those of all batches before it. Rows with the
        # same expiry time may be in two batches.
        unique = rows.column in rows.table.primary_key.columns.values()
        low = (rows.column > last if unique else rows.column >= last,)


def _select_batch(db, rows, low, size):
    """Return the keys of a batch, and its last position; None at the end.

    With ``filters`` it also reads no more rows than a batch, so a batch may
    have no keys although more rows follow.
    """
    key = rows.table.primary_key.columns.values()
    with db.reader() as connection:
        page = connection.execute(
            rows.select(*key, rows.column.label('position'),
                        sa.and_(sa.true(), *rows.filters).label('matches'))
            .where(*low).order_by(rows.column).limit(size)).all()
    keys = [tuple(row[:len(key)]) for row in page if row.matches]
    return keys, page[-1].position if page else None


def _delete(connection, rows, keys, last, guard, recorder):
    if guard is not None:
        guard(connection)
    key = rows.table.primary_key.columns.values()
    # A source key may have been recorded again meanwhile. The upper bound:
    # with the conditions alone SQLite and PostgreSQL would scan all expired
    # rows, once for each batch.
    upper_bound = [] if rows.column in key else [rows.column <= last]
    conditions = [
        sa.tuple_(*key).in_(keys) if len(key) > 1 else
        key[0].in_([value for value, in keys]),
        *upper_bound, *rows.filters]
    if rows.table is _MESSAGES:
        return delete_messages(connection, conditions, recorder)
    return connection.execute(rows.table.delete().where(*conditions)).rowcount


def delete_messages(connection, conditions, recorder=None):
    """Delete messages that match conditions.

    :param recorder: called with the connection and the deleted rows, without
        those that another process has deleted meanwhile
    :returns: the number of deleted rows
    """
    query = _MESSAGES.delete().where(*conditions)
    if recorder is None:
        return connection.execute(query).rowcount
    rows = [models.MessageRow._make(row) for row in connection.execute(
        query.returning(*_MESSAGES.c))]
    if rows:
        recorder(connection, rows)
    return len(rows)
