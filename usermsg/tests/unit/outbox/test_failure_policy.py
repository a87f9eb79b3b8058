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
REFUSED = errors.Rejected('too large')

#: Attempts before, error, whether others were delivered -> the consequence,
#: its reason, its delay in seconds and how many failures are counted
DECISIONS = [
    (0, None, True, (DELIVERED,)),
    (9, None, False, (DELIVERED,)),
    (0, REFUSED, True, (DEAD_LETTER, 'too large')),
    (0, REFUSED, False, (DEAD_LETTER, 'too large')),
    (0, FAILED, True, (RETRY, 'full', 1, 1)),
    (1, FAILED, True, (RETRY, 'full', 2, 1)),
    (2, FAILED, True, (DEAD_LETTER, 'It failed 3 times: full')),
    (9, FAILED, True, (DEAD_LETTER, 'It failed 10 times: full')),
    # While nothing is delivered no failure counts.
    (0, FAILED, False, (RETRY, 'full', 30, 0)),
    (2, FAILED, False, (RETRY, 'full', 30, 0)),
    (9, FAILED, False, (RETRY, 'full', 30, 0)),
]


def consequence(entry, decision):
    found = [(DELIVERED,) for ident in decision.delivered
             if ident == entry.id]
    found += [(RETRY, retry.reason, retry.delay.total_seconds(),
               retry.failures)
              for retry in decision.retries if retry.entry == entry]
    found += [(DEAD_LETTER, reason)
              for reason, idents in decision.dead_letters.items()
              for ident in idents if ident == entry.id]
    return found


class TestDecide(base.TestCase):

    def test_each_result_has_its_consequence(self):
        for attempts, error, works, expected in DECISIONS:
            entry = drivers.entry(attempts=attempts)
            self.assertEqual(
                [expected],
                consequence(entry, POLICY.decide([(entry, error)], works)),
                (attempts, error, works))

    @hypothesis.given(st.lists(st.sampled_from(DECISIONS)), st.booleans())
    def test_a_batch_is_decided_as_each_of_its_entries(self, cases, works):
        results = [(drivers.entry(number, attempts=case[0]), case[1])
                   for number, case in enumerate(cases)]
        decision = POLICY.decide(results, works)
        for result in results:
            found = consequence(result[0], decision)
            self.assertEqual(
                consequence(result[0], POLICY.decide([result], works)), found)
            self.assertEqual(1, len(found))

    @hypothesis.given(st.integers(0, 32767), st.integers(1, 3600))
    def test_delays_grow_up_to_ten_times_max_backoff(self, attempts, longest):
        policy = failure_policy.FailurePolicy(40000, longest, 60)
        seconds = [consequence(entry, policy.decide([(entry, FAILED)], True))[
            0][2] for entry in (drivers.entry(attempts=attempts),
                                drivers.entry(attempts=attempts + 1))]
        self.assertEqual(seconds, sorted(seconds))
        self.assertTrue(1 <= seconds[0] and seconds[1] <= 10 * longest)


class TestTimes(base.TestCase):

    def test_what_is_due_and_what_is_too_old(self):
        hour = 3600 * SECOND
        for queued, due, is_due, is_too_old in (
                (0 * SECOND, None, True, False),
                (0 * SECOND, 0 * SECOND, True, False),
                (0 * SECOND, SECOND, False, False),
                (-hour, SECOND, False, False),
                (-hour - SECOND, None, True, True),
                # To be given up, it need not be due.
                (-hour - SECOND, SECOND, True, True)):
            entry = drivers.entry(
                queued_at=(NOW + queued).replace(tzinfo=None),
                due_at=due if due is None else (NOW + due).replace(
                    tzinfo=None))
            self.assertEqual(
                (is_due, is_too_old),
                (POLICY.is_due(entry, NOW), POLICY.is_too_old(entry, NOW)),
                (queued, due))

    def test_an_unavailable_broker_is_left_alone_for_longer_each_time(self):
        for failures, chance, seconds in (
                (1, 0, 0.5), (1, 1, 1), (2, 1, 2), (3, 0, 2), (5, 1, 16),
                (6, 1, 30), (10 ** 9, 1, 30), (10 ** 9, 0, 15)):
            self.assertEqual(seconds, POLICY.backoff(failures, chance))


class TestStreak(base.TestCase):

    def streak(self, results, seconds=0):
        """After results: d delivered, f failed, r refused; then a wait."""
        now = [0]
        streak = failure_policy.Streak(lambda: now[0])
        for result in results:
            streak.add({'d': None, 'f': FAILED, 'r': REFUSED}[result])
        now[0] = seconds
        return streak

    def test_it_gives_up_after_failures_one_after_the_other(self):
        for results, seconds, gives_up in (
                ('', 0, False), ('ff', 99, False), ('fff', 0, True),
                ('ffdff', 0, False), ('ffdfff', 0, True),
                # What is refused says that the broker is there.
                ('frfrf', 0, True), ('rrr', 99, False),
                # Of many, some more may fail, as long as that is quick.
                ('d' * 400 + 'f' * 99, 0, False),
                ('d' * 400 + 'f' * 100, 0, True),
                ('d' * 400 + 'f' * 99, 20, False),
                ('d' * 400 + 'f' * 99, 21, True),
                ('d' * 400 + 'ff', 21, False)):
            self.assertEqual(gives_up,
                             self.streak(results, seconds).gives_up,
                             (len(results), results[-6:], seconds))

    def test_it_has_the_last_error(self):
        self.assertIs(FAILED, self.streak('fdr').error)
        self.assertIsNone(self.streak('dr').error)
