# SPDX-License-Identifier: Apache-2.0
"""Requests to remove all that refers to a deleted project or user.

A request is stored when Keystone's notification arrives, and the reaper
carries it out, in as many batches as it needs.
"""

import datetime

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.objects import ids
from usermsg.objects import removal

_TABLE = models.forget_requests
_MESSAGES = models.messages

PROJECT = 'project'
USER = 'user'

#: Time for which a request is carried out again and again: notifications of
#: other services about the same project may arrive later than Keystone's.
REPEAT = datetime.timedelta(hours=1)

#: Maximum number of requests that are read at a time.
MAX_READ = 1000


def add(db, kind, ident):
    """Store a request, unless it is stored already.

    :param kind: :data:`PROJECT` or :data:`USER`
    :param ident: of the project or user
    """
    values = {'kind': kind, 'id': ident,
              'requested_at': clock.naive(clock.read(db))}
    try:
        db.write(lambda connection: connection.execute(
            _TABLE.insert().values(values)))
    except db_exception.DBDuplicateEntry:
        pass


def pending(db, kind):
    """Return the oldest requests of a kind, rows of the table."""
    with db.reader() as connection:
        return connection.execute(
            sa.select(_TABLE).where(_TABLE.c.kind == kind)
            .order_by(_TABLE.c.requested_at, _TABLE.c.id)
            .limit(MAX_READ)).all()


def finish(db, requests, now, guard):
    """Note that requests were carried out; delete those of long ago.

    :param requests: rows of the table
    :param now: time at which it began, an aware datetime
    :param guard: called with the connection first in each transaction
    """
    now = clock.naive(now)
    for request in requests:
        condition = sa.and_(_TABLE.c.kind == request.kind,
                            _TABLE.c.id == request.id)
        query = (_TABLE.delete() if request.requested_at < now - REPEAT else
                 _TABLE.update().values(carried_out_at=now)).where(condition)
        db.write(lambda connection: (
            guard(connection), connection.execute(query)))


def clear_users(db, requests, guard):
    """Remove the ids of users from messages, which stay for their projects.

    No index has the user, so this reads all messages, a step at a time; for
    requests that were carried out before, only those recorded since.

    :param requests: rows of the table
    :param guard: called with the connection first in each transaction
    :returns: an iterator of the number of changed messages of each batch
    """
    new = [request.id for request in requests
           if request.carried_out_at is None]
    if new:
        yield from _clear_range(db, new, (), guard)
    repeated = [request for request in requests
                if request.carried_out_at is not None]
    if repeated:
        since = ids.lower_bound(clock.aware(
            min(request.carried_out_at for request in repeated)))
        yield from _clear_range(
            db, [request.id for request in repeated],
            (_MESSAGES.c.id >= since,), guard)


def _clear_range(db, user_ids, conditions, guard):
    names_user = _MESSAGES.c.user_id.in_(user_ids)
    rows = index_scan.Rows(_MESSAGES.c.id, 'PRIMARY', conditions)
    for step in rows.steps(db):
        with db.reader() as connection:
            idents = connection.scalars(
                rows.select(_MESSAGES.c.id).where(*step, names_user)).all()
        for first in range(0, len(idents), removal.BATCH):
            batch = idents[first:first + removal.BATCH]
            yield db.write(lambda connection: _clear(
                connection, batch, names_user, guard))


def _clear(connection, idents, names_user, guard):
    guard(connection)
    return connection.execute(
        _MESSAGES.update().where(_MESSAGES.c.id.in_(idents), names_user)
        .values(user_id=None)).rowcount
