# SPDX-License-Identifier: Apache-2.0
import os
import threading
import time

from oslotest import base

from usermsg.concurrency import bounded_call

#: Seconds; far longer than any step of these tests unless there is a defect.
LONG = 60


class Failure(Exception):
    pass


def fail():
    raise Failure('the original message')


class DeadlineTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def hang(self):
        self.release.wait(LONG)
        return 'late'

    def test_run_returns_result_of_call(self):
        bounded = bounded_call.Deadline(LONG)
        self.assertEqual('done', bounded.run(lambda: 'done'))
        self.assertIsNone(bounded.run(lambda: None))

    def test_run_raises_exception_of_call(self):
        error = self.assertRaises(
            Failure, bounded_call.Deadline(LONG).run, fail)
        self.assertEqual('the original message', str(error))

    def test_hanging_call_times_out(self):
        error = self.assertRaises(bounded_call.CallTimeout,
                                  bounded_call.Deadline(0.05).run, self.hang)
        self.assertIn('0.05 seconds', str(error))

    def test_call_completes_after_timeout(self):
        ended = threading.Event()

        def call():
            self.hang()
            ended.set()

        self.assertRaises(
            bounded_call.CallTimeout, bounded_call.Deadline(0.05).run, call)
        self.release.set()
        self.assertTrue(ended.wait(LONG))

    def test_hanging_calls_use_a_bounded_number_of_threads(self):
        bounded = bounded_call.Deadline(0.05, max_calls=2)
        before = set(threading.enumerate())
        for _ in range(5):
            error = self.assertRaises(bounded_call.CallTimeout, bounded.run,
                                      self.hang)
        self.assertIn('no free thread', str(error))
        self.assertEqual(2, len(set(threading.enumerate()) - before))

    def test_thread_is_free_after_late_completion(self):
        bounded = bounded_call.Deadline(0.05, max_calls=1)
        self.assertRaises(bounded_call.CallTimeout, bounded.run, self.hang)
        self.assertRaises(bounded_call.CallTimeout, bounded.run,
                          lambda: 'never')
        self.release.set()
        self.eventually('done', bounded.run, lambda: 'done')

    def test_thread_is_free_after_failed_call(self):
        bounded = bounded_call.Deadline(LONG, max_calls=1)
        for _ in range(3):
            self.assertRaises(Failure, bounded.run, fail)
        self.assertEqual('done', bounded.run(lambda: 'done'))

    def test_deadline_includes_wait_for_thread(self):
        # A clock by which the wait for a thread took 1,000 seconds. If it
        # didn't count, the call would complete before the timeout.
        bounded = bounded_call.Deadline(
            2 * LONG, clock=iter([0, 1000]).__next__)
        self.assertRaises(bounded_call.CallTimeout, bounded.run, self.hang)

    def test_failure_to_start_thread_releases_its_slot(self):
        bounded = bounded_call.Deadline(LONG, max_calls=1)
        # No machine has enough memory for such a stack.
        before = threading.stack_size(1 << 62)
        try:
            for _ in range(2):
                self.assertRaises(RuntimeError, bounded.run, lambda: 'done')
        finally:
            threading.stack_size(before)
        self.assertEqual('done', bounded.run(lambda: 'done'))

    def test_child_has_free_threads_after_fork(self):
        bounded = bounded_call.Deadline(0.05, max_calls=1)
        self.assertRaises(bounded_call.CallTimeout, bounded.run, self.hang)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                bounded._seconds = LONG
                status = 0 if bounded.run(lambda: 'done') == 'done' else 2
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(child, 0)[1])

    def test_concurrent_callers_share_bounded_threads(self):
        bounded = bounded_call.Deadline(LONG, max_calls=3)
        in_progress, maximum = 0, 0
        lock = threading.Lock()
        results = []

        def call():
            nonlocal in_progress, maximum
            with lock:
                in_progress += 1
                maximum = max(maximum, in_progress)
            time.sleep(0.001)
            with lock:
                in_progress -= 1
            return 'done'

        threads = [threading.Thread(
            target=lambda: results.append(bounded.run(call)))
            for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(['done'] * 20, results)
        self.assertLessEqual(maximum, 3)

    def eventually(self, expected, call, *arguments):
        end = time.monotonic() + LONG
        while True:
            try:
                return self.assertEqual(expected, call(*arguments))
            except bounded_call.CallTimeout:
                if time.monotonic() > end:
                    raise
