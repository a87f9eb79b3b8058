# SPDX-License-Identifier: Apache-2.0
"""Tests of combined futures of deliveries."""

from concurrent import futures

import testtools

from usermsg.notifications.drivers import delivery
from usermsg.notifications import errors


class TestCombine(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.futures = [futures.Future() for _ in range(3)]

    def test_combined_future_is_done_when_all_are(self):
        combined = delivery.combine(self.futures)
        for future in self.futures:
            self.assertFalse(combined.done())
            future.set_result(None)
        self.assertIsNone(combined.result(0))

    def test_temporary_error_takes_precedence_over_rejected(self):
        combined = delivery.combine(self.futures)
        self.futures[0].set_exception(errors.Rejected('large'))
        self.futures[1].set_exception(errors.NotDelivered('no connection'))
        self.assertFalse(combined.done())
        self.futures[2].set_result(None)
        self.assertIs(errors.NotDelivered, type(combined.exception(0)))

    def test_cancel_cancels_all_futures_not_in_flight(self):
        self.futures[0].set_running_or_notify_cancel()
        combined = delivery.combine(self.futures)
        self.assertTrue(combined.cancel())
        self.assertEqual([False, True, True],
                         [future.cancelled() for future in self.futures])
        self.futures[0].set_result(None)
        self.assertTrue(combined.cancelled())

    def test_combine_of_done_futures_is_done(self):
        for future in self.futures:
            future.set_result(None)
        self.assertIsNone(delivery.combine(self.futures).result(0))

    def test_combine_of_one_future_returns_it(self):
        self.assertIs(self.futures[0], delivery.combine(self.futures[:1]))
