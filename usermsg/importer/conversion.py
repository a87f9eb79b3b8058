# SPDX-License-Identifier: Apache-2.0
"""Rows of other services' tables of messages, as messages of ours.

Each has the id that it would get at any other time, and a key that is kept
as long as it would be listed: so bringing it over again finds it, even if
somebody has deleted it since.
"""

import collections.abc
import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Kind:
    """A service whose table of messages is understood.

    :param name: in commands and in keys
    :param title: of the service
    :param program: what makes and upgrades its tables
    :param prefix: of its messages
    :param columns: what is read of a row
    :param others: what else the table may have, which says nothing of who
        may read what
    :param revisions: of its tables that are known
    :param kept: the value of ``deleted`` in rows that were not deleted
    :param outcome: called with (row, catalogue): the resource type, event
        id, action id and detail id
    :param resource: the column of the resource's id
    """

    name: str
    title: str
    program: str
    prefix: str
    columns: tuple
    others: tuple
    revisions: tuple
    kept: object
    outcome: collections.abc.Callable
    resource: str


class Converter:
    """What to do with each row of a table.

    :param kind: a :class:`Kind`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param ttl: level -> how long a message is kept whose row doesn't say
    :param now: aware datetime
    """

    def __init__(self, kind, catalogue, ttl, now):
        self.kind = kind
        self._catalogue = catalogue
        self._ttl = ttl
        self._now = now

    def is_deleted(self, row):
        # NULL too: the service itself then doesn't show it.
        return row.deleted != self.kind.kept

    def identity(self, row):
        """The id and the key of the message that a row is or would be.

        :returns: the id, and (project, source id)
        :raises usermsg.exception.InvalidInput: it can't be one
        """
        return (ids.derive(_made(row), _old_id(row)),
                (_project_id(row), self._source_id(row)))

    def _source_id(self, row):
        return f'import:{self.kind.name}:{row.id}'

    def draft(self, row):
        """A :class:`usermsg.objects.message.Draft`; None if it has expired.

        :raises usermsg.exception.InvalidInput: the row can't be brought
            over; names the column
        """
        expires_at = row.expires_at
        if expires_at is not None:
            expires_at = _time('expires_at', expires_at)
            if expires_at < self._now:
                return None
        made = _made(row)
        level = _level(row.message_level)
        if expires_at is None:
            expires_at = made + self._ttl[level]
            if expires_at < self._now:
                return None
        resource_type, event_id, action_id, detail_id = self.kind.outcome(
            row, self._catalogue)
        resource = _optional(self.kind.resource,
                             getattr(row, self.kind.resource),
                             validation.RESOURCE_UUID)
        converted = models.MessageRow(
            id=ids.derive(made, _old_id(row)),
            prefix=self.kind.prefix,
            project_id=_project_id(row),
            user_id=None,
            request_id=_optional('request_id', row.request_id,
                                 validation.REQUEST_ID),
            resource_type=resource_type,
            resource_uuid=resource,
            event_id=event_id,
            action_id=action_id,
            detail_id=detail_id,
            message_level=level,
            created_at=clock.naive(made),
            expires_at=clock.naive(expires_at))
        # The key alone says which message it is, whatever has changed since.
        source_id = self._source_id(row)
        return message.Draft(
            converted, source_id,
            hashlib.sha256(source_id.encode()).hexdigest())


def _old_id(row):
    return validation.identifier('id', row.id, 64)


def _project_id(row):
    return validation.identifier('project_id', row.project_id,
                                 validation.PROJECT_ID)


def _made(row):
    return _time('created_at', row.created_at)


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


def _volume_outcome(row, catalogue):
    event_id = catalogue.event_id(row.event_id)
    found = isinstance(event_id, str) and _VOLUME_EVENT.fullmatch(event_id)
    if not found:
        raise exception.InvalidInput(
            'event_id', 'is not of the form of an event of volumes.')
    resource_type = _resource_type(row.resource_type)
    own_type, action_id, detail_id = found.groups()
    if own_type is not None and resource_type not in (None, own_type):
        raise exception.InvalidInput(
            'event_id', 'speaks of another resource type.')
    return resource_type or own_type, event_id, action_id, detail_id


def _share_outcome(row, _catalogue):
    detail_id = row.detail_id
    if not detail_id:
        detail_id = '001'  # what the service then shows: the unknown cause
    for field, value in (('action_id', row.action_id),
                         ('detail_id', detail_id)):
        if not (isinstance(value, str) and
                entries.PART_ID.fullmatch(value)):
            raise exception.InvalidInput(field, 'is not three digits.')
    resource_type = _resource_type(row.resource_type)
    return (resource_type,
            f'SHARE_{resource_type or "SHARE"}_{row.action_id}_{detail_id}',
            row.action_id, detail_id)


_COMMON = ('id', 'project_id', 'request_id', 'resource_type',
           'message_level', 'created_at', 'expires_at', 'deleted')

#: Of cinder. What its other columns hold stands in the event id as well;
#: the first releases had no others.
VOLUME = Kind(
    name='volume', title='block storage', program='cinder-manage',
    prefix='VOLUME', columns=(*_COMMON, 'resource_uuid', 'event_id'),
    others=('action_id', 'detail_id', 'updated_at', 'deleted_at'),
    revisions=revisions.VOLUME, kept=False, outcome=_volume_outcome,
    resource='resource_uuid')

#: Of manila.
SHARE = Kind(
    name='share', title='shared file systems', program='manila-manage',
    prefix='SHARE',
    columns=(*_COMMON, 'resource_id', 'action_id', 'detail_id'),
    others=('updated_at', 'deleted_at'),
    revisions=revisions.SHARE, kept='False', outcome=_share_outcome,
    resource='resource_id')
