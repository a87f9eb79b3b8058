# SPDX-License-Identifier: Apache-2.0
"""Numbers of messages, grouped by a column, by day or by project.

Each function is an iterator of ``(value, number)``. It scans an index in
steps, and keeps no more in memory than the result of one step, or the values
of a column that has few.
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
    """Return the messages of a period and of a project."""
    conditions = []
    if project_id is not None:
        conditions.append(_TABLE.c.project_id == project_id)
    if since is not None:
        conditions.append(_TABLE.c.id >= ids.lower_bound(since))
    if until is not None:
        conditions.append(_TABLE.c.id < ids.lower_bound(until))
    return index_scan.Rows(
        _TABLE.c.id, 'PRIMARY' if project_id is None else _PROJECT_INDEX,
        tuple(conditions))


def by_column(db, column, since=None, project_id=None):
    """Count by a column that has few values. Reads every row.

    :param column: its name
    :param since: aware datetime; only messages created then or later
    :param project_id: only messages of this project
    """
    totals = sum(_rows(since, project_id).count_by(db, _TABLE.c[column]),
                 collections.Counter())
    for (value,), number in totals.items():
        yield value, number


def by_day(db, since=None, project_id=None):
    """Count by day (a date, UTC), oldest first. Reads an index only.

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
    """Count by project, in the order of their ids. Reads an index only.

    See :func:`by_column`.
    """
    for project, number in (projects(db, since) if project_id is None else
                            [(project_id, None)]):
        if number is None:
            number = sum(_rows(since, project).count(db))
        if number or project_id is not None:
            yield project, number


def projects(db, since=None):
    """Count by project, with None as the number of some large projects.

    None is yielded for each project at the end of a step, and so for all that
    have more messages than a step: counting those takes further steps.
    """
    project = _TABLE.c.project_id
    rows = index_scan.Rows(project, _PROJECT_INDEX)
    created = [] if since is None else [_TABLE.c.id >= ids.lower_bound(since)]
    low = []
    while True:
        with db.reader() as connection:
            edge = connection.scalar(
                rows.select(project).where(*low)
                .order_by(project, _TABLE.c.id)
                .limit(1).offset(index_scan.STEP - 1))
            high = [] if edge is None else [project < edge]
            counts = connection.execute(
                rows.select(project, sa.func.count())
                .where(*low, *high, *created)
                .group_by(project).order_by(project)).all()
        yield from map(tuple, counts)
        if edge is None:
            return
        yield edge, None
        low = [project > edge]
