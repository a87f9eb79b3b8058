# SPDX-License-Identifier: Apache-2.0
"""What is asked for seldom. ``test_health`` has more of it."""

import threading
import time

import testtools

from usermsg.concurrency import bounded_call
from usermsg.concurrency import cached_call

#: Far longer than anything here takes; only what is broken takes so long.
LONG = 60


class RecentTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.failures = []
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)

    def recent(self, call, **options):
        return cached_call.CachedCall(call, self.fail_with, **{
            'ttl': LONG, 'timeout': LONG, 'name': 'a-test', **options})

    def fail_with(self, error, before):
        self.failures.append((type(error), before))
        return 'failed'

    def wait(self):
        self.go_on.wait(LONG)
        return 'late'

    def until(self, known, wanted):
        end = time.monotonic() + LONG
        while known.get() != wanted and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(wanted, known.get())

    def test_what_comes_late_counts(self):
        known = self.recent(self.wait, timeout=0.05)
        for _time in range(3):
            self.assertEqual('failed', known.get())
        self.assertEqual([(bounded_call.CallTimeout, None)], self.failures)
        self.go_on.set()
        self.until(known, 'late')

    def test_a_failure_that_comes_late_counts(self):
        def fail():
            self.wait()
            raise KeyError('a')

        known = self.recent(fail, timeout=0.05)
        self.assertEqual('failed', known.get())
        self.go_on.set()
        self.until_failed(2)
        self.assertEqual((KeyError, None), self.failures[1])

    def until_failed(self, times):
        end = time.monotonic() + LONG
        while len(self.failures) < times and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(times, len(self.failures))

    def test_who_fails_learns_what_was_known_before(self):
        answers = iter(['first', 'second'])
        known = self.recent(lambda: next(answers), ttl=0)
        self.assertEqual(['first', 'second', 'failed'],
                         [known.get() for _time in range(3)])
        self.assertEqual([(StopIteration, 'second')], self.failures)
