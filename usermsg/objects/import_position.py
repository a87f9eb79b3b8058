# SPDX-License-Identifier: Apache-2.0
"""Positions up to which the databases of other services were imported."""

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import models

_TABLE = models.import_positions


def read(db, source):
    """Return the time up to which a source was read, an aware datetime.

    :param source: name of the source database, ASCII, at most 64 characters
    :returns: None if it was never read to its end
    """
    with db.reader() as connection:
        value = connection.scalar(sa.select(_TABLE.c.read_until).where(
            _TABLE.c.source == source))
    return value and clock.aware(value)


def store(db, source, time):
    """Store the time up to which a source was read.

    :param time: an aware datetime
    """
    values = {'read_until': clock.naive(time)}

    def update(connection):
        return connection.execute(_TABLE.update().where(
            _TABLE.c.source == source).values(values)).rowcount

    try:
        db.write(lambda connection: update(connection) or connection.execute(
            _TABLE.insert().values(source=source, **values)))
    except db_exception.DBDuplicateEntry:
        # Another process, which had the lease before, was faster.
        db.write(update)
