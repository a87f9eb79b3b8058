# SPDX-License-Identifier: Apache-2.0
"""A recorded outcome, and pages of them."""

import dataclasses
import datetime
import functools
import itertools
import operator
import time

from oslo_db import exception as db_exception
from oslo_log import log
from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from usermsg.db import index_scan
from usermsg.db import models
from usermsg.db import statement
from usermsg import exception
from usermsg.objects import base
from usermsg.objects import fields as own_fields
from usermsg.objects import ids
from usermsg.objects import removal

LOG = log.getLogger(__name__)

_TABLE = models.messages
_KEYS = models.source_keys

#: A source key is remembered for so long after its message has expired.
SOURCE_KEY_GRACE = datetime.timedelta(days=7)


#: How often it is tried to store what the database calls stored already,
#: though it can't be found there.
_ATTEMPTS = 10


#: Seconds; after that no new attempt begins.
_PATIENCE = 30


@dataclasses.dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored.

    :param row: a :class:`usermsg.db.models.MessageRow`
    :param source_id: the caller's own key for what it records, or None
    :param digest: with ``source_id``: of the content, to tell a repetition
        from a mistake
    """

    row: models.MessageRow
    source_id: str | None = None
    digest: str | None = None

    @property
    def key(self):
        """(project, source id), or None."""
        return self.source_id and (self.row.project_id, self.source_id)

    def key_row(self):
        return models.SourceKeyRow(
            self.row.project_id, self.source_id, self.row.id, self.digest,
            self.row.expires_at + SOURCE_KEY_GRACE)


@vo_base.VersionedObjectRegistry.register
class Message(base.UsermsgObject):
    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = own_fields.of_table(
        _TABLE, fields.DateTimeField(tzinfo_aware=True))

    #: Values of the columns, a :class:`usermsg.db.models.MessageRow` with
    #: aware times; None of an object that wasn't read from the table.
    row = None

    @classmethod
    def from_row(cls, row):
        """Message of the values of all columns, in their order.

        :param row: a sequence; its times are UTC without a zone, or text
        """
        *values, created_at, expires_at = row
        message = cls()
        message.row = models.MessageRow._make((
            *values, statement.time_of(created_at),
            statement.time_of(expires_at)))
        return message

    def __getattr__(self, name):
        # A field that nobody set is that of the row. Setting each would
        # coerce it, which costs more than reading the row did, though what
        # comes from our own columns has its type.
        if name.startswith('_obj_'):
            return getattr(self.row, name.removeprefix('_obj_'))
        raise AttributeError(name)

    @classmethod
    def get(cls, db, message_id, project_id=None, prefix=None):
        """The message with an id.

        :param project_id: whose it must be; None for any project's
        :param prefix: of which namespace it must be; None for any
        :raises usermsg.exception.MessageNotFound: there is none
        """
        query = GET if project_id is None else GET_IN_PROJECT
        with db.reader() as connection:
            rows = query.rows(connection, {'id': message_id,
                                           'project_id': project_id})
        message = cls.from_row(rows[0]) if rows else None
        if message is None or prefix not in (None, message.row.prefix):
            raise exception.MessageNotFound(message_id)
        return message

    @classmethod
    def delete(cls, db, message_id, project_id=None, prefix=None,
               tell=None):
        """Delete the message with an id; see :meth:`get`.

        :param prefix: of which namespace it must be; None for any
        :param tell: see :meth:`MessageList.record`
        """
        if not db.write(lambda connection: removal.delete_messages(
                connection, _one(message_id, project_id, prefix), tell)):
            raise exception.MessageNotFound(message_id)


GET = statement.Select(
    sa.select(_TABLE).where(_TABLE.c.id == sa.bindparam('id')))
GET_IN_PROJECT = statement.Select(
    sa.select(_TABLE).where(_TABLE.c.id == sa.bindparam('id'),
                            _TABLE.c.project_id == sa.bindparam('project_id')))


def _one(message_id, project_id, prefix):
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

    @staticmethod
    def record(db, new_messages, tell=None):
        """Store new messages in one transaction, each source id once.

        :param new_messages: :class:`NewMessage` objects
        :param tell: called with the connection and the rows of those that
            are new, in the transaction that stores them
        :returns: a list of :class:`Recorded`, in the order of the new_messages
        :raises usermsg.exception.DatabaseUnavailable: not now; nothing was
            stored
        """
        stored = {}
        attempts = 0
        give_up_at = time.monotonic() + _PATIENCE
        while True:
            results = results_of(new_messages, stored)
            new = [new_message for new_message, result in zip(new_messages, results)
                   if result.new]
            if not new:
                return results
            if attempts == _ATTEMPTS or time.monotonic() > give_up_at:
                break
            try:
                db.write(lambda connection: insert(connection, new, tell))
                return results
            except db_exception.DBDuplicateEntry:
                # In a transaction of its own: the one that failed is over,
                # and its snapshot might not show what it collided with.
                found = stored_under(
                    db, [new_message.key for new_message in new_messages if new_message.key])
                # Others may store a large batch's messages one by one: as
                # long as there are more each time it comes to an end, but
                # nobody waits for that for ever.
                attempts = 0 if len(found) > len(stored) else attempts + 1
                stored = found
        LOG.error('Messages could not be stored, as others kept storing '
                  'under the same source ids.')
        raise exception.DatabaseUnavailable()

    @classmethod
    def get_page(cls, db, filters, *, since=None, before=None, marker=None,
                 offset=0, limit, ascending=False):
        """Messages in the order of their ids.

        :param filters: column -> the value that it must have
        :param since: aware datetime; made then or later
        :param before: aware datetime; made then or earlier
        :param marker: any UUID: the page begins behind this position
        :param offset: how many more to leave out
        :param limit: how many at most
        :param ascending: the oldest first
        """
        query, values = page_query(
            db.dialect, filters, since=since, before=before, marker=marker,
            offset=offset, limit=limit, ascending=ascending)
        with db.reader() as connection:
            rows = query.rows(connection, values)
        page = cls()
        page._obj_objects = [Message.from_row(row) for row in rows]
        return page


def insert(connection, new_messages, tell=None):
    """Insert new messages and their source keys.

    :param tell: see :meth:`MessageList.record`
    :raises oslo_db.exception.DBDuplicateEntry: one is stored already
    """
    # In one order everywhere, so that two batches don't wait for each other.
    keys = [new_message.key_row() for new_message in
            sorted((new_message for new_message in new_messages if new_message.key),
                   key=lambda new_message: new_message.key)]
    if keys:
        _INSERT_KEYS.execute(connection, keys)
    rows = [new_message.row for new_message in new_messages]
    _INSERT.execute(connection, rows)
    if tell is not None:
        tell(connection, rows)


_INSERT = statement.Insert(_TABLE)
_INSERT_KEYS = statement.Insert(_KEYS)


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """Result of recording one message.

    :param row: of the stored message; None if there is an error
    :param new: it was not stored before
    :param error: :class:`usermsg.exception.SourceConflict` or
        :class:`usermsg.exception.SourceGone`; None if it is stored
    """

    row: models.MessageRow | None
    new: bool = False
    error: exception.UsermsgError | None = None

    @property
    def message(self):
        return Message.from_row(self.row)


def results_of(new_messages, stored):
    """Results of recording messages, of which some are stored already.

    :param stored: of :func:`stored_under`
    :returns: a list of :class:`Recorded`, in the order of the new_messages
    """
    by_key = dict(stored)
    results = []
    for new_message in new_messages:
        digest, row = (new_message.digest, new_message.row)
        if new_message.key is not None:
            digest, row = by_key.setdefault(new_message.key, (digest, row))
        if digest != new_message.digest:
            results.append(Recorded(
                None, error=exception.SourceConflict(new_message.source_id)))
        elif row is None:
            results.append(Recorded(
                None, error=exception.SourceGone(new_message.source_id)))
        else:
            results.append(Recorded(row, new=row is new_message.row))
    return results


def stored_under(db, keys):
    """Messages that are stored under keys.

    :param keys: (project id, source id) pairs
    :returns: key -> (digest, row), where the row is None if the message has
        been deleted
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


#: Projects whose keys one statement looks up.
_PROJECTS = 50


def stored_query(projects):
    """The SELECT of what is stored under source ids.

    :param projects: (project id, its source ids) pairs. Each is a condition
        of its own: for pairs of columns SQLite reads the whole table, and
        PostgreSQL compares each of them to all the project's keys.
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
    """Which events the newest messages are of.

    :param rows: how many messages to look at, at most
    :returns: (how many there were, the set of their event ids)
    """
    with db.reader() as connection:
        found = connection.scalars(
            sa.select(_TABLE.c.event_id).order_by(_TABLE.c.id.desc())
            .limit(rows)).all()
    return len(found), set(found)


def page_query(dialect, filters, *, since=None, before=None, marker=None,
               offset=0, limit, ascending=False):
    """What :meth:`MessageList.get_page` asks.

    :param dialect: see :attr:`usermsg.db.engine.Database.dialect`
    :returns: a :class:`usermsg.db.statement.Select` and its values
    """
    values = {**filters, 'limit': limit}
    # created_at is the same reading of the clock as the id, so a time is a
    # position among the ids, and needs no index of its own. No message has
    # such a position for its id, so each bound is outside of the page.
    above, below = [], []
    if since is not None:
        above.append(ids.first(since))
    if before is not None and before < _END_OF_TIME:
        below.append(ids.first(before + datetime.timedelta(microseconds=1)))
    if marker is not None:
        (above if ascending else below).append(marker)
    if above:
        values['above'] = max(above)
    if below:
        values['below'] = min(below)
    if offset:
        values['offset'] = offset
    return _page_select(dialect, frozenset(values), ascending), values


@functools.lru_cache(maxsize=256)
def _page_select(dialect, names, ascending):
    index, searched = _index_for(names)
    columns = [_TABLE.c[name] for name in searched]
    query = sa.select(_TABLE).where(*_range(dialect, columns, names))
    for name in sorted(names - {*searched, *_NO_COLUMNS}):
        column = _TABLE.c[name]
        if name in _INDEXED:
            # So that no other index looks useful: PostgreSQL may go through
            # one for its second column, and SQLite through a whole project.
            column = sa.func.coalesce(column, '')
        query = query.where(column == sa.bindparam(name))
    query = index_scan.force_index(query, _TABLE, index)
    query = query.order_by(*(
        column if ascending else column.desc()
        for column in (*columns, _TABLE.c.id))).limit(
        sa.bindparam('limit', type_=sa.Integer))
    if 'offset' in names:
        query = query.offset(sa.bindparam('offset', type_=sa.Integer))
    return statement.Select(query)


def _range(dialect, columns, names):
    """Conditions that make a page one range of one index.

    MariaDB is told which index. The others choose it by their statistics: as
    long as those don't know of the many messages that other projects have of
    a resource, or since yesterday, the index of the resource alone and the
    primary key look as good to them as those that begin with the project.
    So the page has an order that no such index has. For SQLite it is a range
    of rows of columns. PostgreSQL would go to the end of the project for one,
    but it doesn't see that the only element of an array is a constant.

    :param columns: those with which the index begins; then it has the id
    """
    values = [sa.bindparam(column.name) for column in columns]
    if dialect != 'sqlite':
        if dialect == 'postgresql':
            values[:1] = [sa.any_(postgresql.array([value]))
                          for value in values[:1]]
        yield from map(operator.eq, columns, values)
        columns = values = []
    for name, beyond, within in (('above', operator.gt, operator.ge),
                                 ('below', operator.lt, operator.le)):
        if name in names:
            yield beyond(sa.tuple_(*columns, _TABLE.c.id),
                         sa.tuple_(*values, sa.bindparam(name)))
        elif columns:
            yield within(sa.tuple_(*columns), sa.tuple_(*values))


_END_OF_TIME = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)

#: Parameters of a page that aren't compared to a column of their name.
_NO_COLUMNS = ('above', 'below', 'limit', 'offset')

_INDEXED = ('project_id', 'prefix', 'resource_uuid', 'request_id')


def _index_for(filters):
    """The index that leaves the fewest rows to look at, and its columns.

    Of one project's messages always one that begins with the project, so
    that it doesn't matter what others have.
    """
    if 'id' in filters:
        return 'PRIMARY', ()
    if 'project_id' not in filters:
        if 'request_id' in filters:
            return 'messages_request_id_idx', ('request_id',)
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
    return 'messages_project_id_idx', ('project_id',)
