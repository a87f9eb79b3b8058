# SPDX-License-Identifier: Apache-2.0
"""Rows of other services' tables of messages, as messages of ours.

Each has the id that it would get at any other time, and a key that is kept
as long as it would be listed: so bringing it over again finds it, even if
somebody has deleted it since.
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

#: Further than any service keeps a message; what is added to a time below
#: this is still a time.
_TOO_LATE = datetime.datetime(9000, 1, 1, tzinfo=datetime.timezone.utc)
_TOO_EARLY = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

_VOLUME_EVENT = re.compile(
    rf'VOLUME_(?:[0-9]{{6}}|({entries.RESOURCE_TYPE.pattern})_'
    rf'({entries.PART_ID.pattern})_({entries.PART_ID.pattern}))')


class Converter:
    """Conversion of the rows of a service's table; a subclass a service.

    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param ttl: level -> how long a message is kept whose row doesn't say
    :param now: aware datetime
    """

    #: The service: in commands and in keys; in texts; what makes and upgrades
    #: its tables; the prefix of its messages.
    name = title = program = prefix = None
    #: Columns that are read.
    columns = ('id', 'project_id', 'request_id', 'resource_type',
               'message_level', 'created_at', 'expires_at', 'deleted')
    #: Others that the table may have, which say nothing of who may read what.
    others = ('updated_at', 'deleted_at')
    #: Revisions of the tables that are known.
    revisions = ()
    #: The value of ``deleted`` in rows that were not deleted.
    kept = None
    #: The column of the resource's id.
    resource = None

    def __init__(self, catalogue, ttl, now):
        self._catalogue = catalogue
        self._ttl = ttl
        self._now = now

    def is_deleted(self, row):
        # NULL too: the service itself then doesn't show it.
        return row.deleted != self.kept

    def identity(self, row):
        """The id and the key of the message that a row is or would be.

        :returns: the id, and (project, source id)
        :raises usermsg.exception.InvalidInput: it can't be one
        """
        old_id = validation.identifier('id', row.id, 64)
        return (ids.derive(_time('created_at', row.created_at), old_id),
                (validation.identifier('project_id', row.project_id,
                                       validation.PROJECT_ID),
                 f'import:{self.name}:{old_id}'))

    def new_message(self, row):
        """A :class:`usermsg.objects.message.NewMessage`; None if it has expired.

        :raises usermsg.exception.InvalidInput: the row can't be brought
            over; names the column
        """
        expires_at = (
            _time('created_at', row.created_at) +
            self._ttl[_level(row.message_level)] if row.expires_at is None
            else _time('expires_at', row.expires_at))
        if expires_at < self._now:
            return None
        message_id, (project_id, source_id) = self.identity(row)
        resource_type, event_id, action_id, detail_id = self._outcome(row)
        converted = models.MessageRow(
            id=message_id,
            prefix=self.prefix,
            project_id=project_id,
            user_id=None,
            request_id=_optional('request_id', row.request_id,
                                 validation.REQUEST_ID),
            resource_type=resource_type,
            resource_uuid=_optional(self.resource,
                                    getattr(row, self.resource),
                                    validation.RESOURCE_UUID),
            event_id=event_id,
            action_id=action_id,
            detail_id=detail_id,
            message_level=_level(row.message_level),
            created_at=clock.naive(_time('created_at', row.created_at)),
            expires_at=clock.naive(expires_at))
        # The key alone says which message it is, whatever has changed since.
        return message.NewMessage(
            converted, source_id,
            hashlib.sha256(source_id.encode()).hexdigest())

    def _outcome(self, row):
        """The resource type, event id, action id and detail id."""
        raise NotImplementedError


class Volume(Converter):
    """Conversion of messages of cinder.

    What its other columns hold stands in the event id as well; the first
    releases had no others.
    """

    name, title, program = 'volume', 'block storage', 'cinder-manage'
    prefix = 'VOLUME'
    columns = (*Converter.columns, 'resource_uuid', 'event_id')
    others = (*Converter.others, 'action_id', 'detail_id')
    revisions = revisions.VOLUME
    kept = False
    resource = 'resource_uuid'

    def _outcome(self, row):
        event_id = self._catalogue.expand_event_id(row.event_id)
        match = isinstance(event_id, str) and _VOLUME_EVENT.fullmatch(event_id)
        if not match:
            raise exception.InvalidInput(
                'event_id', 'is not of the form of an event of volumes.')
        resource_type = _resource_type(row.resource_type)
        own_type, action_id, detail_id = match.groups()
        if own_type is not None and resource_type not in (None, own_type):
            raise exception.InvalidInput(
                'event_id', 'speaks of another resource type.')
        return resource_type or own_type, event_id, action_id, detail_id


class Share(Converter):
    """Conversion of messages of manila."""

    name, title, program = 'share', 'shared file systems', 'manila-manage'
    prefix = 'SHARE'
    columns = (*Converter.columns, 'resource_id', 'action_id', 'detail_id')
    revisions = revisions.SHARE
    kept = 'False'
    resource = 'resource_id'

    def _outcome(self, row):
        # What the service then shows: the unknown cause.
        parts = {'action_id': row.action_id,
                 'detail_id': row.detail_id or '001'}
        for field, value in parts.items():
            if not (isinstance(value, str) and
                    entries.PART_ID.fullmatch(value)):
                raise exception.InvalidInput(field, 'is not three digits.')
        resource_type = _resource_type(row.resource_type)
        return (resource_type, '_'.join((
            'SHARE', resource_type or 'SHARE', *parts.values())),
            *parts.values())


def _time(field, value):
    if value is None:
        raise exception.InvalidInput(field, 'is required.')
    value = validation.time(field, value)
    if not _TOO_EARLY <= value < _TOO_LATE:
        raise exception.InvalidInput(
            field, 'is outside the years 1970 to 8999.')
    return value


def _level(value):
    # As backups of volumes say it.
    if validation.upper_case(value) == 'WARNING':
        return 'WARN'
    return validation.level('message_level', value)


def _optional(field, value, max_length):
    return validation.optional_identifier(field, value or None, max_length)


def _resource_type(value):
    """In upper case, whether the catalogue holds it or not; or None."""
    if not value:
        return None
    upper = validation.upper_case(value)
    if upper is None or not entries.RESOURCE_TYPE.fullmatch(upper):
        raise exception.InvalidInput('resource_type', 'is not of the form of '
                                     'a resource type.')
    return upper
