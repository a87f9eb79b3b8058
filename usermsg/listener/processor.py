# SPDX-License-Identifier: Apache-2.0
"""Storage of the decisions about a batch of notifications.

Storing is safe to repeat: messages, observations and dead letters have keys,
so that a batch that is delivered again changes nothing.
"""

import dataclasses
import datetime
import re
import time

from oslo_log import log

from usermsg import exception
from usermsg.listener import dead_letters
from usermsg.listener import decisions
from usermsg.listener import envelope
from usermsg.listener import notification as notifications
from usermsg.listener import report
from usermsg.listener import source
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.objects import dead_letter
from usermsg.objects import forget_request

LOG = log.getLogger(__name__)

#: End of the types of events that are failures, of any priority.
_FAILURE = re.compile(r'[._](error|fail|failed|failure|fault|exception)\Z')

#: Priorities of failures.
_FAILURE_PRIORITIES = ('ERROR', 'CRITICAL')

#: Seconds between two log lines about dead letters.
_LOG_INTERVAL = 60


@dataclasses.dataclass(slots=True)
class Handled:
    """A message of the broker, and all that is to be stored for it.

    :param received: a :class:`usermsg.listener.source.Received`
    :param notification: None if it isn't one
    :param messages: (name of the rule, new message) pairs
    :param observations: :class:`usermsg.listener.decisions.Observation`
        objects
    :param forgets: :class:`usermsg.listener.decisions.Forget` objects
    :param dead_letter: a :class:`usermsg.db.models.DeadLetterRow`, or None
    """

    received: object
    notification: notifications.Notification | None = None
    messages: list = dataclasses.field(default_factory=list)
    observations: list = dataclasses.field(default_factory=list)
    forgets: list = dataclasses.field(default_factory=list)
    dead_letter: object = None


class Processor:
    """Handler of batches. Thread-safe.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param api: a :class:`usermsg.message.api.API`
    :param recorder: a
        :class:`usermsg.listener.failure_recorder.FailureRecorder`
    :param rules: its ``evaluate(notification, now)`` returns a list of
        :mod:`usermsg.listener.decisions`
    :param writer: a :class:`usermsg.objects.observation.Writer`
    :param unmatched_errors: a
        :class:`usermsg.listener.frequent_names.FrequentNames`, of the types
        of notifications about failures that no rule matched
    :param clock: function that returns the time in seconds
    """

    def __init__(self, runtime, api, recorder, rules, writer,
                 unmatched_errors, clock=time.monotonic):
        self._db = runtime.db
        self._metrics = runtime.metrics
        self._options = options = runtime.conf.listener
        self._max_age = datetime.timedelta(seconds=options.max_age)
        self._api = api
        self._recorder = recorder
        self._rules = rules
        self._writer = writer
        self._unmatched_errors = unmatched_errors
        self._clock = clock
        self._next_log_at = clock()

    def prepare(self, batch):
        """Parse notifications and apply the rules, without the database.

        :param batch: a list of :class:`usermsg.listener.source.Received`
        :returns: a list of :class:`Handled`, in the same order
        """
        now = self._api.now()
        return [self._handle(received, now) for received in batch]

    def _handle(self, received, now):
        self._metrics.listener_received.inc(1, (received.transport,))
        handled = Handled(received)
        reason = None
        try:
            handled.notification = envelope.parse(
                received.body, received.compression)
        except received_message.Malformed as error:
            reason = str(error)
        except Exception as error:
            reason = _describe('parsing', error)
        if reason:
            return self._give_up(handled, reason, now)
        return self._evaluate(
            handled, now,
            now - handled.notification.timestamp > self._max_age)

    def _evaluate(self, handled, now, is_too_old=False):
        """Apply the rules to a notification; return ``handled``.

        :param is_too_old: True for requests to forget and reports only:
            those that have waited for a listener must have their effect,
            however old they are
        """
        if report.is_report(handled.notification):
            return self._handle_report(handled, now)
        reason = None
        try:
            for decision in self._rules.evaluate(handled.notification, now):
                if is_too_old and not isinstance(decision, decisions.Forget):
                    self._ignore('too_old')
                    continue
                self._add(handled, decision, now)
        except Exception as error:
            reason = _describe('evaluation', error)
        return self._give_up(handled, reason, now) if reason else handled

    def _handle_report(self, handled, now):
        if not handled.received.trusted:
            self._ignore('untrusted')
            return handled
        reason = None
        try:
            handled.messages.append((report.RULE, report.build_message(
                self._api, handled.notification, now)))
        except exception.InvalidInput as error:
            # The text may repeat the value of the attribute.
            reason = f'The report is invalid: {error.field}.'
        return self._give_up(handled, reason, now) if reason else handled

    def retry(self, transport, trusted, notification):
        """Handle the notification of a dead letter again, however old.

        :param transport: name of the transport
        :param trusted: see ``[listener_transport_NAME] trusted``
        :returns: the reason if it fails again, otherwise None
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        handled = self._evaluate(
            Handled(source.Received(b'', None, transport, trusted),
                    notification), self._api.now())
        if handled.dead_letter is None:
            try:
                self._store([handled])
            except exception.DatabaseUnavailable:
                raise
            except Exception as error:
                return _describe('storing', error)
            return None
        return handled.dead_letter.reason

    def _add(self, handled, decision, now):
        match decision:
            case decisions.Ignored():
                self._ignore(decision.reason)
                if (decision.reason == 'unmatched' and
                        _is_failure(handled.notification)):
                    self._unmatched_errors.add(
                        handled.notification.event_type)
                return
            case decisions.Failure():
                new_message = self._recorder.build(decision, now)
                if new_message:
                    handled.messages.append((decision.rule, new_message))
            case decisions.Observation():
                handled.observations.append(decision)
            case decisions.Forget():
                if not self._options.forget:
                    self._ignore('suppressed')
                    return
                if not handled.received.trusted:
                    self._ignore('untrusted')
                    return
                handled.forgets.append(decision)
            case _:
                raise TypeError(type(decision).__name__)
        self._metrics.listener_matched.inc(1, (decision.rule,))

    def _ignore(self, reason):
        self._metrics.listener_ignored.inc(1, (reason,))

    def _give_up(self, handled, reason, now):
        """Make a dead letter of a message, and of nothing else.

        Not called in an except clause: oslo.log would add the exception, whose
        text may contain values of the notification, to the line.

        :returns: ``handled``
        """
        handled.messages.clear()
        handled.observations.clear()
        handled.forgets.clear()
        try:
            handled.dead_letter = dead_letters.build(
                handled.received, handled.notification, reason, now,
                self._options.dead_letter_ttl)
        except Exception as error:
            # The payload is the sender's. Without it the reason is kept.
            handled.dead_letter = dead_letters.build(
                dataclasses.replace(handled.received, body=b''), None,
                f'{reason} {_describe("redaction", error)}', now,
                self._options.dead_letter_ttl)
        self._metrics.listener_dead_lettered.inc(
            1, (handled.received.transport,))
        if self._clock() >= self._next_log_at:
            self._next_log_at = self._clock() + _LOG_INTERVAL
            LOG.warning(
                'A message of the transport %s became a dead letter: %s '
                'Further ones are not logged for a minute; "usermsg-manage '
                'listener dead-letter list" lists them.',
                handled.received.transport, reason)
        return handled

    def store(self, batch):
        """Store a batch. It can be repeated after any error.

        :param batch: result of :meth:`prepare`
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable; a part may have been stored
        """
        try:
            self._store(batch)
            return
        except exception.DatabaseUnavailable:
            raise
        except Exception as error:
            log_text = exception.log_text(error)
            reason = _describe('storing', error)
        # Outside the except clause, see _give_up().
        if len(batch) > 1:
            # One of them is the cause; the others must be stored.
            for handled in batch:
                self.store([handled])
        elif batch[0].dead_letter is None:
            LOG.error('A notification of the transport %s could not be '
                      'stored: %s', batch[0].received.transport, log_text)
            self._give_up(batch[0], reason, self._api.now())
            self.store(batch)
        else:
            # Never stored, even as a dead letter: it would be delivered again
            # and again.
            self._metrics.listener_dead_letters_dropped.inc()
            LOG.error('A dead letter of the transport %s could not be '
                      'stored: %s', batch[0].received.transport, log_text)

    def _store(self, batch):
        observations = [observation for handled in batch
                        for observation in handled.observations]
        messages = [pair for handled in batch for pair in handled.messages]
        if observations and messages and self._writer.store_together(
                self._db, observations,
                lambda work: self._recorder.record(messages, work)):
            observations = messages = ()
        if observations:
            self._writer.store(self._db, observations)
        if messages:
            self._recorder.record(messages)
        for handled in batch:
            for forget in handled.forgets:
                forget_request.add(
                    self._db,
                    forget_request.USER if forget.project_id is None
                    else forget_request.PROJECT,
                    forget.project_id or forget.user_id)
        rows = [handled.dead_letter for handled in batch
                if handled.dead_letter is not None]
        if rows:
            dropped = dead_letter.store(
                self._db, rows, self._options.dead_letter_limit)
            self._metrics.listener_dead_letters_dropped.inc(dropped)


def _is_failure(notification):
    return (notification.priority in _FAILURE_PRIORITIES or
            _FAILURE.search(notification.event_type))


def _describe(step, error):
    # Without the text of the error, which may repeat the payload.
    return f'Its {step} failed: {type(error).__name__}.'
