# SPDX-License-Identifier: Apache-2.0
"""Recording of failures as messages, once each."""

import collections
import time

from usermsg import exception
from usermsg.listener import failure_key
from usermsg import rate_limit
from usermsg import validation

#: Texts that services send where they have no id.
_NO_ID = ('None', 'null')


class FailureRecorder:
    """Recorder of failures. Thread-safe.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param api: a :class:`usermsg.message.api.API`
    :param clock: function that returns the time in seconds
    """

    def __init__(self, runtime, api, clock=time.monotonic):
        self._api = api
        self._metrics = runtime.metrics
        # Separate from the limit of services that record: the listener
        # records for all projects, and no project may use up the rate of
        # another.
        self._rate_limit = rate_limit.RateLimit(
            runtime.conf.messages, runtime.metrics, clock,
            interface='listener')

    def build(self, failure, now):
        """Return a new message, or None if it can't be recorded.

        :param failure: a :class:`usermsg.listener.decisions.Failure`
        :param now: current time, an aware datetime; the message isn't later
        """
        try:
            new_message = self._build(failure, now)
        except exception.InvalidInput:
            self._metrics.listener_ignored.inc(1, ('unusable',))
            return None
        try:
            # Before the message is stored, and once for each delivery.
            self._rate_limit.take(None, failure.project_id)
        except exception.RateLimited:
            self._metrics.listener_ignored.inc(1, ('rate_limited',))
            return None
        return new_message

    def _build(self, failure, now):
        for field in ('project_id', 'resource_uuid'):
            if getattr(failure, field) in _NO_ID:
                raise exception.InvalidInput(field, 'is required.')
        return self._api.new_message({
            'project_id': failure.project_id,
            'event_id': failure.event.event_id,
            'resource_type': failure.resource_type,
            'resource_uuid': failure.resource_uuid,
            'message_level': failure.level,
            'user_id': _storable_or_none(
                failure.user_id, validation.USER_ID),
            'request_id': _storable_or_none(
                failure.request_id, validation.REQUEST_ID)},
            created_at=min(failure.occurred_at, now),
            reserved_source_id=failure_key.PREFIX + failure.key)

    def record(self, messages, work=None):
        """Store messages in one transaction, and count them by rule.

        :param messages: (name of the rule, new message) pairs
        :param work: see :meth:`usermsg.message.api.API.record`
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable; nothing was stored
        """
        results = self._api.record(
            [new_message for _rule, new_message in messages], work)
        # A conflict is the same failure with another cause or level, and a
        # message that was deleted isn't stored again: both were reported.
        numbers = collections.Counter(
            (result.new, rule) for (rule, _message), result
            in zip(messages, results))
        for (new, rule), number in numbers.items():
            (self._metrics.listener_written if new else
             self._metrics.listener_already_reported).inc(number, (rule,))


def _storable_or_none(value, max_length):
    try:
        return validation.optional_identifier('id', value, max_length)
    except exception.InvalidInput:
        return None
