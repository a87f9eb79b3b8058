# SPDX-License-Identifier: Apache-2.0
import math
import threading
import time

from usermsg.notifications.drivers import delivery
from usermsg.notifications.drivers import io_thread
from usermsg.notifications import errors
from usermsg.tests import base

_TIMEOUT = 60  # seconds, far more than necessary


class Client(io_thread.ThreadedClient):
    """Client that confirms its deliveries while ``confirming`` is set."""

    def __init__(self, capacity=100):
        super().__init__('test', capacity)
        self.sent = []
        self.recovered = []
        self.errors = []
        self.recovery_errors = []
        self.confirming = threading.Event()
        self.confirming.set()
        self.iterations = 0
        self.disconnected = False

    def run_once(self):
        self.iterations += 1
        if self.errors:
            raise self.errors.pop()
        while self.inbox and self.confirming.is_set():
            item = self.inbox.popleft()
            if item.start():
                self.sent.append(item)
            self.finish(item)
        # While it isn't confirming, no broker would wake the thread.
        return (math.inf if self.confirming.is_set()
                else time.monotonic() + 0.01)

    def recover(self, error):
        self.recovered.append(error)
        if self.recovery_errors:
            raise self.recovery_errors.pop()

    def disconnect(self):
        self.disconnected = True

    def submit(self, size=1, deadline=0.0):
        item = delivery.Delivery(size, math.inf)
        self.put(item, deadline)
        return item


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
        items = [client.submit() for _ in range(100)]
        for item in items:
            self.assertIsNone(item.future.result(_TIMEOUT))
        self.assertEqual(items, client.sent)

    def test_deliveries_of_many_threads_wake_the_thread(self):
        client = self.client()
        failures = []

        def put():
            try:
                for _ in range(500):
                    client.submit().future.result(_TIMEOUT)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=put) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_TIMEOUT)
        self.assertEqual([], failures)
        self.assertEqual(4000, len(client.sent))

    def test_idle_thread_does_not_poll(self):
        client = self.client()
        client.submit().future.result(_TIMEOUT)
        time.sleep(0.5)
        self.assertLess(client.iterations, 5)

    def test_full_inbox_without_a_deadline_raises_not_delivered(self):
        client = self.client(capacity=2)
        client.confirming.clear()
        items = [client.submit(), client.submit()]
        self.assertEqual('test: 2 notifications are pending already.',
                         self.refusal(client))
        self.assertEqual('test: 2 notifications are pending already.',
                         self.refusal(client, deadline=time.monotonic() + .1))
        client.confirming.set()
        client.close(_TIMEOUT)
        for item in items:
            self.assertIsNone(item.future.result(_TIMEOUT))

    def test_too_many_pending_bytes_raise_not_delivered(self):
        client = self.client()
        client.confirming.clear()
        client.submit(size=200 * 1024 * 1024)
        self.assertIn('1 notifications are pending',
                      self.refusal(client, size=100 * 1024 * 1024))
        client.submit(size=10 * 1024 * 1024)

    def test_delivery_waits_for_room_until_the_deadline(self):
        client = self.client(capacity=1)
        client.confirming.clear()
        first = client.submit()
        confirm = threading.Timer(0.1, client.confirming.set)
        confirm.start()
        self.addCleanup(confirm.join)
        second = client.submit(deadline=time.monotonic() + _TIMEOUT)
        self.assertTrue(first.done)
        self.assertIsNone(second.future.result(_TIMEOUT))

    def test_unexpected_error_keeps_thread_and_deliveries(self):
        client = self.client()
        error = RuntimeError('an error')
        client.errors.append(error)
        self.assertIsNone(client.submit().future.result(_TIMEOUT))
        self.assertEqual([error], client.recovered)

    def test_error_in_recovery_keeps_thread_and_deliveries(self):
        client = self.client()
        error = RuntimeError('an error')
        client.errors.append(error)
        client.recovery_errors.append(RuntimeError('secret'))
        with self.assertLogs() as log:
            self.assertIsNone(client.submit().future.result(_TIMEOUT))
        self.assertEqual([error], client.recovered)
        self.assertIn('test: ', log.output[0])
        self.assertNotIn('secret', log.output[0])

    def test_cancelled_delivery_is_not_sent(self):
        client = self.client()
        client.confirming.clear()
        cancelled = client.submit()
        self.assertTrue(cancelled.future.cancel())
        client.confirming.set()
        other = client.submit()
        self.assertIsNone(other.future.result(_TIMEOUT))
        self.assertEqual([other], client.sent)

    def test_close_fails_pending_deliveries_after_timeout(self):
        client = self.client()
        client.confirming.clear()
        item = client.submit()
        client.close(0.05)
        self.assertEqual(
            'test: the driver was closed before the broker confirmed the '
            'notification.',
            str(item.future.exception(_TIMEOUT)))
        self.assertTrue(client.disconnected)
        self.assertEqual('test: the driver is closed.', self.refusal(client))

    def test_close_returns_after_the_last_pending_delivery(self):
        client = self.client()
        client.confirming.clear()
        item = client.submit()
        closing = threading.Thread(
            target=client.close, args=(2 * _TIMEOUT,))
        closing.start()
        client.confirming.set()
        self.assertIsNone(item.future.result(_TIMEOUT))
        # Before the timeout of close().
        closing.join(_TIMEOUT)
        self.assertFalse(closing.is_alive())
