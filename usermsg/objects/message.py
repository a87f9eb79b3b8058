# SPDX-License-Identifier: Apache-2.0
"""Messages: recording, lookup, pages and deletion."""

import collections
import dataclasses
import datetime
import functools
import itertools
import operator
import sys
import time

from oslo_db import exception as db_exception
from oslo_log import log
from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.db import statement
from usermsg import exception
from usermsg.objects import base
from usermsg.objects import fields as field_types
from usermsg.objects import ids
from usermsg.objects import read_mark
from usermsg.objects import removal
from usermsg.objects import stamp
from usermsg import validation

LOG = log.getLogger(__name__)

_TABLE = models.messages
_KEYS = models.source_keys

#: Time for which a source key outlives its expired message.
SOURCE_KEY_GRACE = datetime.timedelta(days=7)

#: Maximum attempts to store messages that the database rejects as duplicates
#: although a SELECT doesn't find them, or whose transaction takes too long.
_ATTEMPTS = 10

#: Seconds after which no new attempt begins.
_TIMEOUT = 30


@dataclasses.dataclass(frozen=True, slots=True)
class NewMessage:
    """Validated message that is not stored yet.

    :param row: a :class:`usermsg.db.models.MessageRow`
    :param source_id: idempotency key of the caller, or None
    :param digest: with ``source_id``: of the content, to distinguish a retry
        from a conflict
    """

    row: models.MessageRow
    source_id: str | None = None
    digest: str | None = None

    @property
    def key(self):
        """Pair of project id and source id, or None."""
        return self.source_id and (self.row.project_id, self.source_id)

    def key_row(self):
        return models.SourceKeyRow(
            self.row.project_id, self.source_id, self.row.id, self.digest,
            self.row.expires_at + SOURCE_KEY_GRACE)


@vo_base.VersionedObjectRegistry.register
class Message(base.UsermsgObject):
    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = field_types.fields_for_table(
        _TABLE, fields.DateTimeField(tzinfo_aware=True))

    #: Values of the columns, a :class:`usermsg.db.models.MessageRow`; None if
    #: the object wasn't read from the table.
    row = None

    @classmethod
    def from_row(cls, row):
        """Return a message with the values of all columns, in their order.

        :param row: a sequence; its times are UTC without a zone
        """
        message = cls()
        message.row = models.MessageRow._make(row)
        return message

    def __getattr__(self, name):
        # A field that was not set is read from the row. Setting each field
        # would coerce it, which costs more than reading the row, although the
        # values of the columns have the right type already.
        if name.startswith('_obj_'):
            value = getattr(self.row, name.removeprefix('_obj_'))
            return (clock.aware(value)
                    if isinstance(value, datetime.datetime) else value)
        raise AttributeError(name)

    @classmethod
    def get(cls, db, message_id, project_id=None, prefix=None):
        """Return the message with an id.

        :param project_id: the project that it must belong to; None for any
        :param prefix: the namespace prefix that it must have; None for any
        :raises usermsg.exception.MessageNotFound: there is no match
        """
        query = GET if project_id is None else GET_IN_PROJECT
        rows = db.select(query, {'id': message_id, 'project_id': project_id})
        message = cls.from_row(rows[0]) if rows else None
        if message is None or prefix not in (None, message.row.prefix):
            raise exception.MessageNotFound(message_id)
        return message

    @classmethod
    def delete(cls, db, message_id, project_id=None, prefix=None,
               recorder=None):
        """Delete the message with an id; see :meth:`get`.

        :param recorder: see :func:`usermsg.objects.removal.delete_messages`
        """
        if not db.write(lambda connection: removal.delete_messages(
                connection, _conditions(message_id, project_id, prefix),
                recorder)):
            raise exception.MessageNotFound(message_id)


GET = statement.Select(
    sa.select(_TABLE).where(_TABLE.c.id == sa.bindparam('id')))
GET_IN_PROJECT = statement.Select(
    sa.select(_TABLE).where(_TABLE.c.id == sa.bindparam('id'),
                            _TABLE.c.project_id == sa.bindparam('project_id')))


def _conditions(message_id, project_id, prefix):
    conditions = [_TABLE.c.id == message_id]
    if project_id is not None:
        conditions.append(_TABLE.c.project_id == project_id)
    if prefix is not None:
        conditions.append(_TABLE.c.prefix == prefix)
    return conditions


@vo_base.VersionedObjectRegistry.register
class MessageList(vo_base.ObjectListBase, base.UsermsgObject):
    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'objects': fields.ListOfObjectsField('Message'),
    }

    #: Values of the columns of each message, tuples in the order of
    #: :class:`usermsg.db.models.MessageRow`, to which a column with the read
    #: mark may be added. A page has hundreds of messages, so the objects are
    #: made when they are first used. None if the list wasn't read from the
    #: table.
    rows = None

    #: False if columns that were not read are None in the rows: then there
    #: are no objects.
    is_complete = True

    #: Position of the read mark, if it was requested, the user has one, and
    #: there is a message that it could be about.
    read_mark = None

    def __init__(self, *args, rows=None, **kwargs):
        if rows is None:
            super().__init__(*args, **kwargs)
            return
        # Not that of ObjectListBase, which sets an empty list of objects.
        super(vo_base.ObjectListBase, self).__init__()
        self.rows = rows
        if rows and len(rows[0]) > _WIDTH:
            self.read_mark = rows[0][_WIDTH]

    def __getattr__(self, name):
        if (name != '_obj_objects' or self.rows is None or
                not self.is_complete):
            raise AttributeError(name)
        self._obj_objects = [
            Message.from_row(row[:_WIDTH]) for row in self.rows]
        return self._obj_objects

    @staticmethod
    def record(db, new_messages, recorder=None, stamper=None, work=None):
        """Store new messages in one transaction, each source id once.

        :param new_messages: :class:`NewMessage` objects
        :param recorder: called with the connection and the stored rows, in
            the transaction that stores them
        :param stamper: a :class:`usermsg.objects.stamp.Stamper`, which gives
            messages new ids and times if the present ones are too old; None
            keeps them
        :param work: called with the connection first in the transaction,
            also if all messages are stored already; None for nothing else
        :returns: a list of :class:`Recorded`, in the order of the messages
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable; nothing was stored
        """
        stored = {}
        attempts = 0
        reason = None
        deadline = time.monotonic() + _TIMEOUT
        while True:
            if stamper is not None and not stamper.is_current(new_messages):
                new_messages = stamper.renew(new_messages)
            results = build_results(new_messages, stored)
            to_store = [message for message, result
                        in zip(new_messages, results) if result.new]
            if not to_store and work is None:
                return results
            if attempts == _ATTEMPTS or time.monotonic() > deadline:
                break
            try:
                db.write(lambda connection: _insert_current(
                    connection, to_store, recorder, stamper, work))
                return results
            except stamp.StaleStamp:
                attempts += 1
                reason = ('their transactions took longer than half of [api] '
                          'follow_delay; raise it, or find out which '
                          'transactions hold the locks that these wait for')
            except db_exception.DBDuplicateEntry:
                # In a new transaction: the failed one has ended, and its
                # snapshot might not contain the row that it conflicts with.
                now_stored = find_stored(db, [
                    message.key for message in new_messages if message.key])
                # Other processes may store the messages of a large batch one
                # by one: as long as each attempt finds more of them there is
                # progress, but the total time is limited.
                attempts = (0 if len(now_stored) > len(stored)
                            else attempts + 1)
                stored = now_stored
                reason = ('other processes kept storing messages with the '
                          'same source ids')
        LOG.error('Messages could not be stored: %s.', reason)
        raise exception.DatabaseUnavailable()

    @classmethod
    def get_page(cls, db, filters, user_id=None, *, columns=None, since=None,
                 before=None, marker=None, offset=0, limit, ascending=False):
        """Return a page of messages in the order of their ids.

        :param filters: column -> required value, or tuple of such values
        :param user_id: user whose read mark in the project of the filters is
            read too; None without
        :param columns: frozenset of the names of the columns to read; None
            for all. The drivers spend most of their time on the values
        :param since: aware datetime; only messages created then or later
        :param before: aware datetime; only messages created then or earlier
        :param marker: any UUID: the page begins after this position
        :param offset: number of messages to skip after the marker
        :param limit: maximum number of messages
        :param ascending: True for oldest first
        """
        query, values = page_query(
            db.dialect, filters, user_id, columns=columns, since=since,
            before=before, marker=marker, offset=offset, limit=limit,
            ascending=ascending)
        page = cls(rows=db.select(query, values))
        page.is_complete = columns is None
        return page

    @staticmethod
    def get_ids(db, filters, user_id=None, *, since=None, before=None,
                marker=None, offset=0, limit, ascending=False):
        """Return the ids of a page, in any order, and a read mark.

        For the parameters see :meth:`get_page`. With an index that serves
        all filters, only the index is read.

        :returns: a list, and the position of the mark; None if there is no
            mark, or no message that it could be about
        """
        query, values = joined_ids_query(
            db.dialect, filters, user_id, since=since, before=before,
            marker=marker, offset=offset, limit=limit, ascending=ascending)
        [[ids, mark]] = db.select(query, values)
        return (ids.split(','), mark) if ids else ([], None)

    @classmethod
    def get_latest(cls, db, filters, resource_uuids, user_id=None, *,
                   since=None, before=None):
        """Return the newest message of each resource, the newest first.

        Each costs the lookup of one entry of an index, for any number of
        messages.

        :param filters: column -> required value: ``project_id``, or none
        :param resource_uuids: ids of resources; those without a message are
            left out. Forms of a UUID are one resource
        :param user_id: see :meth:`get_page`
        """
        newest = {}
        for resource_uuid in resource_uuids:
            query, values = page_query(
                db.dialect, {**filters, 'resource_uuid': resource_uuid},
                user_id, since=since, before=before, limit=1)
            resource = validation.canonical_uuid(resource_uuid)
            for row in db.select(query, values):
                newest[resource] = max(
                    row, newest.get(resource, row), key=_ROW_ID)
        return cls(
            rows=sorted(newest.values(), reverse=True, key=_ROW_ID))

    @staticmethod
    def has_more_than(db, filters, number, *, since=None, before=None,
                      marker=None, ascending=False):
        """Return True if a list has more than a number of messages.

        This reads no more of them than the number, and only from the index.

        :param filters: column -> required value or values, all of them
            served by one index, see :func:`select_served`
        """
        query, values = id_query(
            db.dialect, filters, since=since, before=before, marker=marker,
            offset=number, limit=1, ascending=ascending)
        return bool(db.select(query, values))

    @classmethod
    def get_sorted_page(cls, db, filters, keys, *, number, oldest=False,
                        since=None, before=None, marker=None, offset=0, limit):
        """Return a page of the newest messages, sorted by any columns.

        NULL sorts like an empty text: before any other value.

        :param keys: (column, True if descending) pairs; the last column is
            the id
        :param number: number of messages that are sorted
        :param oldest: True for the oldest messages instead of the newest
        :param marker: a :class:`Message`: the page begins after its position,
            even if it isn't one of the messages that are sorted
        """
        query, values = sorted_page_query(
            db.dialect, filters, keys, number=number, oldest=oldest,
            since=since, before=before, marker=marker, offset=offset,
            limit=limit)
        return cls(rows=db.select(query, values))


_WIDTH = len(_TABLE.c)
_ROW_ID = operator.itemgetter(0)


def insert(connection, new_messages, recorder=None, extra_keys=()):
    """Insert new messages and their source keys.

    :param recorder: see :meth:`MessageList.record`
    :param extra_keys: further :class:`usermsg.db.models.SourceKeyRow` objects
    :raises oslo_db.exception.DBDuplicateEntry: one is stored already
    """
    # Always in the same order, so that two batches can't deadlock.
    keys = sorted(
        (*(message.key_row() for message in new_messages if message.key),
         *extra_keys), key=lambda row: (row.project_id, row.source_id))
    if keys:
        _INSERT_KEYS.execute(connection, keys)
    rows = [message.row for message in new_messages]
    if rows:
        _INSERT.execute(connection, rows)
    if recorder is not None:
        recorder(connection, rows)


def _insert_current(connection, new_messages, recorder, stamper, work):
    if work is not None:
        work(connection)
    if new_messages:
        insert(connection, new_messages, recorder)
    if stamper is not None:
        # The statements may have waited for locks.
        stamper.check(new_messages)


_INSERT = statement.Insert(_TABLE)
_INSERT_KEYS = statement.Insert(_KEYS)


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """Result of recording one message.

    :param row: of the stored message; None on error
    :param new: True if it was not stored before
    :param error: :class:`usermsg.exception.SourceConflict` or
        :class:`usermsg.exception.SourceGone`; None if it is stored
    """

    row: models.MessageRow | None
    new: bool = False
    error: exception.UsermsgError | None = None

    @property
    def message(self):
        return Message.from_row(self.row)


def build_results(new_messages, stored):
    """Return the results of recording messages, some of them stored already.

    :param stored: result of :func:`find_stored`
    :returns: a list of :class:`Recorded`, in the order of the messages
    """
    by_key = dict(stored)
    results = []
    for message in new_messages:
        digest, row = message.digest, message.row
        if message.key is not None:
            digest, row = by_key.setdefault(message.key, (digest, row))
        if digest != message.digest:
            results.append(Recorded(
                None, error=exception.SourceConflict(message.source_id)))
        elif row is None:
            results.append(Recorded(
                None, error=exception.SourceGone(message.source_id)))
        else:
            results.append(Recorded(row, new=row is message.row))
    return results


def find_stored(db, keys):
    """Return the messages that are stored under source keys.

    :param keys: (project id, source id) pairs
    :returns: key -> (digest, row); the row is None if the message has been
        deleted
    """
    by_project = {}
    for project_id, source_id in sorted(set(keys)):
        by_project.setdefault(project_id, []).append(source_id)
    projects = iter(by_project.items())
    stored = {}
    with db.reader() as connection:
        while batch := list(itertools.islice(projects, _PROJECTS)):
            for project_id, source_id, digest, *values in connection.execute(
                    stored_query(batch)):
                row = models.MessageRow._make(values)
                stored[project_id, source_id] = (
                    digest, None if row.id is None else row)
    return stored


#: Maximum projects whose keys one statement looks up.
_PROJECTS = 50


def stored_query(projects):
    """Return the SELECT of the messages that are stored under source ids.

    :param projects: (project id, its source ids) pairs. Each becomes a
        separate condition: for tuples of columns SQLite scans the whole
        table, and PostgreSQL compares each tuple to all keys of the project.
    """
    return sa.select(
        _KEYS.c.project_id, _KEYS.c.source_id, _KEYS.c.digest, *_TABLE.c
    ).join_from(
        _KEYS, _TABLE, _TABLE.c.id == _KEYS.c.message_id, isouter=True
    ).where(sa.or_(*(
        sa.and_(_KEYS.c.project_id == project_id,
                _KEYS.c.source_id.in_(source_ids))
        for project_id, source_ids in projects)))


def newest_event_ids(db, rows):
    """Return the event ids of the newest messages.

    :param rows: maximum number of messages to read
    :returns: (number of messages read, set of their event ids)
    """
    with db.reader() as connection:
        event_ids = connection.scalars(
            sa.select(_TABLE.c.event_id).order_by(_TABLE.c.id.desc())
            .limit(rows)).all()
    return len(event_ids), set(event_ids)


#: Names of the parameters of a page of one or two resources.
_RESOURCES = ('resource_uuid', 'second_resource_uuid')


def _has_two_resources(filters):
    """Return True if a page is read from the ranges of two resources.

    These are the given and the canonical form of a UUID, for example. If
    another index serves the page, they are values like any others.
    """
    value = filters.get('resource_uuid')
    return (isinstance(value, tuple) and len(value) == 2 and
            not filters.keys() & {'id', 'request_id'})


def page_query(dialect, filters, user_id=None, *, columns=None, since=None,
               before=None, marker=None, offset=0, limit, ascending=False):
    """Return the SELECT of :meth:`MessageList.get_page`.

    With a user its last column is the position of the read mark, the same in
    each row: a separate statement would be another round trip.

    :param dialect: see :attr:`usermsg.db.engine.Database.dialect`
    :returns: a :class:`usermsg.db.statement.Select` and its values
    """
    values = {'limit': limit}
    if _has_two_resources(filters):
        values |= dict(zip(_RESOURCES, filters['resource_uuid']))
        values['range_limit'] = min(offset + limit, sys.maxsize)
        filters = {name: value for name, value in filters.items()
                   if name != 'resource_uuid'}
    values |= filter_values(filters)
    # created_at and the id are of the same clock reading, so a time is a
    # position among the ids, and needs no separate index. No message has such
    # a position as its id, so bounds can be exclusive.
    above, below = [], []
    if since is not None:
        above.append(ids.lower_bound(since))
    if before is not None and before < _END_OF_TIME:
        below.append(ids.lower_bound(
            before + datetime.timedelta(microseconds=1)))
    if marker is not None:
        (above if ascending else below).append(marker)
    if above:
        values['above'] = max(above)
    if below:
        values['below'] = min(below)
    if offset:
        values['offset'] = offset
    if user_id is not None:
        values['user_id'] = user_id
    return _page_select(
        dialect, frozenset(values), ascending, columns), values


def filter_values(filters):
    """Return the parameters for filters: name -> value."""
    values = {}
    for name, value in filters.items():
        if isinstance(value, tuple):
            # The number of parameters is a power of two, so that there are
            # few different statements.
            number = 1 << (len(value) - 1).bit_length()
            values |= {f'{_IN}{name}_{index}': value[min(
                index, len(value) - 1)] for index in range(number)}
        else:
            values[name] = value
    return values


def id_query(dialect, filters, *, ascending=False, **position):
    """Return the SELECT of the ids of a page; see :func:`page_query`."""
    _select, values = page_query(
        dialect, filters, ascending=ascending, **position)
    return _id_select(dialect, frozenset(values), ascending), values


def joined_ids_query(dialect, filters, user_id=None, *, ascending=False,
                     **position):
    """Return the SELECT of the ids of a page, joined, and of a read mark.

    It has one row for :meth:`MessageList.get_ids`, because drivers take
    longer for many. See :func:`page_query`.
    """
    _select, values = page_query(
        dialect, filters, user_id, ascending=ascending, **position)
    return _joined_ids_select(dialect, frozenset(values), ascending), values


def sorted_page_query(dialect, filters, keys, *, number, oldest=False,
                      since=None, before=None, marker=None, offset=0, limit):
    """Return the SELECT of :meth:`MessageList.get_sorted_page`.

    The database sorts: 10,000 objects of Python took 0.1 seconds, in which
    all other threads waited.

    :returns: a :class:`usermsg.db.statement.Select` and its values
    """
    _select, values = page_query(
        dialect, filters, since=since, before=before, limit=number)
    select = _sorted_page_select(
        dialect, frozenset(values), tuple(keys), oldest, marker is not None)
    values |= {'page_limit': limit, 'page_offset': offset}
    if marker is not None:
        values |= {f'after_{name}': _sort_value(getattr(marker.row, name))
                   for name, _descending in keys}
    return select, values


@functools.lru_cache(maxsize=256)
def _sorted_page_select(dialect, names, keys, oldest, after_marker):
    page = build_select(dialect, names, ascending=oldest).subquery('page')
    query = sa.select(page)
    order = []
    after = sa.false()
    # The least significant key comes first.
    for name, descending in reversed(keys):
        column = page.c[name]
        if _TABLE.c[name].nullable:
            column = sa.func.coalesce(column, '')
        value = sa.bindparam(f'after_{name}')
        after = sa.or_(column < value if descending else column > value,
                       sa.and_(column == value, after))
        order.insert(0, column.desc() if descending else column)
    if after_marker:
        query = query.where(after)
    return statement.Select(query.order_by(*order).limit(
        sa.bindparam('page_limit', type_=sa.Integer)).offset(
        sa.bindparam('page_offset', type_=sa.Integer)))


def _sort_value(value):
    """Return a value of a row as the database compares it, a string."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(' ', 'microseconds')
    return value or ''


@functools.lru_cache(maxsize=256)
def _page_select(dialect, names, ascending, columns=None):
    return statement.Select(build_select(dialect, names, ascending, tuple(
        column if columns is None or column.name in columns else
        sa.null().label(column.name) for column in _TABLE.c)).add_columns(
            *_mark(names)))


def _mark(names):
    """Return the column with the read mark, if the page has one."""
    return (read_mark.QUERY.scalar_subquery(),) if 'user_id' in names else ()


@functools.lru_cache(maxsize=256)
def _id_select(dialect, names, ascending):
    query = build_select(dialect, names, ascending, (_TABLE.c.id,))
    if _index_for(names)[0] == _UNORDERED:
        query = query.order_by(None)
    return statement.Select(query)


@functools.lru_cache(maxsize=256)
def _joined_ids_select(dialect, names, ascending):
    page = build_select(
        dialect, names, ascending, (_TABLE.c.id,)).subquery('page')
    # Not SQLAlchemy's aggregate_strings(), which can't be compiled without
    # the values.
    joined = (sa.func.string_agg(page.c.id, sa.literal_column("','"))
              if dialect == 'postgresql' else
              sa.func.group_concat(page.c.id))
    return statement.Select(sa.select(joined, *(_mark(names) or (sa.null(),))))


def build_select(dialect, names, ascending=False, columns=tuple(_TABLE.c)):
    """Return the SELECT of a page for parameters of :func:`page_query`.

    :param names: the names of the parameters, a set
    :param columns: of the result
    """
    if not names.issuperset(_RESOURCES):
        return _limited(_build_range(dialect, names, ascending, columns),
                        names)
    # As one condition, these would be two ranges of the index, and all of
    # their rows would be sorted by the id.
    shared = names - {_RESOURCES[1]}
    rows = sa.union_all(*(
        sa.select(_build_range(
            dialect, shared, ascending, columns, resource).limit(
                _number('range_limit')).subquery())
        for resource in _RESOURCES)).subquery()
    return _limited(sa.select(rows).order_by(
        rows.c.id if ascending else rows.c.id.desc()), names)


def _limited(query, names):
    query = query.limit(_number('limit'))
    return query.offset(_number('offset')) if 'offset' in names else query


def _number(name):
    return sa.bindparam(name, type_=sa.Integer)


def _build_range(dialect, names, ascending, selected,
                 resource=_RESOURCES[0]):
    """Return the SELECT of one range of an index, in its order.

    :param selected: columns of the result
    :param resource: name of the parameter with the id of the resource
    """
    index, prefix = _index_for(names)
    columns = [_TABLE.c[name] for name in prefix]
    query = sa.select(*selected).where(
        *_range(dialect, columns, names, resource),
        *comparisons(_hidden, names - {*prefix, *_NO_COLUMNS}))
    return index_scan.force_index(query, _TABLE, index).order_by(*(
        column if ascending else column.desc()
        for column in (*columns, _TABLE.c.id)))


def comparisons(column, names):
    """Yield the conditions of parameters of :func:`filter_values`.

    :param column: function that returns the column, or an expression, for
        its name
    """
    lists = collections.defaultdict(list)
    for name in sorted(names):
        if name.startswith(_IN):
            column_name = name.removeprefix(_IN).rpartition('_')[0]
            lists[column_name].append(sa.bindparam(name))
        else:
            yield column(name) == sa.bindparam(name)
    for column_name, parameters in lists.items():
        yield column(column_name).in_(parameters)


def _hidden(name):
    """Return a column as an expression that no index serves.

    PostgreSQL might scan another index for its second column, and SQLite a
    whole project.
    """
    column = _TABLE.c[name]
    return sa.func.coalesce(column, '') if name in _INDEXED else column


def _range(dialect, columns, names, resource):
    """Yield conditions that make a page one range of one index.

    MariaDB has a hint for the index. The other databases choose it by their
    statistics: while those don't include the many messages that other
    projects have for a resource, or since yesterday, the index on the
    resource alone and the primary key seem as good as those that begin with
    the project. So the page has an order that only the right index has. For
    SQLite the page is a range of row values. PostgreSQL would scan to the end
    of the project for a row value, but it doesn't detect that the only
    element of an array is a constant. The planner doesn't know the level
    either: in a project with few errors it would otherwise scan all messages
    if most messages of the other projects are errors. So it might take an
    index without the level for as good, because a column that equals a value
    doesn't matter for the order: the level is a part of row values, too.

    :param columns: leading columns of the index, which the id follows
    :param resource: name of the parameter with the id of the resource
    """
    values = [sa.bindparam(resource if column.name == _RESOURCES[0] else
                           column.name) for column in columns]
    equal = 0 if dialect == 'sqlite' else len(columns)
    if dialect == 'postgresql':
        values[:1] = [sa.any_(postgresql.array([value]))
                      for value in values[:1]]
        if _TABLE.c.message_level in set(columns):
            values[-1] = sa.select(values[-1]).scalar_subquery()
            equal -= 1
    yield from map(operator.eq, columns[:equal], values[:equal])
    columns, values = columns[equal:], values[equal:]
    for name, exclusive, inclusive in (
            ('above', operator.gt, operator.ge),
            ('below', operator.lt, operator.le)):
        if name in names:
            yield exclusive(sa.tuple_(*columns, _TABLE.c.id),
                            sa.tuple_(*values, sa.bindparam(name)))
        elif columns:
            yield inclusive(sa.tuple_(*columns), sa.tuple_(*values))


_END_OF_TIME = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)

#: Prefix of the names of the parameters of a column with several values.
_IN = 'in_'

#: Parameters of a page that aren't compared to the column of their name.
_NO_COLUMNS = ('above', 'below', 'limit', 'offset', 'range_limit', 'user_id')

_INDEXED = ('project_id', 'prefix', 'resource_uuid', 'request_id',
            'message_level')


#: An index without the id, for lists of all projects: all of its rows for a
#: value are sorted, except on MariaDB.
_UNORDERED = 'messages_request_id_idx'


def _index_for(filters):
    """Return the most selective index, and its leading columns.

    For one project always an index that begins with the project, so that the
    messages of other projects don't matter.
    """
    if 'id' in filters:
        return 'PRIMARY', ()
    if 'project_id' not in filters:
        if 'request_id' in filters:
            return _UNORDERED, ('request_id',)
        if 'resource_uuid' in filters:
            return 'messages_resource_uuid_id_idx', ('resource_uuid',)
        return 'PRIMARY', ()
    if 'request_id' in filters:
        return 'messages_project_request_idx', ('project_id', 'request_id')
    if 'resource_uuid' in filters:
        return ('messages_project_resource_idx',
                ('project_id', 'resource_uuid'))
    if 'prefix' in filters:
        return 'messages_project_prefix_id_idx', ('project_id', 'prefix')
    if 'message_level' in filters:
        return 'messages_project_level_idx', ('project_id', 'message_level')
    return 'messages_project_id_idx', ('project_id',)


def select_served(filters):
    """Return the filters of a page that its index serves.

    The page looks at the messages that match these, one by one, until it has
    enough that match the other filters, too; or at all of them, if it sorts
    them.

    :returns: a dict, and True if the page looks at no more than its messages
    """
    if 'id' in filters:
        return {'id': filters['id']}, True
    index, columns = _index_for({
        name for name, value in filters.items()
        if not isinstance(value, tuple) or (
            name == 'resource_uuid' and _has_two_resources(filters))})
    served = {name: filters[name] for name in columns}
    return served, served == filters and index != _UNORDERED
