# SPDX-License-Identifier: Apache-2.0
from concurrent import futures
import threading

from usermsg.catalogue import catalogue
from usermsg.notifications import errors
from usermsg.outbox import delivery
from usermsg.outbox import failure_policy
from usermsg.tests import base
from usermsg.tests.fixtures import drivers


class TestDelivery(base.TestCase):

    def delivery(self, driver, timeout=60):
        if hasattr(driver, 'close'):
            self.addCleanup(driver.close)
        return delivery.Delivery(driver, catalogue.Catalogue([]), timeout)

    def deliver(self, sender, *entries):
        return sender.deliver(list(entries), lambda: None, threading.Event())

    def test_blocking_driver_gets_no_more_entries_after_timeout(self):
        class BlockingDriver(drivers.Driver):
            def submit(self, ctxt, msg, priority):
                # Longer than the timeout of a batch.
                threading.Event().wait(0.1)
                future = futures.Future()
                future.set_result(None)
                return future

        entries = [drivers.entry(number) for number in range(3)]
        results, error = self.deliver(
            self.delivery(BlockingDriver(), 0.05), *entries)
        self.assertEqual([entries[0].id], list(results))
        self.assertIsNone(error)

    def test_driver_without_submit_is_called_concurrently(self):
        barrier = threading.Barrier(2)
        driver = drivers.Driver(lambda body: barrier.wait(60))
        entries = drivers.entry(0), drivers.entry(1)
        results, error = self.deliver(self.delivery(driver), *entries)
        self.assertEqual({entry.id: None for entry in entries}, results)
        self.assertIsNone(error)

    def test_concurrent_driver_calls_are_limited(self):
        lock, active, concurrent_calls = threading.Lock(), [], []

        def judge(body):
            with lock:
                active.append(body)
                concurrent_calls.append(len(active))
            threading.Event().wait(0.005)
            with lock:
                active.pop()

        driver = drivers.Driver(judge)
        entries = [drivers.entry(number) for number in range(500)]
        results, _error = self.deliver(self.delivery(driver), *entries)
        self.assertEqual(500, len(results))
        self.assertGreater(max(concurrent_calls), 4)
        self.assertLessEqual(max(concurrent_calls), delivery.THREADS)

    def test_unavailable_broker_gets_only_probes_until_it_works(self):
        def fail(body):
            raise errors.NotDelivered('a reason')

        for kind in (drivers.Driver, drivers.Window):
            driver = kind(fail)
            sender = self.delivery(driver)
            entries = [drivers.entry(number, shard=number % 4)
                       for number in range(40)]
            sender.begin_pass()
            _results, error = self.deliver(sender, *entries)
            self.assertEqual('a reason' if kind is drivers.Driver else
                             'connection lost', str(error))
            self.assertFalse(sender.broker_works)
            results, error = self.deliver(sender, *entries)
            self.assertEqual(failure_policy.PROBES, len(results))
            driver.on_notify = lambda body: None
            results, error = self.deliver(sender, *entries)
            self.assertEqual(failure_policy.PROBES, len(results))
            self.assertIsNone(error)
            results, _error = self.deliver(sender, *entries)
            self.assertEqual(40, len(results))

    def test_failed_entry_is_sent_last_and_alone(self):
        failed = drivers.entry(0, attempts=1)
        fresh = [drivers.entry(number) for number in range(1, 4)]
        for kind in (drivers.Driver, drivers.Window):
            driver = kind()
            self.deliver(self.delivery(driver), failed, *fresh)
            self.assertEqual(failed.id, driver.ids()[-1])
