# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""A recorded outcome, and pages of them."""

import datetime

from oslo_db import exception as db_exception
from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields
import sqlalchemy as sa

from usermsg.db import models
from usermsg import exception
from usermsg.objects import base
from usermsg.objects import ids
from usermsg.objects import walk

_TABLE = models.messages
_KEYS = models.source_keys

#: A source key is remembered for so long after its message has expired.
SOURCE_KEY_GRACE = datetime.timedelta(days=7)


@vo_base.VersionedObjectRegistry.register
class Message(base.UsermsgObject):
    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'id': fields.StringField(),
        'prefix': fields.StringField(),
        'project_id': fields.StringField(),
        'user_id': fields.StringField(nullable=True),
        'request_id': fields.StringField(nullable=True),
        'resource_type': fields.StringField(nullable=True),
        'resource_uuid': fields.StringField(nullable=True),
        'event_id': fields.StringField(),
        'action_id': fields.StringField(nullable=True),
        'detail_id': fields.StringField(nullable=True),
        'message_level': fields.StringField(),
        'created_at': fields.DateTimeField(tzinfo_aware=True),
        'expires_at': fields.DateTimeField(tzinfo_aware=True),
    }

    @classmethod
    def _from_row(cls, row):
        """From a row of all columns of the table, in their order.

        Setting a field runs its type's coercion, which costs more than
        reading the row did; what comes from our own columns has its type.
        """
        message = cls()
        (message._obj_id, message._obj_prefix, message._obj_project_id,
         message._obj_user_id, message._obj_request_id,
         message._obj_resource_type, message._obj_resource_uuid,
         message._obj_event_id, message._obj_action_id,
         message._obj_detail_id, message._obj_message_level,
         created_at, expires_at) = row
        message._obj_created_at = created_at.replace(
            tzinfo=datetime.timezone.utc)
        message._obj_expires_at = expires_at.replace(
            tzinfo=datetime.timezone.utc)
        return message

    def _to_row(self):
        row = {name: getattr(self, name) for name in _TABLE.c.keys()}
        for name in ('created_at', 'expires_at'):
            row[name] = row[name].replace(tzinfo=None)
        return row

    def create(self, db, source_id=None, digest=None):
        """Store it; once only for each source id of a project.

        :param source_id: the caller's own key for what it records
        :param digest: of the content, to tell a repetition from a mistake
        :returns: the stored message: this one, or the one that was stored
            under the source id before
        :raises usermsg.exception.SourceConflict: that had another content
        :raises usermsg.exception.SourceGone: that has been deleted
        """
        row = self._to_row()
        key = source_id and {
            'project_id': self.project_id, 'source_id': source_id,
            'message_id': self.id, 'digest': digest,
            'expires_at': row['expires_at'] + SOURCE_KEY_GRACE}

        def insert(connection):
            if key:
                connection.execute(_KEYS.insert(), key)
            connection.execute(_TABLE.insert(), row)

        try:
            db.write(insert)
        except db_exception.DBDuplicateEntry:
            if not key:
                raise
            return self._first_under(db, key)
        self.obj_reset_changes()
        return self

    @classmethod
    def _first_under(cls, db, key):
        # In a transaction of its own: the one that failed is over, and its
        # snapshot might not show what it collided with.
        with db.reader() as connection:
            stored = connection.execute(
                sa.select(_KEYS.c.digest, *_TABLE.c)
                .join_from(_KEYS, _TABLE, _TABLE.c.id == _KEYS.c.message_id,
                           isouter=True)
                .where(_KEYS.c.project_id == key['project_id'],
                       _KEYS.c.source_id == key['source_id'])).first()
        if stored is None:  # expired and reaped in between
            raise exception.SourceGone(key['source_id'])
        digest, *row = stored
        if digest != key['digest']:
            raise exception.SourceConflict(key['source_id'])
        if row[0] is None:
            raise exception.SourceGone(key['source_id'])
        return cls._from_row(row)

    @classmethod
    def get(cls, db, message_id, project_id=None):
        """The message with an id.

        :param project_id: whose it must be; None for any project's
        :raises usermsg.exception.MessageNotFound: there is none
        """
        with db.reader() as connection:
            row = connection.execute(
                sa.select(_TABLE).where(*_one(message_id, project_id))
            ).first()
        if row is None:
            raise exception.MessageNotFound(message_id)
        return cls._from_row(row)

    @classmethod
    def delete(cls, db, message_id, project_id=None):
        """Delete the message with an id; see :meth:`get`."""
        deleted = db.write(lambda connection: connection.execute(
            _TABLE.delete().where(*_one(message_id, project_id))).rowcount)
        if not deleted:
            raise exception.MessageNotFound(message_id)


def _one(message_id, project_id):
    conditions = [_TABLE.c.id == message_id]
    if project_id is not None:
        conditions.append(_TABLE.c.project_id == project_id)
    return conditions


@vo_base.VersionedObjectRegistry.register
class MessageList(vo_base.ObjectListBase, base.UsermsgObject):
    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'objects': fields.ListOfObjectsField('Message'),
    }

    @classmethod
    def get_page(cls, db, filters, *, since=None, before=None, marker=None,
                 limit, ascending=False):
        """Messages in the order of their ids.

        :param filters: column -> the value that it must have
        :param since: aware datetime; made then or later
        :param before: aware datetime; made then or earlier
        :param marker: any UUID: the page begins behind this position
        :param limit: how many at most
        :param ascending: the oldest first
        """
        with db.reader() as connection:
            rows = connection.execute(page_query(
                filters, since=since, before=before, marker=marker,
                limit=limit, ascending=ascending)).all()
        page = cls()
        page._obj_objects = [Message._from_row(row) for row in rows]
        return page


def page_query(filters, *, since=None, before=None, marker=None, limit,
               ascending=False):
    """The SELECT of :meth:`MessageList.get_page`."""
    ident = _TABLE.c.id
    index, searched = _index_for(filters)
    query = sa.select(_TABLE).where(
        *(_column(name, searched) == value
          for name, value in filters.items()))
    # created_at is the same reading of the clock as the id, so a time is a
    # position among the ids, and needs no index of its own.
    if since is not None:
        query = query.where(ident >= ids.first(since))
    if before is not None and before < _END_OF_TIME:
        query = query.where(
            ident < ids.first(before + datetime.timedelta(microseconds=1)))
    if marker is not None:
        query = query.where(ident > marker if ascending else ident < marker)
    query = walk.force_index(query, _TABLE, index)
    return query.order_by(ident if ascending else ident.desc()).limit(limit)


_END_OF_TIME = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)


def _index_for(filters):
    """The index that leaves the fewest rows to look at, and its columns."""
    if 'request_id' in filters:
        return 'messages_request_id_idx', ('request_id',)
    if 'resource_uuid' in filters:
        return 'messages_resource_uuid_id_idx', ('resource_uuid',)
    if 'project_id' in filters:
        if 'prefix' in filters:
            return 'messages_project_prefix_id_idx', ('project_id', 'prefix')
        return 'messages_project_id_idx', ('project_id',)
    return 'PRIMARY', ()


def _column(name, searched):
    """A column to compare, so that only the right index can be used.

    SQLite would rather go through a whole project than look up a request or
    a resource, and has no hint that SQLAlchemy knows. PostgreSQL, which has
    none at all, may go through an index for its second column.
    """
    column = _TABLE.c[name]
    if name in _INDEXED and name not in searched:
        return sa.func.coalesce(column, '')
    return column


_INDEXED = ('project_id', 'prefix', 'resource_uuid')
