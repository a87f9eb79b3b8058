# SPDX-License-Identifier: Apache-2.0
import collections
import os
import threading

import fixtures
import hypothesis
from hypothesis import strategies

from usermsg.api import connection
from usermsg.db import models
from usermsg import exception
from usermsg import rate_limit
from usermsg.tests import base
from usermsg.tests.fixtures import samples

BURST = 1000

#: Seconds since the previous call, number of messages, project.
CALLS = strategies.lists(strategies.tuples(
    strategies.one_of(strategies.just(0), strategies.floats(0, 1000)),
    strategies.integers(1, BURST),
    strategies.sampled_from(('red', 'blue'))), max_size=40)


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 1e6

    def clock(self):
        return self.now

    def limit(self, rate=10, burst=BURST, rates='', caller_rate=0,
              caller_burst=BURST):
        self.service = self.runtime(tables=False, messages={
            'record_rate': rate, 'record_burst': burst,
            'record_rates': rates, 'record_rate_per_caller': caller_rate,
            'record_burst_per_caller': caller_burst})
        return rate_limit.RateLimit(
            self.service.conf.messages, self.service.metrics, self.clock)

    def wait(self, limit, number=1, project_id='red', caller='cinder'):
        """Store messages; return the Retry-After of a refused call, or 0."""
        try:
            with limit.hold(caller, [project_id] * number) as stored:
                stored += [project_id] * number
        except exception.RateLimited as error:
            return error.retry_after
        return 0


class RateLimitTest(TestCase):

    def test_single_messages_use_the_tokens_of_the_project(self):
        limit = self.limit()
        for _ in range(BURST):
            limit.take('cinder', 'red')
        self.assertRaises(exception.RateLimited, limit.take, 'cinder', 'red')
        self.assertEqual(1, self.wait(limit))
        limit.take('cinder', 'blue')
        self.now += 0.1
        limit.take('cinder', 'red')
        self.assertRaises(exception.RateLimited, limit.take, 'cinder', 'red')

    def test_call_within_the_burst_is_accepted(self):
        limit = self.limit()
        self.assertEqual([0, 0, 0], [
            self.wait(limit, number) for number in (1, 998, 1)])
        self.assertEqual(0, samples.counted(self.service, 'rate_limited'))

    def test_call_over_the_burst_is_refused_and_counted(self):
        limit = self.limit()
        self.wait(limit, BURST)
        self.assertEqual([1, 1, 2, 100], [
            self.wait(limit, number) for number in (1, 10, 11, BURST)])
        self.assertEqual(1022, self.service.metrics.registry.get_sample_value(
            'usermsg_messages_rate_limited_total',
            {'interface': 'http', 'limit': 'project'}))

    def test_refused_call_takes_no_tokens(self):
        limit = self.limit()
        self.wait(limit, BURST - 1)
        self.assertEqual(100, self.wait(limit, BURST))
        self.assertEqual(0, self.wait(limit, 1))

    def test_same_call_is_accepted_after_the_wait(self):
        for rate in (0.001, 0.3, 7, 50, 1e6):
            limit = self.limit(rate)
            self.wait(limit, BURST)
            for number in (1, 7, BURST):
                self.now += self.wait(limit, number)
                self.assertEqual(0, self.wait(limit, number), rate)

    def test_bucket_holds_no_more_than_the_burst(self):
        limit = self.limit()
        self.wait(limit, BURST)
        self.now += 1e9
        self.assertEqual(0, self.wait(limit, BURST))
        self.assertEqual(1, self.wait(limit))

    def test_projects_and_callers_have_separate_buckets(self):
        limit = self.limit()
        self.wait(limit, BURST)
        self.assertEqual(0, self.wait(limit, BURST, 'blue'))
        self.assertEqual(0, self.wait(limit, BURST, caller='nova'))
        self.assertEqual(0, self.wait(limit, BURST, caller=None))

    def test_one_refused_project_refuses_the_call(self):
        limit = self.limit()
        self.wait(limit, BURST)
        error = self.assertRaises(
            exception.RateLimited, limit.hold('cinder', [
                'blue', 'red', 'blue']).__enter__)
        self.assertEqual(1, error.retry_after)
        self.assertEqual(0, self.wait(limit, BURST, 'blue'))

    def test_rate_of_single_project_replaces_the_general_one(self):
        limit = self.limit(rates='red:100, blue:0')
        for project_id, expected in (('red', 1), ('blue', 0), ('green', 10)):
            self.wait(limit, BURST, project_id)
            self.assertEqual(expected, self.wait(limit, 100, project_id))

    def test_rate_of_zero_is_no_limit(self):
        limit = self.limit(rate=0, rates='red:10')
        self.assertEqual(0, self.wait(limit, 10 * BURST, 'blue'))
        self.wait(limit, BURST, 'red')
        self.assertEqual(1, self.wait(limit, 1, 'red'))

    def test_check_takes_no_tokens(self):
        limit = self.limit()
        limit.check('cinder', ['red'] * BURST)
        self.wait(limit, BURST)
        error = self.assertRaises(
            exception.RateLimited, limit.check, 'cinder', ['red'] * 11)
        self.assertEqual(2, error.retry_after)
        self.assertEqual(11, samples.counted(self.service, 'rate_limited'))

    def test_tokens_of_messages_not_stored_are_given_back(self):
        limit = self.limit(caller_rate=100)
        for _ in range(3):
            with limit.hold('cinder', ['red'] * BURST):
                pass
            self.assertRaises(ZeroDivisionError, self.fail_in, limit)
        with limit.hold('cinder', ['red'] * 600 + ['blue'] * 400) as stored:
            stored += ['red'] * 500
        self.assertEqual(0, self.wait(limit, BURST - 500))
        self.assertEqual(1, self.wait(limit))
        self.assertEqual(1, self.wait(limit, project_id='blue'))
        self.assertEqual({}, limit._process.get().pairs.held)
        self.assertEqual({}, limit._process.get().callers.held)

    def fail_in(self, limit):
        with limit.hold('cinder', ['red'] * BURST):
            1 / 0

    def test_call_in_progress_holds_its_tokens(self):
        limit = self.limit()
        with limit.hold('cinder', ['red'] * 900):
            self.assertEqual(0, self.wait(limit, 100))
            self.assertEqual(1, self.wait(limit, 1))
            # Held tokens aren't refilled.
            self.now += 1000
            self.assertEqual(0, self.wait(limit, 100))
            self.assertEqual(1, self.wait(limit, 1))
        self.assertEqual(0, self.wait(limit, 900))

    def test_caller_is_limited_over_all_projects(self):
        limit = self.limit(caller_rate=20, caller_burst=3 * BURST)
        for project_id in ('red', 'blue', 'green'):
            self.assertEqual(0, self.wait(limit, BURST, project_id))
        error = self.assertRaises(
            exception.RateLimited, limit.check, 'cinder', ['white'] * 30)
        self.assertEqual(('caller', 2), (error.limit, error.retry_after))
        self.assertIn('all projects together', str(error))
        self.assertEqual(0, self.wait(limit, BURST, caller='nova'))
        self.now += 2
        self.assertEqual(0, self.wait(limit, 30, 'white'))
        self.assertEqual(30, self.service.metrics.registry.get_sample_value(
            'usermsg_messages_rate_limited_total',
            {'interface': 'http', 'limit': 'caller'}))

    def test_one_project_leaves_the_rate_of_others(self):
        limit = self.limit(rate=50, caller_rate=1000, caller_burst=20 * BURST)
        for _second in range(100):
            while not self.wait(limit, 10):
                pass
            self.assertEqual(0, self.wait(limit, 900, f'p{_second}'))
            self.now += 1

    def test_project_without_limit_counts_for_the_caller(self):
        limit = self.limit(rates='red:0', caller_rate=20)
        self.assertEqual(0, self.wait(limit, BURST))
        self.assertEqual(1, self.wait(limit))
        self.assertEqual(1, self.wait(limit, project_id='blue'))

    def test_check_without_projects_needs_one_token_of_the_caller(self):
        limit = self.limit(rate=0, caller_rate=0.5)
        self.wait(limit, BURST - 1)
        limit.check('cinder', [])
        self.wait(limit)
        error = self.assertRaises(
            exception.RateLimited, limit.check, 'cinder', [])
        self.assertEqual(2, error.retry_after)
        limit.check('nova', [])

    def test_refused_requests_use_up_the_tokens_of_the_caller(self):
        limit = self.limit(caller_rate=10)
        size = rate_limit.REFUSED_BYTES
        limit.charge('cinder', 1)
        limit.charge('cinder', 998 * size)
        limit.check('cinder', [])
        limit.charge('cinder', size + 1)
        error = self.assertRaises(
            exception.RateLimited, limit.check, 'cinder', [])
        self.assertEqual(1, error.retry_after)
        limit.check('nova', [])

    def refuse(self, limit, size):
        """Send a batch for a project without tokens, as over HTTP.

        :param size: of the body, in bytes
        :returns: True if the body is read
        """
        try:
            limit.check('cinder', [])
        except exception.RateLimited:
            return False
        if self.wait(limit, BURST):
            limit.charge('cinder', size)
        return True

    def default_limit(self):
        return self.limit(rate=50, burst=5000, caller_rate=1000,
                          caller_burst=20_000)

    def test_held_refusals_leave_the_tokens_of_other_projects(self):
        # Each connection sends its next request when the response to the
        # previous one arrives, a second after that request.
        for size in (300_000, 1024 * 1024):
            limit = self.default_limit()
            for _second in range(60):
                for _connection in range(connection.MAX_HELD):
                    self.assertTrue(self.refuse(limit, size))
                for project_id in ('blue', 'green'):
                    self.assertEqual(0, self.wait(limit, 50, project_id))
                self.now += connection.REFUSAL_DELAY

    def test_flood_of_large_bodies_is_soon_refused_unread(self):
        limit = self.default_limit()
        read = 0
        while self.refuse(limit, 1_000_000):
            read += 1
        # Each body costs about 2 ms.
        self.assertLess(read, 1500)
        self.assertEqual(0, self.wait(limit, caller='nova'))

    def test_charge_without_caller_limit_does_nothing(self):
        limit = self.limit()
        limit.charge('cinder', 10 ** 9)
        self.assertEqual(0, self.wait(limit, BURST))

    def test_number_of_buckets_is_bounded(self):
        limit = self.limit(caller_rate=1)
        for number in range(rate_limit.MAX_BUCKETS + 10):
            self.wait(limit, 1, f'project {number}', f'caller {number}')
            state = limit._process.get()
            for buckets in (state.pairs, state.callers):
                self.assertLessEqual(len(buckets.full_at),
                                     rate_limit.MAX_BUCKETS)

    def test_emptiest_buckets_are_remembered(self):
        limit = self.limit()
        self.wait(limit, BURST, 'old')
        for number in range(3 * rate_limit.MAX_BUCKETS):
            self.wait(limit, 2, f'project {number}', caller='nova')
        self.assertEqual(1, self.wait(limit, 1, 'old'))

    def test_concurrent_calls_take_no_more_than_the_burst(self):
        limit = self.limit()
        accepted = collections.Counter()
        barrier = threading.Barrier(8)

        def work(name):
            barrier.wait(60)
            for _ in range(BURST):
                accepted[name] += not self.wait(limit)

        threads = [threading.Thread(target=work, args=(name,))
                   for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(BURST, sum(accepted.values()))
        self.assertEqual(7 * BURST,
                         samples.counted(self.service, 'rate_limited'))

    def test_forked_process_has_buckets_of_its_own(self):
        limit = self.limit()
        self.wait(limit, BURST)
        with limit._process.get().lock:  # as of a thread of the parent
            child = os.fork()
            if child == 0:
                os._exit(self.wait(limit, BURST))
        _pid, status = os.waitpid(child, 0)
        self.assertEqual(0, status)
        self.assertEqual(1, self.wait(limit))

    @hypothesis.settings(deadline=None, database=None, derandomize=True)
    @hypothesis.given(calls=CALLS, rate=strategies.floats(0.001, 1e6))
    def test_no_period_has_more_than_burst_and_rate(self, calls, rate):
        limit = self.limit(repr(rate))
        accepted = collections.defaultdict(list)
        for seconds, number, project_id in calls:
            self.now += seconds
            if not self.wait(limit, number, project_id):
                accepted[project_id].append((self.now, number))
        for messages in accepted.values():
            for first, (start, _number) in enumerate(messages):
                total = 0
                for end, number in messages[first:]:
                    total += number
                    # Rounding errors of the times are multiplied by the rate.
                    self.assertLessEqual(
                        total, (BURST + (end - start) * rate) * (1 + 1e-6)
                        + 1e-8 * rate + 0.01)


class RefusalLogTest(TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.refusals = rate_limit.RefusalLog(self.clock)
        self.row = models.MessageRow(**samples.row())

    def test_one_warning_a_minute_has_the_number_refused(self):
        for seconds in (0, 1, 58.9, 0.2, 59, 1, 600):
            self.now += seconds
            self.refusals.add(self.row, 'project')
        lines = self.log.output.splitlines()
        self.assertEqual(['1.', '3.', '2.', '1.'],
                         [line.rpartition(' ')[2] for line in lines])
        self.assertIn(f' of project {samples.PROJECT} was not recorded',
                      lines[0])
        self.assertIn('than [messages] record_rate permits', lines[0])

    def test_warning_names_the_option_of_the_caller(self):
        self.refusals.add(self.row, 'caller')
        self.assertIn('than [messages] record_rate_per_caller permits',
                      self.log.output)
