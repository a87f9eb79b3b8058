# SPDX-License-Identifier: Apache-2.0
"""The consequences of failed deliveries.

A failure is judged by the other deliveries. While others succeed, it counts
against the notification, which is retried later and finally becomes a dead
letter. While none succeeds, the broker is unavailable, and no notification
must suffer for that.

This module neither queries the database nor waits.
"""

import datetime
import time
import typing

from usermsg.db import clock
from usermsg.db import models
from usermsg.notifications import errors

#: Consecutive failures after which the broker seems unavailable.
PROBES = 3

#: Seconds after which that many failures end the batch in any case.
PROBE_TIMEOUT = 20

#: Reasons of dead letters that don't come from a driver.
UNREADABLE = 'The content of the outbox entry is malformed.'
TOO_OLD = 'The entry is older than [relay] max_age.'


class Retry(typing.NamedTuple):
    """Another delivery attempt for an entry.

    :param failures: the number to count: 1, or 0 while nothing is delivered
    """

    entry: models.OutboxRow
    delay: datetime.timedelta
    reason: str
    failures: int


class Decision(typing.NamedTuple):
    """Consequences of a batch's results.

    :param delivered: ids
    :param dead_letters: reason -> ids
    """

    delivered: list[str]
    retries: list[Retry]
    dead_letters: dict[str, list[str]]


class FailurePolicy(typing.NamedTuple):
    """Decisions by the options of the same names in ``[relay]``."""

    max_attempts: int
    max_backoff: int
    max_age: int

    def is_too_old(self, entry, now):
        return clock.aware(entry.queued_at) + datetime.timedelta(
            seconds=self.max_age) < now

    def is_due(self, entry, now):
        """Return True if an entry can be sent now, or is too old to send."""
        return (entry.due_at is None or clock.aware(entry.due_at) <= now or
                self.is_too_old(entry, now))

    def decide(self, results, broker_works):
        """Return the :class:`Decision` on the entries of a batch.

        :param results: a list of (entry, None if it was delivered, or a
            :class:`usermsg.notifications.errors.NotDelivered`)
        :param broker_works: whether anything was delivered recently
        """
        decision = Decision([], [], {})
        for entry, error in results:
            attempts, reason = entry.attempts + 1, str(error)
            if error is None:
                decision.delivered.append(entry.id)
                continue
            if is_failure(error):
                if not broker_works or attempts < self.max_attempts:
                    decision.retries.append(Retry(
                        entry, self._delay(entry, broker_works), reason,
                        int(broker_works)))
                    continue
                reason = f'Delivery failed {attempts} times: {error}'
            decision.dead_letters.setdefault(reason, []).append(entry.id)
        return decision

    def _delay(self, entry, broker_works):
        # While nothing is delivered the entry is postponed for max_backoff, so
        # that entries which arrive meanwhile don't wait because of it.
        return datetime.timedelta(seconds=min(
            2 ** min(entry.attempts, 12), 10 * self.max_backoff)
            if broker_works else self.max_backoff)

    def backoff(self, failures, chance):
        """Return the seconds to wait before an unavailable broker is retried.

        :param failures: consecutive passes without a delivery, 1 or more
        :param chance: jitter from 0 to 1, so that the workers don't all retry
            at the same time
        """
        return (min(2 ** min(failures - 1, 12), self.max_backoff) *
                (0.5 + chance / 2))


def is_failure(error):
    """Return True if the delivery failed and another attempt may succeed."""
    return error is not None and not isinstance(error, errors.Rejected)


class Streak:
    """Consecutive failures among the notifications of a batch.

    :param clock: a function that returns seconds
    :ivar error: the last failure
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._since = self.failures = self._delivered = 0
        self.error = None

    def add(self, result):
        if result is None:
            self._delivered += 1
            self.failures = 0
        elif is_failure(result):
            if not self.failures:
                self._since = self._clock()
            self.failures += 1
            self.error = result

    @property
    def indicates_outage(self):
        """True if the broker seems unavailable."""
        # After many deliveries in a batch more failures are accepted, as long
        # as they are quick.
        return self.failures >= PROBES and (
            self.failures >= self._delivered // 4 or
            self._clock() - self._since > PROBE_TIMEOUT)
