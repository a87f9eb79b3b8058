# SPDX-License-Identifier: Apache-2.0
"""How many messages there are, by what.

Each function is an iterator of ``(value, number)``. It goes through an index
in steps, and holds no more in memory than a step leads to, or the values of
a column that has few.
"""

import collections
import datetime

import sqlalchemy as sa

from usermsg.db import index_scan
from usermsg.db import models
from usermsg.objects import ids

_TABLE = models.messages
_PROJECT_INDEX = 'messages_project_id_idx'
_DAY = datetime.timedelta(days=1)


def _rows(since, project_id, until=None):
    """The messages of a time and of a project."""
    conditions = []
    if project_id is not None:
        conditions.append(_TABLE.c.project_id == project_id)
    if since is not None:
        conditions.append(_TABLE.c.id >= ids.first(since))
    if until is not None:
        conditions.append(_TABLE.c.id < ids.first(until))
    return index_scan.Rows(
        _TABLE.c.id, 'PRIMARY' if project_id is None else _PROJECT_INDEX,
        tuple(conditions))


def by_column(db, column, since=None, project_id=None):
    """By a column that has few values. It reads every row.

    :param column: its name
    :param since: aware datetime; made then or later
    :param project_id: of this project only
    """
    totals = sum(_rows(since, project_id).count_by(db, _TABLE.c[column]),
                 collections.Counter())
    for (value,), number in totals.items():
        yield value, number


def by_day(db, since=None, project_id=None):
    """By day (a date, UTC), the oldest first. An index is enough.

    See :func:`by_column`.
    """
    while True:
        with db.reader() as connection:
            first = connection.scalar(
                _rows(since, project_id).select(_TABLE.c.created_at)
                .order_by(_TABLE.c.id).limit(1))
        if first is None:
            return
        end = datetime.datetime.combine(
            first, datetime.time(), datetime.timezone.utc) + _DAY
        yield first.date(), sum(_rows(since, project_id, end).count(db))
        since = end


def by_project(db, since=None, project_id=None):
    """By project, in the order of their ids. An index is enough.

    See :func:`by_column`.
    """
    for each, number in (projects(db, since) if project_id is None else
                         [(project_id, None)]):
        if number is None:
            number = sum(_rows(since, each).count(db))
        if number or project_id is not None:
            yield each, number


def projects(db, since=None):
    """As :func:`by_project`, but None is the number of some large ones.

    Of each that ends a step, and so of all that have more messages than a
    step: counting those takes steps of their own.
    """
    project = _TABLE.c.project_id
    rows = index_scan.Rows(project, _PROJECT_INDEX)
    made = [] if since is None else [_TABLE.c.id >= ids.first(since)]
    low = []
    while True:
        with db.reader() as connection:
            edge = connection.scalar(
                rows.select(project).where(*low)
                .order_by(project, _TABLE.c.id)
                .limit(1).offset(index_scan.STEP - 1))
            high = [] if edge is None else [project < edge]
            found = connection.execute(
                rows.select(project, sa.func.count())
                .where(*low, *high, *made)
                .group_by(project).order_by(project)).all()
        yield from map(tuple, found)
        if edge is None:
            return
        yield edge, None
        low = [project > edge]
