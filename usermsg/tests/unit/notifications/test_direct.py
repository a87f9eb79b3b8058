# SPDX-License-Identifier: Apache-2.0
"""Notifications that are sent without an outbox."""

import threading

from usermsg.notifications import direct
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests import base

SECRET = 'hunter2'


class Driver:
    """Does the same with each notification, and keeps it.

    :param does: called without arguments
    """

    def __init__(self, does=lambda: None):
        self.does = does
        self.seen = []

    def notify(self, ctxt, msg, priority, retry):
        self.seen.append((msg, priority))
        self.does()


def failing(error):
    def fail():
        raise error
    return Driver(fail)


class TestDirect(base.TestCase):

    def setUp(self):
        super().setUp()
        self.told = notification.Notification(
            'x.y', {'password': SECRET}, priority='WARN')

    def test_every_driver_gets_it(self):
        drivers = {'first': Driver(), 'second': Driver()}
        direct.Direct(drivers).send(self.told)
        for driver in drivers.values():
            self.assertEqual([(self.told.body(), 'WARN')], driver.seen)

    def test_all_are_tried_and_those_that_failed_are_named(self):
        drivers = {
            'first': failing(errors.NotDelivered('mq1 is away')),
            'second': Driver(),
            'third': failing(errors.Rejected('too large'))}
        error = self.assertRaises(
            errors.NotDelivered, direct.Direct(drivers).send, self.told)
        self.assertEqual('first: mq1 is away; third: too large', str(error))
        self.assertNotIsInstance(error, errors.Rejected)
        self.assertEqual([1, 1, 1],
                         [len(driver.seen) for driver in drivers.values()])

    def test_it_is_refused_if_trying_again_would_not_help(self):
        drivers = {'first': Driver(),
                   'second': failing(errors.Rejected('too large'))}
        error = self.assertRaises(
            errors.Rejected, direct.Direct(drivers).send, self.told)
        self.assertEqual('second: too large', str(error))

    def test_what_a_stranger_raises_is_not_repeated(self):
        error = self.assertRaises(
            errors.NotDelivered,
            direct.Direct({'odd': failing(ValueError(SECRET))}).send,
            self.told)
        self.assertEqual('odd: ValueError', str(error))
        self.assertIsNone(error.__cause__)

    def test_a_driver_that_never_returns_is_given_up(self):
        forever = threading.Event()
        self.addCleanup(forever.set)
        drivers = {'stuck': Driver(forever.wait), 'second': Driver()}
        sink = direct.Direct(drivers, timeout=0.05)
        error = self.assertRaises(errors.NotDelivered, sink.send, self.told)
        self.assertEqual('stuck: no response within 0.05 seconds', str(error))
        self.assertEqual(1, len(drivers['second'].seen))

    def test_one_that_may_take_longer_is_waited_for(self):
        # Not before others would have been given up.
        slow = Driver(lambda: threading.Event().wait(0.3))
        slow.timeout, slow.timeout_option = 60, 'an option'
        direct.Direct({'slow': slow}, timeout=0.05).send(self.told)
        self.assertEqual(1, len(slow.seen))
