# SPDX-License-Identifier: Apache-2.0
"""Conversion of rows of other services' message tables to new messages.

The id of a converted message is the same in every import of its row, and its
key is kept at least as long as the message would be listed. So a repeated
import recognizes the message, even if a user has deleted it since.
"""

import datetime
import hashlib
import re

from usermsg.catalogue import entries
from usermsg.db import clock
from usermsg.db import models
from usermsg import exception
from usermsg.importer import revisions
from usermsg.objects import ids
from usermsg.objects import message
from usermsg import validation

#: Later than the expiry of any service's message; adding a retention time to
#: an earlier time doesn't overflow.
_TOO_LATE = datetime.datetime(9000, 1, 1, tzinfo=datetime.timezone.utc)
_TOO_EARLY = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

_VOLUME_EVENT = re.compile(
    rf'VOLUME_(?:[0-9]{{6}}|({entries.RESOURCE_TYPE.pattern})_'
    rf'({entries.PART_ID.pattern})_({entries.PART_ID.pattern}))')


class Converter:
    """Conversion of the rows of a service's table; one subclass per service.

    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param ttl: level -> timedelta until a message expires whose row has no
        time of expiry
    :param now: aware datetime
    """

    #: The service's name in commands and keys, its name in texts, the program
    #: that creates and upgrades its tables, and the prefix of its messages.
    name = title = program = prefix = None
    #: Columns that are read.
    columns = ('id', 'project_id', 'request_id', 'resource_type',
               'message_level', 'created_at', 'expires_at', 'deleted')
    #: Other columns that the table may have; none of them restricts the users
    #: who may read a message.
    ignored_columns = ('updated_at', 'deleted_at')
    #: Supported revisions of the tables.
    revisions = ()
    #: Value of the column ``deleted`` in rows that aren't deleted.
    not_deleted = None
    #: Name of the column of the resource's id.
    resource_column = None

    def __init__(self, catalogue, ttl, now):
        self._catalogue = catalogue
        self._ttl = ttl
        self._now = now

    def is_deleted(self, row):
        # NULL counts as deleted: the service itself doesn't list the row.
        return row.deleted != self.not_deleted

    def build_identity(self, row):
        """Build the id and the key of the message for a row.

        :returns: the id, and (project, source id)
        :raises usermsg.exception.InvalidInput: the row can't be converted
        """
        old_id = validation.identifier('id', row.id, 64)
        return (ids.derive(_parse_time('created_at', row.created_at), old_id),
                (validation.identifier('project_id', row.project_id,
                                       validation.PROJECT_ID),
                 f'import:{self.name}:{old_id}'))

    def convert(self, row):
        """Convert a row.

        :returns: a :class:`usermsg.objects.message.NewMessage`; None if the
            message has expired
        :raises usermsg.exception.InvalidInput: the row can't be converted;
            names the column
        """
        if row.expires_at is None:
            expires_at = (_parse_time('created_at', row.created_at) +
                          self._ttl[_parse_level(row.message_level)])
        else:
            expires_at = _parse_time('expires_at', row.expires_at)
        if expires_at < self._now:
            return None
        message_id, (project_id, source_id) = self.build_identity(row)
        resource_type, event_id, action_id, detail_id = (
            self._event_values(row))
        converted = models.MessageRow(
            id=message_id,
            prefix=self.prefix,
            project_id=project_id,
            user_id=None,
            request_id=_parse_optional('request_id', row.request_id,
                                       validation.REQUEST_ID),
            resource_type=resource_type,
            resource_uuid=_parse_optional(
                self.resource_column, getattr(row, self.resource_column),
                validation.RESOURCE_UUID),
            event_id=event_id,
            action_id=action_id,
            detail_id=detail_id,
            message_level=_parse_level(row.message_level),
            created_at=clock.naive(_parse_time('created_at', row.created_at)),
            expires_at=clock.naive(expires_at))
        # The digest covers the key alone: it identifies the message even if
        # the row has changed since the last import.
        return message.NewMessage(
            converted, source_id,
            hashlib.sha256(source_id.encode()).hexdigest())

    def _event_values(self, row):
        """Return the resource type, event id, action id and detail id."""
        raise NotImplementedError


class Volume(Converter):
    """Conversion of cinder's messages.

    The event id contains the values of the ignored columns as well; the first
    releases didn't have those columns.
    """

    name, title, program = 'volume', 'block storage', 'cinder-manage'
    prefix = 'VOLUME'
    columns = (*Converter.columns, 'resource_uuid', 'event_id')
    ignored_columns = (*Converter.ignored_columns, 'action_id', 'detail_id')
    revisions = revisions.VOLUME
    not_deleted = False
    resource_column = 'resource_uuid'

    def _event_values(self, row):
        event_id = self._catalogue.expand_event_id(row.event_id)
        match = isinstance(event_id, str) and _VOLUME_EVENT.fullmatch(event_id)
        if not match:
            raise exception.InvalidInput(
                'event_id', 'is not a valid event id of block storage.')
        resource_type = _parse_resource_type(row.resource_type)
        event_type, action_id, detail_id = match.groups()
        if event_type is not None and resource_type not in (None, event_type):
            raise exception.InvalidInput(
                'event_id', 'contains another type than resource_type.')
        return resource_type or event_type, event_id, action_id, detail_id


class Share(Converter):
    """Conversion of manila's messages."""

    name, title, program = 'share', 'shared file systems', 'manila-manage'
    prefix = 'SHARE'
    columns = (*Converter.columns, 'resource_id', 'action_id', 'detail_id')
    revisions = revisions.SHARE
    not_deleted = 'False'
    resource_column = 'resource_id'

    def _event_values(self, row):
        # Without a detail the service itself shows 001, the unknown cause.
        parts = {'action_id': row.action_id,
                 'detail_id': row.detail_id or '001'}
        for field, value in parts.items():
            if not (isinstance(value, str) and
                    entries.PART_ID.fullmatch(value)):
                raise exception.InvalidInput(field, 'must be three digits.')
        resource_type = _parse_resource_type(row.resource_type)
        return (resource_type, '_'.join((
            'SHARE', resource_type or 'SHARE', *parts.values())),
            *parts.values())


def _parse_time(field, value):
    if value is None:
        raise exception.InvalidInput(field, 'is required.')
    value = validation.time(field, value)
    if not _TOO_EARLY <= value < _TOO_LATE:
        raise exception.InvalidInput(
            field, 'is outside the years 1970 to 8999.')
    return value


def _parse_level(value):
    # Messages about volume backups have this level.
    if validation.upper_case(value) == 'WARNING':
        return 'WARN'
    return validation.level('message_level', value)


def _parse_optional(field, value, max_length):
    return validation.optional_identifier(field, value or None, max_length)


def _parse_resource_type(value):
    """Return a resource type in upper case, or None if there is none.

    The catalogue needn't contain it.
    """
    if not value:
        return None
    upper = validation.upper_case(value)
    if upper is None or not entries.RESOURCE_TYPE.fullmatch(upper):
        raise exception.InvalidInput(
            'resource_type', 'is not a valid resource type.')
    return upper
