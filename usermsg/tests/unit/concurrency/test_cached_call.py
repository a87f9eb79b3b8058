# SPDX-License-Identifier: Apache-2.0
"""Cached calls; ``test_health`` has further tests."""

import threading
import time

import testtools

from usermsg.concurrency import bounded_call
from usermsg.concurrency import cached_call

#: Seconds; far longer than any step of these tests unless there is a defect.
LONG = 60


class CachedCallTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.failures = []
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def cache(self, call, **options):
        return cached_call.CachedCall(call, self.fail_with, **{
            'ttl': LONG, 'timeout': LONG, 'name': 'a-test', **options})

    def fail_with(self, error, before):
        self.failures.append((type(error), before))
        return 'failed'

    def wait(self):
        self.release.wait(LONG)
        return 'late'

    def wait_for_value(self, cached, expected):
        end = time.monotonic() + LONG
        while cached.get() != expected and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(expected, cached.get())

    def test_late_result_is_used(self):
        cached = self.cache(self.wait, timeout=0.05)
        for _time in range(3):
            self.assertEqual('failed', cached.get())
        self.assertEqual([(bounded_call.CallTimeout, None)], self.failures)
        self.release.set()
        self.wait_for_value(cached, 'late')

    def test_late_failure_is_used(self):
        def fail():
            self.wait()
            raise KeyError('a')

        cached = self.cache(fail, timeout=0.05)
        self.assertEqual('failed', cached.get())
        self.release.set()
        self.wait_for_failures(2)
        self.assertEqual((KeyError, None), self.failures[1])

    def wait_for_failures(self, times):
        end = time.monotonic() + LONG
        while len(self.failures) < times and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(times, len(self.failures))

    def test_failed_receives_previous_value(self):
        values = iter(['first', 'second'])
        cached = self.cache(lambda: next(values), ttl=0)
        self.assertEqual(['first', 'second', 'failed'],
                         [cached.get() for _time in range(3)])
        self.assertEqual([(StopIteration, 'second')], self.failures)
