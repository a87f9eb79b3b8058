# SPDX-License-Identifier: Apache-2.0
"""The consequences of failed deliveries.

A failure is judged by what else was delivered. While others are delivered, it
counts against the notification, which is tried again later and in the end
becomes a dead letter. While none is, the broker is unavailable, and no
notification is to suffer for that.

Nothing here asks the database, and nothing waits.
"""

import datetime
import time
import typing

from usermsg.db import clock
from usermsg.db import models
from usermsg.notifications import errors

#: How many must fail one after the other before nothing seems to work.
PROBES = 3

#: Seconds after which no more are tried once so many have failed.
PROBE_TIMEOUT = 20

#: Reasons of dead letters that no driver gives.
UNREADABLE = 'It cannot be read.'
TOO_OLD = 'It was older than [relay] max_age.'


class Retry(typing.NamedTuple):
    """An entry to be tried again.

    :param failures: how many to count: 1, or 0 while nothing is delivered
    """

    entry: models.OutboxRow
    delay: datetime.timedelta
    reason: str
    failures: int


class Decision(typing.NamedTuple):
    """The consequences of a batch.

    :param delivered: ids
    :param dead_letters: reason -> ids
    """

    delivered: list[str]
    retries: list[Retry]
    dead_letters: dict[str, list[str]]


class FailurePolicy(typing.NamedTuple):
    """The options of the same names in ``[relay]``, and their meaning."""

    max_attempts: int
    max_backoff: int
    max_age: int

    def is_too_old(self, entry, now):
        return clock.aware(entry.queued_at) + datetime.timedelta(
            seconds=self.max_age) < now

    def is_due(self, entry, now):
        """Return whether it is time to send an entry, or to give it up."""
        return (entry.due_at is None or clock.aware(entry.due_at) <= now or
                self.is_too_old(entry, now))

    def decide(self, results, works):
        """Return the :class:`Decision` on the entries of a batch.

        :param results: (entry, None if it was delivered, or a
            :class:`usermsg.notifications.errors.NotDelivered`) each
        :param works: whether anything was delivered lately
        """
        decision = Decision([], [], {})
        for entry, error in results:
            attempts, reason = entry.attempts + 1, str(error)
            if error is None:
                decision.delivered.append(entry.id)
                continue
            if is_failure(error):
                if not works or attempts < self.max_attempts:
                    decision.retries.append(Retry(
                        entry, self._delay(entry, works), reason, int(works)))
                    continue
                reason = f'It failed {attempts} times: {error}'
            decision.dead_letters.setdefault(reason, []).append(entry.id)
        return decision

    def _delay(self, entry, works):
        # If nothing works, others that come meanwhile are not to wait for
        # its sake.
        return datetime.timedelta(seconds=min(
            2 ** min(entry.attempts, 12), 10 * self.max_backoff)
            if works else self.max_backoff)

    def backoff(self, failures, chance):
        """Return for how many seconds to leave an unavailable broker alone.

        :param failures: how often in a row it was, 1 or more
        :param chance: from 0 to 1, so that not all workers come back at once
        """
        return (min(2 ** min(failures - 1, 12), self.max_backoff) *
                (0.5 + chance / 2))


def is_failure(error):
    """Return whether sending the same again may help."""
    return error is not None and not isinstance(error, errors.Rejected)


class Streak:
    """Failures one after the other, among notifications that are sent.

    :param clock: a function that returns seconds
    :ivar error: the last one
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
    def gives_up(self):
        """Whether nothing seems to work any more."""
        # Of a batch of which many were delivered, some more may fail, as
        # long as they fail quickly.
        return self.failures >= PROBES and (
            self.failures >= self._delivered // 4 or
            self._clock() - self._since > PROBE_TIMEOUT)
