# SPDX-License-Identifier: Apache-2.0
import math
import threading
import time

from usermsg.notifications.drivers import delivery
from usermsg.notifications.drivers import io_thread
from usermsg.notifications import errors
from usermsg.tests import base

_LONG = 60  # seconds: far more than it may take


class Client(io_thread.ThreadedClient):
    """Confirms what it gets, while it may."""

    def __init__(self, capacity=100):
        super().__init__('test', capacity)
        self.sent = []
        self.problems = []
        self.defects = []
        self.recovery_defects = []
        self.may = threading.Event()
        self.may.set()
        self.turns = 0
        self.left = False

    def turn(self):
        self.turns += 1
        if self.defects:
            raise self.defects.pop()
        while self.inbox and self.may.is_set():
            job = self.inbox.popleft()
            if job.start():
                self.sent.append(job)
            self.finish(job)
        # As long as it may not, it has no broker that would wake it.
        return math.inf if self.may.is_set() else time.monotonic() + 0.01

    def broken(self, error):
        self.problems.append(error)
        if self.recovery_defects:
            raise self.recovery_defects.pop()

    def leave(self):
        self.left = True

    def submit(self, size=1, deadline=0.0):
        job = delivery.Delivery(size, math.inf)
        self.put(job, deadline)
        return job


class TestThreadedClient(base.TestCase):

    def client(self, **options):
        client = Client(**options)
        self.addCleanup(client.close, 0)
        return client

    def refusal(self, client, **options):
        return str(self.assertRaises(
            errors.NotDelivered, client.submit, **options))

    def test_deliveries_keep_their_order(self):
        client = self.client()
        jobs = [client.submit() for _ in range(100)]
        for job in jobs:
            self.assertIsNone(job.future.result(_LONG))
        self.assertEqual(jobs, client.sent)

    def test_deliveries_of_many_threads_each_wake_it(self):
        client = self.client()
        failures = []

        def put():
            try:
                for _ in range(500):
                    client.submit().future.result(_LONG)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=put) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_LONG)
        self.assertEqual([], failures)
        self.assertEqual(4000, len(client.sent))

    def test_without_deliveries_it_has_no_turns(self):
        client = self.client()
        client.submit().future.result(_LONG)
        time.sleep(0.5)
        self.assertLess(client.turns, 5)

    def test_a_full_inbox_refuses_without_a_deadline(self):
        client = self.client(capacity=2)
        client.may.clear()
        jobs = [client.submit(), client.submit()]
        self.assertEqual('test: 2 notifications are waiting already.',
                         self.refusal(client))
        self.assertEqual('test: 2 notifications are waiting already.',
                         self.refusal(client, deadline=time.monotonic() + .1))
        client.may.set()
        client.close(_LONG)
        for job in jobs:
            self.assertIsNone(job.future.result(_LONG))

    def test_too_many_bytes_are_refused(self):
        client = self.client()
        client.may.clear()
        client.submit(size=200 * 1024 * 1024)
        self.assertIn('1 notifications are waiting',
                      self.refusal(client, size=100 * 1024 * 1024))
        client.submit(size=10 * 1024 * 1024)

    def test_room_that_comes_before_the_deadline_is_used(self):
        client = self.client(capacity=1)
        client.may.clear()
        first = client.submit()
        confirm = threading.Timer(0.1, client.may.set)
        confirm.start()
        self.addCleanup(confirm.join)
        second = client.submit(deadline=time.monotonic() + _LONG)
        self.assertTrue(first.done)
        self.assertIsNone(second.future.result(_LONG))

    def test_a_defect_ends_neither_thread_nor_deliveries(self):
        client = self.client()
        defect = RuntimeError('a defect')
        client.defects.append(defect)
        self.assertIsNone(client.submit().future.result(_LONG))
        self.assertEqual([defect], client.problems)

    def test_a_defect_of_the_recovery_ends_neither_thread_nor_deliveries(self):
        client = self.client()
        defect = RuntimeError('a defect')
        client.defects.append(defect)
        client.recovery_defects.append(RuntimeError('secret'))
        with self.assertLogs() as log:
            self.assertIsNone(client.submit().future.result(_LONG))
        self.assertEqual([defect], client.problems)
        self.assertIn('test: ', log.output[0])
        self.assertNotIn('secret', log.output[0])

    def test_cancelled_is_not_sent(self):
        client = self.client()
        client.may.clear()
        cancelled = client.submit()
        self.assertTrue(cancelled.future.cancel())
        client.may.set()
        other = client.submit()
        self.assertIsNone(other.future.result(_LONG))
        self.assertEqual([other], client.sent)

    def test_close_gives_pending_deliveries_some_time(self):
        client = self.client()
        client.may.clear()
        job = client.submit()
        client.close(0.05)
        self.assertEqual(
            'test: the driver was closed before it was confirmed.',
            str(job.future.exception(_LONG)))
        self.assertTrue(client.left)
        self.assertEqual('test: the process ends.', self.refusal(client))

    def test_close_ends_with_the_last_pending_delivery(self):
        client = self.client()
        client.may.clear()
        job = client.submit()
        closing = threading.Thread(
            target=client.close, args=(2 * _LONG,))
        closing.start()
        client.may.set()
        self.assertIsNone(job.future.result(_LONG))
        # Not when its time is over.
        closing.join(_LONG)
        self.assertFalse(closing.is_alive())
