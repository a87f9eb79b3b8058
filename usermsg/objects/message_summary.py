# SPDX-License-Identifier: Apache-2.0
"""Summary of a list: the numbers of its messages by level.

A summary costs the same for any number of messages: it examines the newest
ones only, and then says that there may be more.
"""

import dataclasses
import functools

import sqlalchemy as sa

from usermsg.db import models
from usermsg.db import statement
from usermsg.objects import message
from usermsg import validation

_TABLE = models.messages

#: Maximum messages of each level that a summary examines.
MAX_EXAMINED = 1000


@dataclasses.dataclass(slots=True)
class Count:
    """Number of messages of one level.

    :ivar total: number of the examined messages that match the filters
    :ivar unread: number of those that are newer than the read mark
    :ivar newest: id of the newest message that matches; None without one
    :ivar more: True if older messages, which were not examined, may match
    :ivar more_unread: likewise, for unread messages
    """

    total: int = 0
    unread: int = 0
    newest: str | None = None
    more: bool = False
    more_unread: bool = False


def count(db, filters, read_mark=None, *, since=None, before=None):
    """Count messages by level, at most :data:`MAX_EXAMINED` of each.

    If an index by resource or request serves the filters, or for a list of
    all projects, it examines three times as many messages of all levels
    together, because no such index has the level.

    :param filters: see
        :meth:`usermsg.objects.message.MessageList.get_page`
    :param read_mark: id; messages with higher ids are unread
    :returns: a dict: level -> :class:`Count`
    """
    position = {'since': since, 'before': before}
    read_mark = read_mark or ''
    counts = {level: Count() for level in validation.LEVELS}
    for served, number, query, values in queries(
            db.dialect, filters, read_mark, **position):
        rows = db.select(query, values)
        examined = 0
        for level, *numbers, newest, _oldest, examined_of_level in rows:
            counts[level] = Count(*numbers, newest)
            examined += examined_of_level
        if examined == number and message.MessageList.has_more_than(
                db, served, number, **position):
            oldest = min(row[-2] for row in rows)
            for level in _levels(served if 'message_level' in served
                                 else filters):
                counts[level].more = True
                counts[level].more_unread = oldest > read_mark
    return counts


def queries(dialect, filters, read_mark='', **position):
    """Yield the queries of :func:`count`, of one level or of all levels.

    :returns: an iterator of (filters that an index serves, number of
        messages that the query examines at most,
        :class:`usermsg.db.statement.Select`, its values)
    """
    for served, number in _scans(filters):
        _query, values = message.page_query(
            dialect, served, limit=number, **position)
        others = message.filter_values({
            name: value for name, value in filters.items()
            if name not in served})
        yield served, number, _count_select(
            dialect, frozenset(values), frozenset(others)), {
                **values, **others, 'read_mark': read_mark}


def _scans(filters):
    """Yield (filters that an index serves, number of messages to examine)."""
    # All rows that the index by request of all projects selects would be
    # sorted, as it doesn't have the id.
    others = {'message_level'} if 'project_id' in filters else {
        'message_level', 'request_id'}
    served, _is_exact = message.select_served({
        name: value for name, value in filters.items()
        if name not in others})
    if set(served) != {'project_id'}:
        yield served, MAX_EXAMINED * len(validation.LEVELS)
        return
    for level in _levels(filters):
        yield {**served, 'message_level': level}, MAX_EXAMINED


def _levels(filters):
    levels = filters.get('message_level', validation.LEVELS)
    return (levels,) if isinstance(levels, str) else levels


@functools.lru_cache(maxsize=256)
def _count_select(dialect, names, others):
    """Return the SELECT of a row for each level with messages.

    Its columns are the level, the number of messages that match, the number
    of those that are unread, the id of the newest that matches, the id of the
    oldest that was examined, and the number that were examined.

    :param names: see :func:`usermsg.objects.message.build_select`
    :param others: names of the parameters that no index serves
    """
    # Without others, all columns of the index by level.
    newest = message.build_select(
        dialect, names, columns=tuple(_TABLE.c) if others else (
            _TABLE.c.id, _TABLE.c.message_level)).subquery('newest')
    matching = newest.c.id
    if others:
        matching = sa.case((sa.and_(*message.comparisons(
            lambda name: newest.c[name], others)), matching))
    unread = sa.case((newest.c.id > sa.bindparam('read_mark'), matching))
    return statement.Select(sa.select(
        newest.c.message_level, sa.func.count(matching),
        sa.func.count(unread), sa.func.max(matching),
        sa.func.min(newest.c.id), sa.func.count()).group_by(
            newest.c.message_level))
