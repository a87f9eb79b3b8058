# SPDX-License-Identifier: Apache-2.0
"""The database's clock, in SQL.

What several hosts must agree on (who holds a lease, what has expired) is
judged by the one clock that they share. A host whose own clock is wrong can
then neither take a lease before its time nor remove what others still keep.
SQLite has the clock of its host, and only that host's processes.
"""

import datetime

import sqlalchemy as sa

from usermsg.db import models

_NOW = {
    # To the millisecond, in the form in which SQLAlchemy stores a time.
    'sqlite': "strftime('%Y-%m-%d %H:%M:%f000', 'now', :later || ' seconds')",
    'mysql': 'TIMESTAMPADD(SECOND, :later, UTC_TIMESTAMP(6))',
    # Not now(), which is the beginning of the transaction.
    'postgresql': "timezone('utc', clock_timestamp()) + "
                  "make_interval(secs => :later)",
}


def now(dialect, later=0):
    """An expression: the time, without a zone as in the tables.

    :param dialect: as in :attr:`usermsg.db.engine.Database.dialect`
    :param later: whole seconds to add
    """
    expression = sa.text(f'({_NOW[dialect]})').bindparams(
        sa.bindparam('later', later, sa.Integer, unique=True))
    return sa.type_coerce(expression, models.utc_microseconds())


def read(db):
    """What time it is there: an aware datetime."""
    with db.reader() as connection:
        return aware(connection.scalar(sa.select(now(db.dialect))))


def aware(when):
    """A time of the tables, which is UTC without a zone, with its zone."""
    return when.replace(tzinfo=datetime.timezone.utc)


def naive(when):
    """An aware datetime, of any zone, as the tables hold it."""
    return when.astimezone(datetime.timezone.utc).replace(tzinfo=None)
