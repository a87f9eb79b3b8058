# SPDX-License-Identifier: Apache-2.0
"""Read marks: positions up to which users have read a project's messages.

A mark is one row for each user and project, not a state of each message, so
that reading a thousand messages writes one row.
"""

import datetime

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import models
from usermsg.db import statement

_TABLE = models.read_marks

#: Time after which a mark that isn't set again is removed.
TTL = datetime.timedelta(days=365)

#: SELECT of the position of a mark.
QUERY = sa.select(_TABLE.c.message_id).where(
    _TABLE.c.project_id == sa.bindparam('project_id'),
    _TABLE.c.user_id == sa.bindparam('user_id'))
_GET = statement.Select(QUERY)


def get(db, project_id, user_id):
    """Return the position of a mark, a message id; None without a mark."""
    rows = db.select(_GET, {'project_id': project_id, 'user_id': user_id})
    return rows[0][0] if rows else None


def advance(db, project_id, user_id, position):
    """Move a mark forward to a position, or keep it if it is later already.

    :param position: any UUID; messages with this id and lower ones are read
    """
    values = {'message_id': position,
              'expires_at': clock.now(db.dialect, int(TTL.total_seconds()))}
    # Compared in the statement: several pages of a browser may set the mark
    # at the same time.
    later = sa.case((_TABLE.c.message_id < position, position),
                    else_=_TABLE.c.message_id)

    def update(connection):
        return connection.execute(_TABLE.update().where(
            _TABLE.c.project_id == project_id,
            _TABLE.c.user_id == user_id).values(
                {**values, 'message_id': later})).rowcount

    try:
        db.write(lambda connection: update(connection) or connection.execute(
            _TABLE.insert().values(
                project_id=project_id, user_id=user_id, **values)))
    except db_exception.DBDuplicateEntry:
        db.write(update)
