# SPDX-License-Identifier: Apache-2.0
import datetime

import hypothesis
from hypothesis import strategies as st

from usermsg.notifications import errors
from usermsg.outbox import failure_policy
from usermsg.tests import base
from usermsg.tests.fixtures import drivers

NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
SECOND = datetime.timedelta(seconds=1)
POLICY = failure_policy.FailurePolicy(
    max_attempts=3, max_backoff=30, max_age=3600)

DELIVERED, RETRY, DEAD_LETTER = 'delivered', 'retry', 'dead letter'
FAILED = errors.NotDelivered('full')
REJECTED = errors.Rejected('too large')

#: Failed attempts before, error, whether others were delivered -> the
#: consequence, its reason, its delay in seconds, the number of counted
#: failures
DECISIONS = [
    (0, None, True, (DELIVERED,)),
    (9, None, False, (DELIVERED,)),
    (0, REJECTED, True, (DEAD_LETTER, 'too large')),
    (0, REJECTED, False, (DEAD_LETTER, 'too large')),
    (0, FAILED, True, (RETRY, 'full', 1, 1)),
    (1, FAILED, True, (RETRY, 'full', 2, 1)),
    (2, FAILED, True, (DEAD_LETTER, 'Delivery failed 3 times: full')),
    (9, FAILED, True, (DEAD_LETTER, 'Delivery failed 10 times: full')),
    # While nothing is delivered no failure counts.
    (0, FAILED, False, (RETRY, 'full', 30, 0)),
    (2, FAILED, False, (RETRY, 'full', 30, 0)),
    (9, FAILED, False, (RETRY, 'full', 30, 0)),
]


def consequences(entry, decision):
    result = [(DELIVERED,) for ident in decision.delivered
              if ident == entry.id]
    result += [(RETRY, retry.reason, retry.delay.total_seconds(),
                retry.failures)
               for retry in decision.retries if retry.entry == entry]
    result += [(DEAD_LETTER, reason)
               for reason, idents in decision.dead_letters.items()
               for ident in idents if ident == entry.id]
    return result


class TestDecide(base.TestCase):

    def test_consequence_of_each_result(self):
        for attempts, error, broker_works, expected in DECISIONS:
            entry = drivers.entry(attempts=attempts)
            self.assertEqual(
                [expected],
                consequences(entry, POLICY.decide(
                    [(entry, error)], broker_works)),
                (attempts, error, broker_works))

    @hypothesis.given(st.lists(st.sampled_from(DECISIONS)), st.booleans())
    def test_batch_decision_equals_decisions_on_its_entries(
            self, cases, broker_works):
        results = [(drivers.entry(number, attempts=case[0]), case[1])
                   for number, case in enumerate(cases)]
        decision = POLICY.decide(results, broker_works)
        for result in results:
            actual = consequences(result[0], decision)
            self.assertEqual(consequences(
                result[0], POLICY.decide([result], broker_works)), actual)
            self.assertEqual(1, len(actual))

    @hypothesis.given(st.integers(0, 32767), st.integers(1, 3600))
    def test_retry_delay_grows_to_ten_times_max_backoff(
            self, attempts, max_backoff):
        policy = failure_policy.FailurePolicy(40000, max_backoff, 60)
        seconds = [consequences(entry, policy.decide([(entry, FAILED)], True))[
            0][2] for entry in (drivers.entry(attempts=attempts),
                                drivers.entry(attempts=attempts + 1))]
        self.assertEqual(seconds, sorted(seconds))
        self.assertTrue(1 <= seconds[0] and seconds[1] <= 10 * max_backoff)


class TestTimes(base.TestCase):

    def test_is_due_and_is_too_old_at_the_limits(self):
        hour = 3600 * SECOND
        for queued, due, is_due, is_too_old in (
                (0 * SECOND, None, True, False),
                (0 * SECOND, 0 * SECOND, True, False),
                (0 * SECOND, SECOND, False, False),
                (-hour, SECOND, False, False),
                (-hour - SECOND, None, True, True),
                # An entry that is too old need not be due.
                (-hour - SECOND, SECOND, True, True)):
            entry = drivers.entry(
                queued_at=(NOW + queued).replace(tzinfo=None),
                due_at=due if due is None else (NOW + due).replace(
                    tzinfo=None))
            self.assertEqual(
                (is_due, is_too_old),
                (POLICY.is_due(entry, NOW), POLICY.is_too_old(entry, NOW)),
                (queued, due))

    def test_backoff_grows_with_consecutive_failures(self):
        for failures, chance, seconds in (
                (1, 0, 0.5), (1, 1, 1), (2, 1, 2), (3, 0, 2), (5, 1, 16),
                (6, 1, 30), (10 ** 9, 1, 30), (10 ** 9, 0, 15)):
            self.assertEqual(seconds, POLICY.backoff(failures, chance))


class TestStreak(base.TestCase):

    def streak(self, results, seconds=0):
        """Streak of results: d delivered, f failed, r rejected; then a wait.

        :param seconds: of the wait
        """
        now = [0]
        streak = failure_policy.Streak(lambda: now[0])
        for result in results:
            streak.add({'d': None, 'f': FAILED, 'r': REJECTED}[result])
        now[0] = seconds
        return streak

    def test_consecutive_failures_indicate_outage(self):
        for results, seconds, indicates_outage in (
                ('', 0, False), ('ff', 99, False), ('fff', 0, True),
                ('ffdff', 0, False), ('ffdfff', 0, True),
                # A rejection proves that the broker is available.
                ('frfrf', 0, True), ('rrr', 99, False),
                # After many deliveries more quick failures are accepted.
                ('d' * 400 + 'f' * 99, 0, False),
                ('d' * 400 + 'f' * 100, 0, True),
                ('d' * 400 + 'f' * 99, 20, False),
                ('d' * 400 + 'f' * 99, 21, True),
                ('d' * 400 + 'ff', 21, False)):
            self.assertEqual(indicates_outage,
                             self.streak(results, seconds).indicates_outage,
                             (len(results), results[-6:], seconds))

    def test_error_is_the_last_failure(self):
        self.assertIs(FAILED, self.streak('fdr').error)
        self.assertIsNone(self.streak('dr').error)
