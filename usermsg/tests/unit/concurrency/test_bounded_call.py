# SPDX-License-Identifier: Apache-2.0
import os
import threading
import time

from oslotest import base

from usermsg.concurrency import bounded_call

#: Far longer than anything here takes; only what is broken takes so long.
LONG = 60


class Failure(Exception):
    pass


def fail():
    raise Failure('as it was raised')


class DeadlineTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def hang(self):
        self.release.wait(LONG)
        return 'late'

    def test_the_result_of_the_call(self):
        bounded = bounded_call.Deadline(LONG)
        self.assertEqual('done', bounded.run(lambda: 'done'))
        self.assertIsNone(bounded.run(lambda: None))

    def test_what_the_call_raises_is_raised(self):
        error = self.assertRaises(
            Failure, bounded_call.Deadline(LONG).run, fail)
        self.assertEqual('as it was raised', str(error))

    def test_a_call_that_hangs(self):
        error = self.assertRaises(bounded_call.CallTimeout,
                                  bounded_call.Deadline(0.05).run, self.hang)
        self.assertIn('0.05 seconds', str(error))

    def test_a_call_that_is_given_up_still_ends(self):
        ended = threading.Event()

        def call():
            self.hang()
            ended.set()

        self.assertRaises(
            bounded_call.CallTimeout, bounded_call.Deadline(0.05).run, call)
        self.release.set()
        self.assertTrue(ended.wait(LONG))

    def test_calls_that_hang_hold_only_so_many_threads(self):
        bounded = bounded_call.Deadline(0.05, max_calls=2)
        before = set(threading.enumerate())
        for _ in range(5):
            error = self.assertRaises(bounded_call.CallTimeout, bounded.run,
                                      self.hang)
        self.assertIn('no free thread', str(error))
        self.assertEqual(2, len(set(threading.enumerate()) - before))

    def test_a_place_is_free_again_when_its_call_has_ended(self):
        bounded = bounded_call.Deadline(0.05, max_calls=1)
        self.assertRaises(bounded_call.CallTimeout, bounded.run, self.hang)
        self.assertRaises(bounded_call.CallTimeout, bounded.run, lambda: 'never')
        self.release.set()
        self.eventually('done', bounded.run, lambda: 'done')

    def test_a_call_that_fails_leaves_its_place(self):
        bounded = bounded_call.Deadline(LONG, max_calls=1)
        for _ in range(3):
            self.assertRaises(Failure, bounded.run, fail)
        self.assertEqual('done', bounded.run(lambda: 'done'))

    def test_the_deadline_is_for_the_place_and_the_call_together(self):
        # A clock by which it took 1,000 seconds to get a place. If that
        # didn't count, the call would end before it is given up.
        bounded = bounded_call.Deadline(
            2 * LONG, clock=iter([0, 1000]).__next__)
        self.assertRaises(bounded_call.CallTimeout, bounded.run, self.hang)

    def test_no_thread_to_be_had_costs_no_place(self):
        bounded = bounded_call.Deadline(LONG, max_calls=1)
        # No machine has so much memory for one thread.
        before = threading.stack_size(1 << 62)
        try:
            for _ in range(2):
                self.assertRaises(RuntimeError, bounded.run, lambda: 'done')
        finally:
            threading.stack_size(before)
        self.assertEqual('done', bounded.run(lambda: 'done'))

    def test_after_a_fork_every_place_is_free(self):
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

    def test_many_callers_at_once(self):
        bounded = bounded_call.Deadline(LONG, max_calls=3)
        under_way, most = 0, 0
        lock = threading.Lock()
        results = []

        def call():
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.001)
            with lock:
                under_way -= 1
            return 'done'

        threads = [threading.Thread(
            target=lambda: results.append(bounded.run(call)))
            for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(['done'] * 20, results)
        self.assertLessEqual(most, 3)

    def eventually(self, expected, call, *arguments):
        end = time.monotonic() + LONG
        while True:
            try:
                return self.assertEqual(expected, call(*arguments))
            except bounded_call.CallTimeout:
                if time.monotonic() > end:
                    raise
