# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import signal
import threading
import time

import testtools

from usermsg.api import errors
from usermsg.api import expensive_requests
from usermsg.metrics import registry
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import waiting

#: Seconds that no test reaches unless it fails.
_LONG = 120


class _Requests:
    """Expensive requests in threads, each until :meth:`finish`."""

    def __init__(self, **options):
        self.limiter = expensive_requests.Limiter(
            registry.Metrics(), **{
                'timeout': _LONG, 'cores': 4, **options})
        self._requests = []

    def start(self, project, state):
        """Start a request, and wait for the state of its project.

        :param state: (requests that are handled, that wait)
        """
        ends = threading.Event()
        results = []
        thread = threading.Thread(
            target=self._run, args=(project, ends, results))
        request = thread, ends, results
        self._requests.append(request)
        thread.start()
        waiting.until(lambda: self.state(project) == state)
        return request

    def _run(self, project, ends, results):
        try:
            with self.limiter.admit(project, 'filter'):
                results.append('admitted')
                ends.wait(_LONG)
        except errors.TooManyRequests:
            results.append('refused')

    def state(self, project):
        return self.limiter.in_progress().get(project, (0, 0))

    def finish(self, request):
        """End a request; return its result."""
        thread, ends, results = request
        ends.set()
        thread.join(_LONG)
        [result] = results
        return result

    def finish_all(self):
        for _thread, ends, _results in self._requests:
            ends.set()
        places = self.limiter._process.get()
        with places._changed:
            # No request waits for its share any longer.
            places.full_at.clear()
            places._changed.notify_all()
        for thread, _ends, _results in self._requests:
            thread.join(_LONG)


class TestLimiter(testtools.TestCase):

    def start(self, **options):
        requests = _Requests(**options)
        self.addCleanup(requests.finish_all)
        return requests

    def assert_refused(self, requests, project):
        with testtools.ExpectedException(errors.TooManyRequests):
            with requests.limiter.admit(project, 'filter'):
                self.fail('the request was admitted')

    def test_cheap_request_is_admitted_although_all_places_are_taken(self):
        requests = self.start(threads=8)
        for state in ((1, 0), (2, 0), (2, 1), (2, 2)):
            requests.start('red', state)
        for project in ('red', 'blue'):
            with requests.limiter.admit(project, None):
                pass

    def test_third_request_of_a_project_is_admitted_when_one_ends(self):
        requests = self.start(threads=8)
        first = requests.start('red', (1, 0))
        requests.start('red', (2, 0))
        third = requests.start('red', (2, 1))
        self.assertEqual([], third[2])
        self.assertEqual('admitted', requests.finish(first))
        waiting.until(lambda: third[2])
        self.assertEqual((2, 0), requests.state('red'))
        self.assertEqual('admitted', requests.finish(third))

    def test_waiting_requests_are_admitted_in_their_order(self):
        requests = self.start(threads=8)
        running = requests.start('red', (1, 0))
        requests.start('red', (2, 0))
        older = requests.start('red', (2, 1))
        newer = requests.start('red', (2, 2))
        requests.finish(running)
        waiting.until(lambda: older[2])
        self.assertEqual([], newer[2])

    def test_waiting_request_is_refused_after_the_timeout(self):
        requests = self.start(threads=8, timeout=0.01)
        requests.start('red', (1, 0))
        requests.start('red', (2, 0))
        self.assert_refused(requests, 'red')
        self.assertEqual((2, 0), requests.state('red'))

    def test_fifth_request_of_a_project_is_refused_without_waiting(self):
        requests = self.start(threads=256)
        for state in ((1, 0), (2, 0), (2, 1), (2, 2)):
            requests.start('red', state)
        self.assert_refused(requests, 'red')

    def test_other_project_replaces_newest_waiting_request(self):
        requests = self.start(threads=8)
        started = [requests.start('red', state)
                   for state in ((1, 0), (2, 0), (2, 1), (2, 2))]
        requests.start('blue', (1, 0))
        waiting.until(lambda: started[3][2])
        self.assertEqual(['refused'], started[3][2])
        self.assertEqual([], started[2][2])
        requests.start('blue', (2, 0))
        waiting.until(lambda: started[2][2])
        self.assertEqual(['refused'], started[2][2])
        self.assertEqual((2, 0), requests.state('red'))

    def test_request_is_refused_if_no_place_becomes_free(self):
        requests = self.start(threads=8)
        for project in ('red', 'blue'):
            requests.start(project, (1, 0))
            requests.start(project, (2, 0))
        for project in ('red', 'green'):
            self.assert_refused(requests, project)

    def test_project_is_handled_twice_in_a_process_of_four_threads(self):
        for threads in (4, 5, 7):
            requests = self.start(threads=threads)
            requests.start('red', (1, 0))
            requests.start('red', (2, 0))
            displaced = requests.start('red', (2, 1))
            self.assert_refused(requests, 'red')
            requests.start('blue', (1, 0))
            self.assertEqual('refused', requests.finish(displaced))
            self.assertEqual((2, 0), requests.state('red'))
            for project in ('red', 'blue', 'green'):
                self.assert_refused(requests, project)

    def test_project_is_handled_once_on_a_machine_of_two_cores(self):
        for cores in (1, 2):
            requests = self.start(threads=8, cores=cores)
            requests.start('red', (1, 0))
            requests.start('red', (1, 1))
            requests.start('blue', (1, 0))

    def test_last_thread_is_never_occupied(self):
        for threads, states in ((2, [(1, 0)]), (3, [(1, 0), (1, 1)])):
            requests = self.start(threads=threads)
            for state in states:
                requests.start('red', state)
            self.assert_refused(requests, 'red')

    def test_single_thread_handles_expensive_requests(self):
        with expensive_requests.Limiter(
                registry.Metrics(), threads=1).admit('red', 'filter'):
            pass

    def test_exception_in_a_waiting_request_leaves_its_place(self):
        requests = self.start(threads=8)
        requests.start('red', (1, 0))
        requests.start('red', (2, 0))

        def stop(*_args):
            raise SystemExit()

        self.addCleanup(signal.signal, signal.SIGALRM,
                        signal.signal(signal.SIGALRM, stop))
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with testtools.ExpectedException(SystemExit):
            with requests.limiter.admit('red', 'filter'):
                self.fail('the request was admitted')
        self.assertEqual((2, 0), requests.state('red'))
        requests.finish_all()
        self.assertEqual({}, requests.limiter.in_progress())

    def test_failed_request_leaves_its_place(self):
        limiter = expensive_requests.Limiter(registry.Metrics(), timeout=0)
        for _ in range(5):
            with contextlib.suppress(ZeroDivisionError):
                with limiter.admit('red', 'filter'):
                    raise ZeroDivisionError()
        self.assertEqual({}, limiter.in_progress())

    def test_requests_of_the_parent_take_no_place_after_a_fork(self):
        requests = self.start(timeout=0)
        requests.start('red', (1, 0))
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                with requests.limiter.admit('red', 'filter'):
                    if requests.limiter.in_progress() == {'red': (1, 0)}:
                        status = 0
            os._exit(status)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        self.assertEqual((1, 0), requests.state('red'))

    def test_many_threads_never_exceed_the_places(self):
        limiter = expensive_requests.Limiter(
            registry.Metrics(), threads=8, timeout=0.001)
        begin = threading.Barrier(16)
        exceeded = []

        def send(project):
            begin.wait(_LONG)
            for _ in range(200):
                with contextlib.suppress(errors.TooManyRequests):
                    with limiter.admit(project, 'filter'):
                        states = limiter.in_progress()
                        if (sum(map(sum, states.values())) > 4 or
                                states[project][0] > 2):
                            exceeded.append(states)

        threads = [threading.Thread(target=send, args=(f'project {n % 5}',))
                   for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_LONG)
        self.assertEqual([], exceeded)
        self.assertEqual({}, limiter.in_progress())


class TestShare(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.Manual(1000)
        self.limiter = self.make()

    def make(self, **options):
        return expensive_requests.Limiter(
            registry.Metrics(), clock=self.clock, timeout=0, **options)

    def request(self, seconds, project='red', cause='filter'):
        with self.limiter.admit(project, cause):
            self.clock.time += seconds

    def assert_refused(self, project='red'):
        with testtools.ExpectedException(errors.TooManyRequests):
            self.request(0, project)

    def use_burst(self, project='red'):
        # A little more, because the clock goes on meanwhile.
        self.request(expensive_requests.BURST * 1.2, project)

    def test_project_uses_its_burst_without_a_rest(self):
        for _ in range(5):
            self.request(expensive_requests.BURST / 5)
        self.request(0)

    def test_project_then_uses_its_share_of_the_time(self):
        self.use_burst()
        self.assert_refused()
        begin, used = self.clock.time, 0
        while self.clock.time < begin + 100:
            try:
                self.request(0.02)
                used += 0.02
            except errors.TooManyRequests:
                self.clock.time += 0.01
        self.assertAlmostEqual(
            expensive_requests.SHARE, used / (self.clock.time - begin), 2)

    def test_rest_is_at_most_a_second(self):
        self.request(30)
        self.assert_refused()
        self.clock.time += expensive_requests.MAX_REST + 0.001
        self.request(0)

    def test_burst_is_there_again_after_a_while(self):
        self.use_burst()
        self.clock.time += (expensive_requests.BURST /
                            expensive_requests.SHARE +
                            expensive_requests.MAX_REST)
        self.test_project_uses_its_burst_without_a_rest()

    def test_other_projects_and_cheap_requests_do_not_rest(self):
        self.request(30)
        self.request(0, 'blue')
        self.request(0, cause=None)

    def test_failed_request_counts(self):
        with testtools.ExpectedException(ZeroDivisionError):
            with self.limiter.admit('red', 'filter'):
                self.clock.time += 30
                raise ZeroDivisionError()
        self.assert_refused()
        self.assertEqual({}, self.limiter.in_progress())

    def test_concurrent_requests_count_together(self):
        self.limiter = self.make(threads=8, cores=4)
        with self.limiter.admit('red', 'filter'):
            self.request(expensive_requests.BURST * 0.6)
        self.assert_refused()

    def test_times_of_idle_projects_are_forgotten(self):
        for number in range(1000):
            self.request(0.01, f'project {number}')
            places = self.limiter._process.get()
            self.assertLessEqual(len(places.full_at), 20)


class TestRest(testtools.TestCase):
    """Waiting requests of projects that have used their share."""

    def start(self, **options):
        requests = _Requests(**options)
        self.addCleanup(requests.finish_all)
        return requests

    def rest(self, limiter, project):
        """Let a project rest for a second from now."""
        begin = time.monotonic()
        limiter._process.get().full_at[project] = (
            begin + expensive_requests.BURST / expensive_requests.SHARE +
            expensive_requests.MAX_REST)
        return begin + expensive_requests.MAX_REST

    def test_request_begins_after_the_rest(self):
        limiter = expensive_requests.Limiter(
            registry.Metrics(), timeout=_LONG)
        end = self.rest(limiter, 'red')
        with limiter.admit('red', 'filter'):
            self.assertGreaterEqual(time.monotonic(), end)

    def test_project_that_rests_gives_its_only_place_up(self):
        requests = self.start(threads=2)
        requests.limiter._process.get().full_at['red'] = (
            time.monotonic() + _LONG)
        resting = requests.start('red', (0, 1))
        requests.start('blue', (1, 0))
        self.assertEqual('refused', requests.finish(resting))
        self.assertEqual((0, 0), requests.state('red'))

    def test_project_that_rests_takes_no_place_of_another(self):
        requests = self.start(threads=2)
        for project in ('red', 'blue'):
            requests.limiter._process.get().full_at[project] = (
                time.monotonic() + _LONG)
        requests.start('red', (0, 1))
        with testtools.ExpectedException(errors.TooManyRequests):
            with requests.limiter.admit('blue', 'filter'):
                self.fail('the request was admitted')

    def test_request_that_can_not_wait_is_refused(self):
        requests = self.start(threads=1)
        with requests.limiter.admit('red', 'filter', False):
            with testtools.ExpectedException(errors.TooManyRequests):
                with requests.limiter.admit('red', 'filter', False):
                    self.fail('the request was admitted')
        self.rest(requests.limiter, 'red')
        with testtools.ExpectedException(errors.TooManyRequests):
            with requests.limiter.admit('red', 'filter', False):
                self.fail('the request was admitted')
        self.assertEqual({}, requests.limiter.in_progress())
