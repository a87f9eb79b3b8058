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

    def deliver(self, one, *entries):
        return one.deliver(list(entries), lambda: None, threading.Event())

    def test_a_driver_that_takes_long_to_accept_one_gets_no_more(self):
        class Narrow(drivers.Driver):
            def submit(self, ctxt, msg, priority):
                # For longer than a batch may take.
                threading.Event().wait(0.1)
                future = futures.Future()
                future.set_result(None)
                return future

        entries = [drivers.entry(number) for number in range(3)]
        results, error = self.deliver(
            self.delivery(Narrow(), 0.05), *entries)
        self.assertEqual([entries[0].id], list(results))
        self.assertIsNone(error)

    def test_calls_of_one_that_knows_no_other_way_overlap(self):
        both = threading.Barrier(2)
        driver = drivers.Driver(lambda body: both.wait(60))
        entries = drivers.entry(0), drivers.entry(1)
        results, error = self.deliver(self.delivery(driver), *entries)
        self.assertEqual({entry.id: None for entry in entries}, results)
        self.assertIsNone(error)

    def test_calls_of_a_driver_that_waits_overlap_within_bounds(self):
        lock, tried, most = threading.Lock(), [], []

        def judge(body):
            with lock:
                tried.append(body)
                most.append(len(tried))
            threading.Event().wait(0.005)
            with lock:
                tried.pop()

        driver = drivers.Driver(judge)
        entries = [drivers.entry(number) for number in range(500)]
        results, _error = self.deliver(self.delivery(driver), *entries)
        self.assertEqual(500, len(results))
        self.assertGreater(max(most), 4)
        self.assertLessEqual(max(most), delivery.THREADS)

    def test_an_unavailable_broker_is_tried_with_a_few_until_it_works(self):
        def refuse(body):
            raise errors.NotDelivered('a reason')

        for kind in (drivers.Driver, drivers.Window):
            driver = kind(refuse)
            one = self.delivery(driver)
            entries = [drivers.entry(number, shard=number % 4)
                       for number in range(40)]
            one.begin_pass()
            _results, error = self.deliver(one, *entries)
            self.assertEqual('a reason' if kind is drivers.Driver else
                             'connection lost', str(error))
            self.assertFalse(one.works)
            results, error = self.deliver(one, *entries)
            self.assertEqual(failure_policy.PROBES, len(results))
            driver.on_notify = lambda body: None
            results, error = self.deliver(one, *entries)
            self.assertEqual(failure_policy.PROBES, len(results))
            self.assertIsNone(error)
            results, _error = self.deliver(one, *entries)
            self.assertEqual(40, len(results))

    def test_what_has_failed_before_comes_last_and_alone(self):
        failed = drivers.entry(0, attempts=1)
        fresh = [drivers.entry(number) for number in range(1, 4)]
        for kind in (drivers.Driver, drivers.Window):
            driver = kind()
            self.deliver(self.delivery(driver), failed, *fresh)
            self.assertEqual(failed.id, driver.ids()[-1])
