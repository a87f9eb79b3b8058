# SPDX-License-Identifier: Apache-2.0
"""Recording outcomes and reading them back.

For a service that wants to tell its users how an operation ended::

    from usermsg.message import api as message_api

    self.message_api = message_api.API()

The constructor reads usermsg's configuration files and raises if they can't
be used. After that :meth:`API.create` raises only for what its caller did
wrong: whatever else happens, the service goes on.
"""

import collections
import collections.abc
import datetime
import hashlib
import json
import sys

from oslo_log import log

from usermsg.catalogue import entries
from usermsg.concurrency import bounded_call
from usermsg.db import clock
from usermsg.db import models
from usermsg import exception as errors
from usermsg.message import schemas
from usermsg.objects import ids
from usermsg.objects import removal
from usermsg.outbox import event_types
from usermsg import service
from usermsg import validation

LOG = log.getLogger(__name__)

NEWEST_FIRST = 'created_at:desc'
OLDEST_FIRST = 'created_at:asc'


class API:
    """Safe to share between threads, and to use after a fork.

    :param runtime: a :class:`usermsg.service.Runtime`; without it one is
        made from usermsg's configuration files alone: the caller's command
        line, configuration and logging stay as they are, and the database
        isn't connected before it is needed
    :raises usermsg.exception.ConfigurationError: without ``runtime``, when
        the configuration can't be used
    """

    def __init__(self, runtime=None):
        # Not when this module is imported: versioned objects bring along
        # oslo.messaging, which chooses the backend of oslo.service for the
        # whole process if nobody has yet.
        from usermsg.objects import message
        self._objects = message
        runtime = runtime or service.prepare_library()
        self._db = runtime.db
        self._catalogue = runtime.catalogue
        self._metrics = runtime.metrics
        outbox = runtime.outbox
        self._tell_created = outbox.recorder(event_types.MESSAGE_CREATE)
        self._tell_deleted = outbox.recorder(event_types.MESSAGE_DELETE)
        self._tell_expired = outbox.recorder(event_types.MESSAGE_EXPIRE)
        self._ttl = ttl_by_level(runtime.conf.messages)
        self._deadline = bounded_call.Deadline(
            runtime.conf.messages.record_timeout)

    def create(self, context, event_id=None, project_id=None,
               resource_type=None, resource_uuid=None, level='ERROR', *,
               action=None, detail=None, exception=None, source_id=None):
        """Record how an operation ended.

        The text comes from the catalogue; nothing given here is shown to a
        user but the resource's type and id and the request id.

        :param context: of the request that began the operation; its
            ``request_id`` and ``user_id`` are kept
        :param event_id: of a whole message, such as
            ``defined_messages.EventIds.UNABLE_TO_ALLOCATE``; exactly one of
            this and ``action`` is given
        :param project_id: who will be able to read it; the context's if
            left out
        :param resource_type: one of :mod:`usermsg.message.resource_types`;
            required with ``action``
        :param resource_uuid: id of the resource that was being worked on
        :param level: ``INFO``, ``WARN`` or ``ERROR``
        :param action: what was being done, such as
            ``catalogues.volume.Actions.ATTACH_VOLUME``, or its id
        :param detail: why it failed, likewise from ``Details``
        :param exception: what was raised; where the catalogue knows its
            class it chooses the detail, and its text is never looked at
        :param source_id: the caller's own key for this outcome: recording
            it again with the same key returns the first message
        :returns: the stored :class:`usermsg.objects.message.Message`, or
            None if it couldn't be stored within ``[messages]
            record_timeout`` seconds, which is logged and counted
        :raises usermsg.exception.InvalidInput: a parameter is wrong, and
            would always be; names it
        """
        if project_id is None:
            project_id = getattr(context, 'project_id', None)
        try:
            new_message = self.new_message({
                'project_id': project_id, 'event_id': event_id,
                'action': action, 'detail': detail,
                'resource_type': resource_type,
                'resource_uuid': resource_uuid, 'message_level': level,
                'user_id': _from_context(context, 'user_id',
                                         validation.USER_ID),
                'request_id': _from_context(context, 'request_id',
                                            validation.REQUEST_ID),
                'source_id': source_id}, exception=exception)
        except errors.InvalidInput as error:
            if error.field == 'message_level':
                error = type(error)('level', error.reason)
            raise error from None
        try:
            [result] = self._deadline.run(
                lambda: self._objects.MessageList.record(
                    self._db, [new_message], self._tell_created))
            if result.error is not None:
                raise result.error
        except Exception as error:
            row = new_message.row
            self._metrics.not_recorded.inc(1, _labels(row))
            LOG.error('[%s] The message %s for %s %s could not be recorded: '
                      '%s', row.request_id, row.event_id,
                      row.resource_type, row.resource_uuid,
                      errors.log_text(error, (bounded_call.CallTimeout,)))
            return None
        self._count([result])
        return result.message

    def new_message(self, values, *, exception=None, created_at=None, place=''):
        """What :meth:`record` stores, checked. Touches no database.

        :param values: attributes of a new message, as
            :data:`usermsg.message.schemas.NEW_MESSAGE` has them; ``action``
            and ``detail`` may be those of a catalogue
        :param exception: see :meth:`create`
        :param created_at: an aware datetime; now if left out
        :param place: what errors call the message
        :returns: a :class:`usermsg.objects.message.NewMessage`
        :raises usermsg.exception.InvalidInput: names the attribute
        """
        schemas.new_message().check({
            # An entry of a catalogue is compared with ours later.
            name: value for name, value in values.items()
            if not isinstance(value, entries.Constant)}, place)
        get = values.get
        try:
            outcome = self._catalogue.resolve(
                event_id=get('event_id'), action=get('action'),
                detail=get('detail'), exception=exception,
                resource_type=get('resource_type'))
        except errors.InvalidInput as error:
            raise error.at(place) from None
        if created_at is None:
            created_at = datetime.datetime.now(datetime.timezone.utc)
        made = clock.naive(created_at)
        level = get('message_level', 'ERROR').upper()
        row = models.MessageRow(
            id=ids.mint(created_at),
            prefix=outcome.prefix,
            project_id=values['project_id'],
            user_id=get('user_id'),
            request_id=get('request_id'),
            resource_type=outcome.resource_type,
            resource_uuid=get('resource_uuid'),
            event_id=outcome.event_id,
            action_id=outcome.action_id,
            detail_id=outcome.detail_id,
            message_level=level,
            created_at=made,
            expires_at=made + self._ttl[level])
        source_id = get('source_id')
        if source_id is None:
            return self._objects.NewMessage(row)
        return self._objects.NewMessage(row, source_id, _digest(
            row.event_id, row.resource_type, row.resource_uuid, level))

    def record(self, new_messages):
        """Store messages in one transaction.

        :param new_messages: of :meth:`new_message`
        :returns: a list of :class:`usermsg.objects.message.Recorded`, in the
            order of the new_messages: one whose ``source_id`` was used before, for
            other content or for a message that has been deleted since, has
            an error, and the others are stored
        :raises usermsg.exception.DatabaseUnavailable: not now; nothing was
            stored
        """
        try:
            results = self._objects.MessageList.record(
                self._db, new_messages, self._tell_created)
        except errors.DatabaseUnavailable:
            for new_message in new_messages:
                self._metrics.not_recorded.inc(1, _labels(new_message.row))
            raise
        self._count(results)
        return results

    def _count(self, results):
        numbers = collections.Counter(
            _labels(result.row) for result in results if result.new)
        for labels, number in numbers.items():
            self._metrics.recorded.inc(number, labels)

    def get(self, context, message_id, all_projects=False, prefix=None,
            project_id=None):
        """One message of the context's project.

        :param all_projects: of any project
        :param prefix: of this namespace, if given
        :param project_id: of this project, if given
        :raises usermsg.exception.MessageNotFound: there is none
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        return self._objects.Message.get(
            self._db, _message_id(message_id),
            _scope(context, all_projects, project_id), prefix)

    def get_all(self, context, filters=None, marker=None, limit=1000,
                sort=NEWEST_FIRST, all_projects=False, offset=0):
        """A page of the messages of the context's project.

        :param filters: a mapping; ``id``, ``resource_type``,
            ``resource_uuid``, ``event_id``, ``action_id``, ``detail_id``,
            ``request_id``, ``message_level``, ``prefix``, ``created_since``,
            ``created_before`` (ISO 8601 or datetime, inclusive); with
            ``all_projects`` also ``project_id``
        :param marker: the id of the last message of the page before
        :param limit: how many at most
        :param sort: ``created_at:desc`` or ``created_at:asc``
        :param all_projects: of every project
        :param offset: how many to leave out, behind the marker if there is
            one
        :returns: a :class:`usermsg.objects.message.MessageList`
        :raises usermsg.exception.InvalidInput: names the parameter
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        if not isinstance(filters or {}, collections.abc.Mapping):
            raise errors.InvalidInput('filters', 'must be a mapping.')
        columns, since, before = self._filters(filters or {})
        scope = _scope(context, all_projects)
        if scope is not None:
            if columns.setdefault('project_id', scope) != scope:
                raise errors.InvalidInput(
                    'project_id', 'of another project goes with '
                    'all_projects.')
        if marker is not None:
            marker = validation.uuid('marker', marker)
        if not isinstance(limit, int) or limit < 1:
            raise errors.InvalidInput('limit', 'must be a positive integer.')
        if not isinstance(offset, int) or offset < 0:
            raise errors.InvalidInput('offset', 'must not be negative.')
        if sort not in (NEWEST_FIRST, OLDEST_FIRST):
            raise errors.InvalidInput(
                'sort', f'must be {NEWEST_FIRST} or {OLDEST_FIRST}.')
        return self._objects.MessageList.get_page(
            self._db, columns, since=since, before=before, marker=marker,
            offset=min(offset, sys.maxsize), limit=min(limit, sys.maxsize),
            ascending=sort == OLDEST_FIRST)

    def _filters(self, filters):
        times = {name: validation.time(name, filters[name])
                 for name in ('created_since', 'created_before')
                 if name in filters}
        columns = schemas.filters().check({
            name: value for name, value in filters.items()
            if name not in times})
        for name in ('resource_type', 'message_level'):
            if name in columns:
                columns[name] = columns[name].upper()
        if 'event_id' in columns:
            columns['event_id'] = self._catalogue.event_id(
                columns['event_id'])
        return columns, times.get('created_since'), times.get('created_before')

    def delete(self, context, message_id, all_projects=False, prefix=None,
               project_id=None):
        """Delete one message for good. See :meth:`get`."""
        self._objects.Message.delete(
            self._db, _message_id(message_id),
            _scope(context, all_projects, project_id), prefix,
            self._tell_deleted)

    def cleanup_expired_messages(self, context=None):
        """Delete what has expired, and source keys no longer needed.

        In batches, each a transaction: it can be interrupted and repeated.
        Several at once do no harm.

        :param context: not used; other services' code passes one
        :returns: how many messages were deleted
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        now = clock.read(self._db)
        deleted = sum(removal.remove(
            self._db, removal.expired(now), recorder=self._tell_expired))
        for _batch in removal.remove(self._db, removal.expired_keys(now)):
            pass
        return deleted


def ttl_by_level(options):
    """level -> how long a message is kept, from ``[messages]``."""
    own = {'INFO': options.ttl_info, 'WARN': options.ttl_warn,
           'ERROR': options.ttl_error}
    return {level: datetime.timedelta(
        seconds=options.ttl if seconds is None else seconds)
        for level, seconds in own.items()}


def _labels(row):
    """Labels of metrics: (prefix, level)."""
    return row.prefix, row.message_level


def _scope(context, all_projects, project_id=None):
    """The project to keep to; None for every project.

    :param project_id: the only one to look at, if given
    """
    if all_projects and project_id is None:
        return None
    own = getattr(context, 'project_id', None)
    if not all_projects and project_id not in (None, own):
        return ''
    # A context without a project, or with an id that can't be stored, owns
    # nothing; no project has this id. (MariaDB would take 'x ' for 'x'.)
    return _storable('project_id', project_id or own,
                     validation.PROJECT_ID) or ''


def _message_id(value):
    try:
        return validation.uuid('message_id', value)
    except errors.InvalidInput:
        # There can't be a message with such an id.
        raise errors.MessageNotFound(
            str(value)[:validation.RESOURCE_UUID]) from None


def _from_context(context, name, max_length):
    """An id from a context, or None if it couldn't be stored."""
    return _storable(name, getattr(context, name, None), max_length)


def _storable(name, value, max_length):
    """An id, or None if it couldn't be stored.

    It isn't the caller's to correct, so it is no reason to raise.
    """
    try:
        return validation.optional_identifier(name, value, max_length)
    except errors.InvalidInput:
        return None


def _digest(*content):
    """Of what was said, not of who said it under which request."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
