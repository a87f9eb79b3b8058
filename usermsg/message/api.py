# SPDX-License-Identifier: Apache-2.0
"""Recording, reading and deleting of messages.

For a service that reports to its users how an operation ended::

    from usermsg.message import api as message_api

    self.message_api = message_api.API()

The constructor reads usermsg's configuration files and raises if they can't
be used. After that, :meth:`API.create` raises only for invalid parameters:
after any other failure, the service continues.
"""

import collections
import collections.abc
import dataclasses
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
from usermsg.notifications import errors as notification_errors
from usermsg.objects import ids
from usermsg.objects import removal
from usermsg.objects import stamp
from usermsg.outbox import event_types
from usermsg import service
from usermsg import validation

LOG = log.getLogger(__name__)

#: Transports of recorded messages.
DATABASE, BUS = 'database', 'bus'

NEWEST_FIRST = 'created_at:desc'
OLDEST_FIRST = 'created_at:asc'

_MICROSECOND = datetime.timedelta(microseconds=1)

#: Maximum number of messages that a list skips.
MAX_OFFSET = 100_000

#: Number of messages above which a list is expensive if it skips them, sorts
#: them, or compares each of them to a filter.
MAX_CHEAP = 1000

#: Number of messages that a sort by anything but time considers at most.
MAX_SORTED = 10_000


def utc_now():
    """Return the current time by the clock of this host, with its zone."""
    return datetime.datetime.now(datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Listing:
    """Validated list of messages that isn't read yet.

    :param find_cause: function that returns the reason why the list is
        expensive, because it looks at more than :data:`MAX_CHEAP` messages:
        ``filter``, ``sort`` or ``offset``; None if it isn't. It may read from
        the database, and raises the same exceptions as ``read``
    :param read: function that returns a
        :class:`usermsg.objects.message.MessageList`, or raises
        :class:`usermsg.exception.DatabaseUnavailable`
    :param read_ids: function that returns the ids of these messages, in any
        order, and the read mark, in less time than ``read``; None if there is
        no function
    """

    find_cause: collections.abc.Callable
    read: collections.abc.Callable
    read_ids: collections.abc.Callable | None = None


class API:
    """Message API for services. Thread-safe and fork-safe.

    :param runtime: a :class:`usermsg.service.Runtime`; if None, a runtime is
        built from usermsg's configuration files alone: the command line,
        configuration and logging of the calling service stay unchanged, and
        no connection to the database is opened before it is needed
    :param transport: :data:`DATABASE`, or :data:`BUS` for a process without
        an account in the database: the listener records its messages, and
        only :meth:`create` works
    :param now: function that returns the current time, an aware datetime
    :ivar ttl: level -> time for which new messages are kept, a timedelta
    :ivar follow_delay: age up to which lists for programs that follow new
        messages hold them back: ``[api] follow_delay``, a timedelta
    :raises usermsg.exception.ConfigurationError: without ``runtime``, if the
        configuration can't be used; with :data:`BUS`, if transport_url can't
    :raises usermsg.exception.InvalidInput: the transport doesn't exist
    """

    def __init__(self, runtime=None, *, transport=DATABASE, now=utc_now):
        if transport not in (DATABASE, BUS):
            raise errors.InvalidInput(
                'transport', f'must be "{DATABASE}" or "{BUS}".')
        # Not imported with this module: versioned objects import
        # oslo.messaging, which selects the backend of oslo.service for the
        # whole process unless it is already selected.
        from usermsg.objects import message
        from usermsg.objects import message_summary
        self._objects = message
        self._count_by_level = message_summary.count
        runtime = runtime or service.prepare_library(transport == DATABASE)
        self._database = runtime.db
        self._bus = None
        if transport == BUS:
            # Imported here, because it imports large libraries.
            from usermsg.message import bus
            self._bus = bus.Bus(runtime.conf)
        self._catalogue = runtime.catalogue
        self._metrics = runtime.metrics
        outbox = runtime.outbox
        self._created_recorder = outbox.recorder(event_types.MESSAGE_CREATE)
        self._deleted_recorder = outbox.recorder(event_types.MESSAGE_DELETE)
        self._expired_recorder = outbox.recorder(event_types.MESSAGE_EXPIRE)
        self.ttl = ttl_by_level(runtime.conf.messages)
        self.now = now
        self.follow_delay = datetime.timedelta(
            seconds=runtime.conf.api.follow_delay)
        self._stamper = stamp.Stamper(now, self.follow_delay / 2)
        self._rate_limit = runtime.rate_limit
        self._deadline = bounded_call.Deadline(
            runtime.conf.messages.record_timeout)

    @property
    def _db(self):
        if self._bus is not None:
            raise errors.ConfigurationError(
                'API(transport="bus") can only record messages, because it '
                'has no database.')
        return self._database

    def create(self, context, event_id=None, project_id=None,
               resource_type=None, resource_uuid=None, level='ERROR', *,
               action=None, detail=None, exception=None, source_id=None):
        """Record a message about the result of an operation.

        The text comes from the catalogue; of the parameters, a user sees
        only the type and id of the resource and the request id.

        :param context: context of the request that started the operation; its
            ``request_id`` and ``user_id`` are stored
        :param event_id: id of a whole message, such as
            ``defined_messages.EventIds.UNABLE_TO_ALLOCATE``; exactly one of
            this and ``action`` is required
        :param project_id: project that can read the message; defaults to
            that of the context
        :param resource_type: one of :mod:`usermsg.message.resource_types`;
            required with ``action``
        :param resource_uuid: id of the resource of the operation
        :param level: ``INFO``, ``WARN`` or ``ERROR``
        :param action: the operation, such as
            ``catalogues.volume.Actions.ATTACH_VOLUME``, or its id
        :param detail: the cause of the failure, likewise from ``Details``
        :param exception: the exception that was raised; if the catalogue
            maps its class to a detail, that detail is used; the text of the
            exception is never read
        :param source_id: idempotency key of the caller: recording again
            with the same key returns the first message
        :returns: the stored :class:`usermsg.objects.message.Message`, or
            None if it couldn't be stored within ``[messages]
            record_timeout`` seconds, or exceeds ``[messages] record_rate``
            or ``record_rate_per_caller``, which is logged and counted; with
            :data:`BUS` always None, also if it was sent
        :raises usermsg.exception.InvalidInput: a parameter is invalid, so
            that the same call would always fail; names the parameter
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
        row = new_message.row
        try:
            with self._rate_limit.hold(None, [row.project_id]) as stored:
                if self._bus is not None:
                    stored.append(row.project_id)
                    self._deadline.run(lambda: self._bus.send(new_message))
                    return None
                [result] = self._record_in_time(new_message, stored)
            if result.error is not None:
                raise result.error
        except errors.RateLimited as error:
            self._rate_limit.refusals.add(row, error.limit)
            return None
        except Exception as error:
            self._metrics.not_recorded.inc(1, _labels(row))
            LOG.error('[%s] The message %s for %s %s could not be recorded: '
                      '%s', row.request_id, row.event_id,
                      row.resource_type, row.resource_uuid,
                      errors.log_text(error, (
                          bounded_call.CallTimeout,
                          notification_errors.NotDelivered)))
            return None
        self._count([result])
        return result.message

    def _record_in_time(self, new_message, stored):
        """Return the results of :meth:`record` for one message.

        :param stored: see :meth:`usermsg.rate_limit.RateLimit.hold`
        :raises usermsg.concurrency.bounded_call.CallTimeout: the message may
            be stored later
        """
        try:
            results = self._deadline.run(
                lambda: self._objects.MessageList.record(
                    self._db, [new_message], self._created_recorder,
                    self._stamper))
        except bounded_call.CallTimeout:
            # It may be stored later.
            stored.append(new_message.row.project_id)
            raise
        stored += [result.row.project_id for result in results if result.new]
        return results

    def new_message(self, values, *, exception=None, created_at=None,
                    place='', reserved_source_id=None):
        """Validate a new message for :meth:`record`, without the database.

        :param values: attributes of a new message, as in
            :data:`usermsg.message.schemas.NEW_MESSAGE`; ``action`` and
            ``detail`` may also be entries of a catalogue
        :param exception: see :meth:`create`
        :param created_at: an aware datetime; defaults to the current time.
            :meth:`record` replaces a time that is in the future, or older
            than half of ``[api] follow_delay``
        :param place: path of the message in the request, for errors
        :param reserved_source_id: idempotency key with a prefix that only
            usermsg itself uses, instead of a ``source_id``
        :returns: a :class:`usermsg.objects.message.NewMessage`
        :raises usermsg.exception.InvalidInput: names the attribute
        """
        schemas.new_message().check({
            # Entries of a catalogue are checked by resolve() below.
            name: value for name, value in values.items()
            if not isinstance(value, entries.Constant)}, place)
        get = values.get
        try:
            event = self._catalogue.resolve(
                event_id=get('event_id'), action=get('action'),
                detail=get('detail'), exception=exception,
                resource_type=get('resource_type'))
        except errors.InvalidInput as error:
            raise error.at(place) from None
        if created_at is None:
            created_at = self.now()
        naive_created_at = clock.naive(created_at)
        level = get('message_level', 'ERROR').upper()
        row = models.MessageRow(
            id=ids.mint(created_at),
            prefix=event.prefix,
            project_id=values['project_id'],
            user_id=get('user_id'),
            request_id=get('request_id'),
            resource_type=event.resource_type,
            resource_uuid=get('resource_uuid'),
            event_id=event.event_id,
            action_id=event.action_id,
            detail_id=event.detail_id,
            message_level=level,
            created_at=naive_created_at,
            expires_at=naive_created_at + self.ttl[level])
        source_id = get('source_id') or validation.optional_identifier(
            'source_id', reserved_source_id, validation.SOURCE_ID)
        if source_id is None:
            return self._objects.NewMessage(row)
        return self._objects.NewMessage(row, source_id, _digest(
            row.event_id, row.resource_type, row.resource_uuid, level))

    def record(self, new_messages, work=None):
        """Store messages in one transaction.

        :param new_messages: results of :meth:`new_message`
        :param work: see :meth:`usermsg.objects.message.MessageList.record`
        :returns: a list of :class:`usermsg.objects.message.Recorded`, in the
            order of ``new_messages``. The result of a message has an error
            if its ``source_id`` was used before for different content, or
            for a message that has been deleted since; the other messages
            are stored.
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable; nothing was stored
        """
        try:
            results = self._objects.MessageList.record(
                self._db, new_messages, self._created_recorder,
                self._stamper, work)
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
        """Return one message of the context's project.

        :param all_projects: True to find messages of any project
        :param prefix: namespace prefix of the message, if not None
        :param project_id: project of the message, if not None
        :returns: a :class:`usermsg.objects.message.Message`
        :raises usermsg.exception.MessageNotFound: there is no such message
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        return self._objects.Message.get(
            self._db, _message_id(message_id),
            _scope(context, all_projects, project_id), prefix)

    def get_all(self, context, filters=None, marker=None, limit=1000,
                sort=NEWEST_FIRST, all_projects=False, offset=0,
                min_age=None):
        """Return a page of the messages of the context's project.

        :param filters: a mapping with the keys ``id``, ``resource_type``,
            ``resource_uuid``, ``event_id``, ``action_id``, ``detail_id``,
            ``request_id``, ``message_level``, ``prefix``, ``created_since``,
            ``created_before`` (ISO 8601 or datetime, inclusive); with
            ``all_projects`` also ``project_id``. The value of
            ``resource_type``, ``resource_uuid``, ``event_id`` or
            ``message_level`` may be a list of up to 100 values. A UUID in
            ``resource_uuid`` is compared as given and in its canonical form
        :param marker: id of the last message of the previous page
        :param limit: maximum number of messages
        :param sort: ``created_at:desc`` or ``created_at:asc``
        :param all_projects: True for the messages of every project
        :param offset: number of messages to skip, after the marker if there
            is one; at most :data:`MAX_OFFSET`
        :param min_age: a timedelta; only older messages. With
            ``follow_delay`` and ``created_at:asc``, the last id of a page is
            a marker after which no message is missed
        :returns: a :class:`usermsg.objects.message.MessageList`
        :raises usermsg.exception.InvalidInput: names the parameter
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        return self.prepare_list(
            context, filters, marker, limit, sort, all_projects, offset,
            min_age).read()

    def prepare_list(self, context, filters=None, marker=None, limit=1000,
                     sort=NEWEST_FIRST, all_projects=False, offset=0,
                     min_age=None, reads_mark=False, columns=None):
        """Validate a list without reading it; see :meth:`get_all`.

        :param reads_mark: True to read the read mark of the context's user
            and project too; only without ``all_projects``
        :param columns: see
            :meth:`usermsg.objects.message.MessageList.get_page`
        :returns: a :class:`Listing`
        """
        required, since, before = self._check_filters(
            context, filters, all_projects)
        if marker is not None:
            marker = validation.uuid('marker', marker)
        _check_numbers(limit, offset)
        if sort not in (NEWEST_FIRST, OLDEST_FIRST):
            raise errors.InvalidInput(
                'sort', f'must be {NEWEST_FIRST} or {OLDEST_FIRST}.')
        if min_age is not None:
            newest = self.now() - min_age - _MICROSECOND
            before = newest if before is None else min(before, newest)
        position = {'since': since, 'before': before, 'marker': marker,
                    'ascending': sort == OLDEST_FIRST}
        page = {**position, 'offset': offset, 'limit': min(limit, sys.maxsize)}
        messages = self._objects.MessageList
        user_id = _from_context(
            context, 'user_id', validation.USER_ID) if reads_mark else None

        def find_cause():
            if offset > MAX_CHEAP:
                return 'offset'
            served, is_exact = self._objects.select_served(required)
            if not is_exact and messages.has_more_than(
                    self._db, served, MAX_CHEAP, **position):
                return 'filter'

        return Listing(
            find_cause,
            lambda: messages.get_page(
                self._db, required, user_id, columns=columns, **page),
            lambda: messages.get_ids(self._db, required, user_id, **page))

    def prepare_latest(self, context, filters, all_projects=False,
                       reads_mark=False):
        """Validate a list of the newest message of each resource.

        Resources without a message are left out.

        :param filters: a mapping with the key ``resource_uuid``, whose value
            may be a list of up to 100 values; further keys are
            ``created_since``, ``created_before`` and, with
            ``all_projects``, ``project_id``. An index serves no others
            together with a resource.
        :param reads_mark: see :meth:`prepare_list`
        :returns: a :class:`Listing`, the newest first
        :raises usermsg.exception.InvalidInput: names the parameter
        """
        columns, since, before = self._check_filters(
            context, filters, all_projects)
        resources = columns.pop('resource_uuid', None)
        if resources is None:
            raise errors.InvalidInput('resource_uuid', 'is required.')
        for name in sorted(columns.keys() - {'project_id'}):
            raise errors.InvalidInput(
                name, 'is not supported for the newest messages of '
                'resources.')
        if isinstance(resources, str):
            resources = (resources,)
        user_id = _from_context(
            context, 'user_id', validation.USER_ID) if reads_mark else None
        return Listing(
            lambda: None,
            lambda: self._objects.MessageList.get_latest(
                self._db, columns, resources, user_id, since=since,
                before=before))

    def count_by_level(self, context, filters=None, all_projects=False,
                       read_mark=None):
        """Count messages by level, without examining all of them.

        The parameters are those of :meth:`get_all`, and:

        :param read_mark: id; messages with higher ids are unread
        :returns: a dict: level ->
            :class:`usermsg.objects.message_summary.Count`
        :raises usermsg.exception.InvalidInput: names the parameter
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        columns, since, before = self._check_filters(
            context, filters, all_projects)
        return self._count_by_level(
            self._db, columns, read_mark, since=since, before=before)

    def prepare_sorted_list(self, context, filters, keys, *, marker=None,
                            limit=1000, all_projects=False, offset=0):
        """Validate a list of the newest messages, sorted by any columns.

        It considers the :data:`MAX_SORTED` newest messages; if ``created_at``
        is the first column, those that are next in its order. The parameters
        are those of :meth:`get_all`, except:

        :param keys: (column of a message, True if descending) pairs; the last
            column is the id
        :param marker: the last :class:`usermsg.objects.message.Message` of
            the previous page
        :returns: a :class:`Listing`
        """
        columns, since, before = self._check_filters(
            context, filters, all_projects)
        _check_numbers(limit, offset)
        name, descending = keys[0]
        oldest = name == 'created_at' and not descending
        if name == 'created_at' and marker is not None:
            created_at = marker.created_at
            if descending:
                before = min(before or created_at, created_at)
            else:
                since = max(since or created_at, created_at)

        def find_cause():
            served, _is_exact = self._objects.select_served(columns)
            if self._objects.MessageList.has_more_than(
                    self._db, served, MAX_CHEAP, since=since, before=before):
                return 'sort'

        return Listing(
            find_cause,
            lambda: self._objects.MessageList.get_sorted_page(
                self._db, columns, keys, number=MAX_SORTED, oldest=oldest,
                since=since, before=before, marker=marker, offset=offset,
                limit=limit))

    def _check_filters(self, context, filters, all_projects):
        """Return columns and their values, and the limits of the time."""
        filters = filters or {}
        if not isinstance(filters, collections.abc.Mapping):
            raise errors.InvalidInput('filters', 'must be a mapping.')
        times = {name: validation.time(name, filters[name])
                 for name in ('created_since', 'created_before')
                 if name in filters}
        lists = {name: value for name, value in filters.items()
                 if isinstance(value, (list, tuple))}
        columns = self._check_values({
            name: value for name, value in filters.items()
            if name not in times and name not in lists})
        for name, value in lists.items():
            columns[name] = self._check_list(name, value)
        if 'resource_uuid' in columns:
            columns['resource_uuid'] = _add_canonical_forms(
                columns['resource_uuid'])
        scope = _scope(context, all_projects)
        if scope is not None:
            if columns.setdefault('project_id', scope) != scope:
                raise errors.InvalidInput(
                    'project_id', 'another project requires '
                    'all_projects.')
        return columns, times.get('created_since'), times.get('created_before')

    def _check_values(self, filters):
        columns = schemas.filters().check(filters)
        for name in ('resource_type', 'message_level'):
            if name in columns:
                columns[name] = columns[name].upper()
        if 'event_id' in columns:
            columns['event_id'] = self._catalogue.expand_event_id(
                columns['event_id'])
        return columns

    def _check_list(self, name, values):
        """Return a tuple of different values, or a single value."""
        if name not in schemas.LISTS:
            raise errors.InvalidInput(name, 'must be a single value.')
        if not 1 <= len(values) <= schemas.MAX_LIST:
            raise errors.InvalidInput(
                name, f'must have 1 to {schemas.MAX_LIST} values.')
        return _unite({
            self._check_values({name: value})[name] for value in values})

    def delete(self, context, message_id, all_projects=False, prefix=None,
               project_id=None):
        """Delete one message permanently. See :meth:`get`."""
        self._objects.Message.delete(
            self._db, _message_id(message_id),
            _scope(context, all_projects, project_id), prefix,
            self._deleted_recorder)

    def cleanup_expired_messages(self, context=None):
        """Delete expired messages and expired source keys.

        In batches, each in its own transaction, so that the method can be
        interrupted, repeated and run concurrently.

        :param context: not used; code of other services passes one
        :returns: number of messages that were deleted
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        now = clock.read(self._db)
        deleted = sum(removal.remove(
            self._db, removal.expired(now), recorder=self._expired_recorder))
        for _batch in removal.remove(self._db, removal.expired_keys(now)):
            pass
        return deleted


def ttl_by_level(options):
    """Return the retention of messages by level, from ``[messages]``.

    :returns: a dict from level to timedelta
    """
    ttls = {'INFO': options.ttl_info, 'WARN': options.ttl_warn,
            'ERROR': options.ttl_error}
    return {level: datetime.timedelta(
        seconds=options.ttl if ttl is None else ttl)
        for level, ttl in ttls.items()}


def _unite(values):
    """Return a set of values of a filter as a tuple, or the only value."""
    return tuple(sorted(values)) if len(values) > 1 else values.pop()


def _add_canonical_forms(values):
    """Return values of a filter, and those that are UUIDs in another form.

    :param values: a value, or a tuple of them
    """
    values = {values} if isinstance(values, str) else set(values)
    return _unite(values | set(map(validation.canonical_uuid, values)))


def _check_numbers(limit, offset):
    if not isinstance(limit, int) or limit < 1:
        raise errors.InvalidInput('limit', 'must be a positive integer.')
    if not isinstance(offset, int) or offset < 0:
        raise errors.InvalidInput('offset', 'must not be negative.')
    check_offset(offset)


def check_offset(offset):
    """:raises usermsg.exception.InvalidInput: it is too large"""
    if offset > MAX_OFFSET:
        raise errors.InvalidInput(
            'offset', f'must not be larger than {MAX_OFFSET}; use marker.')


def _labels(row):
    """Return the labels of metrics: (prefix, level)."""
    return row.prefix, row.message_level


def _scope(context, all_projects, project_id=None):
    """Return the project whose messages are visible; None for all projects.

    :param project_id: restricts the result to one project, if not None
    """
    if all_projects and project_id is None:
        return None
    context_project = getattr(context, 'project_id', None)
    if not all_projects and project_id not in (None, context_project):
        return ''
    # No project has the id ''. It stands for a context without a project, or
    # with an id that can't be stored, which owns no messages. (MariaDB would
    # treat 'x ' as equal to 'x'.)
    return _storable_or_none('project_id', project_id or context_project,
                             validation.PROJECT_ID) or ''


def _message_id(value):
    try:
        return validation.uuid('message_id', value)
    except errors.InvalidInput:
        # No message can have an invalid id.
        raise errors.MessageNotFound(
            str(value)[:validation.RESOURCE_UUID]) from None


def _from_context(context, name, max_length):
    """Return an id from a context, or None if it can't be stored."""
    return _storable_or_none(name, getattr(context, name, None), max_length)


def _storable_or_none(name, value, max_length):
    """Return an id, or None if it can't be stored.

    Ids of a context are not under the control of the caller, so an invalid
    one is no reason to raise.
    """
    try:
        return validation.optional_identifier(name, value, max_length)
    except errors.InvalidInput:
        return None


def _digest(*content):
    """Return the digest of a message's content, without user and request."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
