# SPDX-License-Identifier: Apache-2.0
"""The database's clock, in SQL.

Decisions that several hosts must agree on (the holder of a lease, expiry)
use the one clock that they share. A host whose own clock is wrong can then
neither take a lease early nor remove rows that other hosts still keep.
SQLite has the clock of its host, and serves that host's processes only.
"""

import datetime

import sqlalchemy as sa

from usermsg.db import models

_NOW = {
    # To the millisecond, in the form in which SQLAlchemy stores a time.
    'sqlite':
        "strftime('%Y-%m-%d %H:%M:%f000', 'now', :offset || ' seconds')",
    'mysql': 'TIMESTAMPADD(SECOND, :offset, UTC_TIMESTAMP(6))',
    # Not now(), which is the beginning of the transaction.
    'postgresql': "timezone('utc', clock_timestamp()) + "
                  "make_interval(secs => :offset)",
}


def now(dialect, offset=0):
    """Return the current time as an SQL expression, in UTC without a zone.

    :param dialect: see :attr:`usermsg.db.engine.Database.dialect`
    :param offset: whole seconds to add
    """
    expression = sa.text(f'({_NOW[dialect]})').bindparams(
        sa.bindparam('offset', offset, sa.Integer, unique=True))
    return sa.type_coerce(expression, models.utc_microseconds())


def read(db):
    """Return the database's current time, an aware datetime."""
    with db.reader() as connection:
        return aware(connection.scalar(sa.select(now(db.dialect))))


def aware(value):
    """Return a time of the tables, UTC without a zone, with its zone."""
    return value.replace(tzinfo=datetime.timezone.utc)


def naive(value):
    """Return an aware datetime in the form of the tables."""
    return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
