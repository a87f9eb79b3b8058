# SPDX-License-Identifier: Apache-2.0
"""Several notifications as one, and what goes with each."""

from concurrent import futures

import testtools

from usermsg.notifications.drivers import delivery
from usermsg.notifications import errors


class TestTogether(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.sent = [futures.Future() for _ in range(3)]

    def test_it_is_done_when_all_are(self):
        whole = delivery.together(self.sent)
        for each in self.sent:
            self.assertFalse(whole.done())
            each.set_result(None)
        self.assertIsNone(whole.result(0))

    def test_what_helps_by_trying_again_counts_most(self):
        whole = delivery.together(self.sent)
        self.sent[0].set_exception(errors.Rejected('large'))
        self.sent[1].set_exception(errors.NotDelivered('away'))
        self.assertFalse(whole.done())
        self.sent[2].set_result(None)
        self.assertIs(errors.NotDelivered, type(whole.exception(0)))

    def test_it_is_cancelled_with_all_that_can_be(self):
        self.sent[0].set_running_or_notify_cancel()
        whole = delivery.together(self.sent)
        self.assertTrue(whole.cancel())
        self.assertEqual([False, True, True],
                         [each.cancelled() for each in self.sent])
        self.sent[0].set_result(None)
        self.assertTrue(whole.cancelled())

    def test_some_may_be_done_before(self):
        for each in self.sent:
            each.set_result(None)
        self.assertIsNone(delivery.together(self.sent).result(0))

    def test_one_is_itself(self):
        self.assertIs(self.sent[0], delivery.together(self.sent[:1]))
