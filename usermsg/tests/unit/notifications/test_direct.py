# SPDX-License-Identifier: Apache-2.0
"""Tests of direct delivery, without an outbox."""

import threading

from usermsg.notifications import direct
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests import base

SECRET = 'hunter2'


class Driver:
    """Driver that keeps each notification, then calls a function.

    :param action: called without arguments
    """

    def __init__(self, action=lambda: None):
        self.action = action
        self.received = []

    def notify(self, ctxt, msg, priority, retry):
        self.received.append((msg, priority))
        self.action()


def failing(error):
    def fail():
        raise error
    return Driver(fail)


class TestDirect(base.TestCase):

    def setUp(self):
        super().setUp()
        self.sent = notification.Notification(
            'x.y', {'password': SECRET}, priority='WARN')

    def test_send_reaches_every_driver(self):
        drivers = {'first': Driver(), 'second': Driver()}
        direct.Direct(drivers).send(self.sent)
        for driver in drivers.values():
            self.assertEqual(
                [(self.sent.body(), 'WARN')], driver.received)

    def test_send_tries_all_drivers_and_names_failed_ones(self):
        drivers = {
            'first': failing(errors.NotDelivered('no connection')),
            'second': Driver(),
            'third': failing(errors.Rejected('too large'))}
        error = self.assertRaises(
            errors.NotDelivered, direct.Direct(drivers).send, self.sent)
        self.assertEqual('first: no connection; third: too large', str(error))
        self.assertNotIsInstance(error, errors.Rejected)
        self.assertEqual([1, 1, 1],
                         [len(driver.received) for driver in drivers.values()])

    def test_send_with_permanent_failures_only_raises_rejected(self):
        drivers = {'first': Driver(),
                   'second': failing(errors.Rejected('too large'))}
        error = self.assertRaises(
            errors.Rejected, direct.Direct(drivers).send, self.sent)
        self.assertEqual('second: too large', str(error))

    def test_unexpected_exception_is_reported_without_its_text(self):
        error = self.assertRaises(
            errors.NotDelivered,
            direct.Direct({'other': failing(ValueError(SECRET))}).send,
            self.sent)
        self.assertEqual('other: ValueError', str(error))
        self.assertIsNone(error.__cause__)

    def test_driver_that_never_returns_times_out(self):
        released = threading.Event()
        self.addCleanup(released.set)
        drivers = {'stuck': Driver(released.wait), 'second': Driver()}
        sink = direct.Direct(drivers, timeout=0.05)
        error = self.assertRaises(errors.NotDelivered, sink.send, self.sent)
        self.assertEqual('stuck: no response within 0.05 seconds', str(error))
        self.assertEqual(1, len(drivers['second'].received))

    def test_driver_with_longer_timeout_is_awaited(self):
        # This driver takes longer than the timeout of other drivers.
        slow = Driver(lambda: threading.Event().wait(0.3))
        slow.timeout, slow.timeout_option = 60, 'an option'
        direct.Direct({'slow': slow}, timeout=0.05).send(self.sent)
        self.assertEqual(1, len(slow.received))
