# SPDX-License-Identifier: Apache-2.0
from concurrent import futures
import gc

from usermsg.notifications.drivers import confirming
from usermsg.notifications import errors
from usermsg.tests import base
from usermsg.tests.fixtures import processes


class Client:
    """Keeps the futures of what it is to send."""

    def __init__(self):
        self.sent = []
        self.closed = []

    def submit(self, topic):
        if topic == 'full':
            raise errors.NotDelivered('no room')
        self.sent.append(futures.Future())
        return self.sent[-1]

    def close(self, timeout):
        self.closed.append(timeout)


class Driver(confirming.ConfirmingDriver):

    name = 'test'

    def send(self, process_client, ctxt, msg, priority, retry):
        for topic in self.topics:
            yield process_client.submit(topic)


class ConfirmingDriverTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.client = Client()

    def driver(self, *topics, timeout=60):
        client = self.client  # else the driver would be kept by the test
        driver = Driver(None, topics, None)
        driver.use(lambda: client, timeout, drain_timeout=7)
        return driver

    def test_a_notification_is_sent_to_each_topic(self):
        future = self.driver('a', 'b').submit({}, {}, 'INFO')
        for sent in self.client.sent:
            self.assertFalse(future.done())
            sent.set_result(None)
        self.assertIsNone(future.result(60))

    def test_an_unconfirmed_notification_is_cancelled_in_the_end(self):
        driver = self.driver('a', 'b', timeout=0.1)
        error = self.assertRaises(
            errors.NotDelivered, driver.notify, {}, {}, 'INFO')
        self.assertEqual('test: not confirmed within 0.1 s.', str(error))
        self.assertEqual([True, True],
                         [sent.cancelled() for sent in self.client.sent])

    def test_a_topic_without_room_fails_after_the_others_are_sent(self):
        future = self.driver('a', 'full').submit({}, {}, 'INFO')
        self.assertFalse(future.done())
        self.client.sent[0].set_result(None)
        self.assertEqual('no room', str(future.exception(60)))

    def test_close_drains_once_and_ends(self):
        driver = self.driver('a')
        driver.submit({}, {}, 'INFO')
        driver.close()
        driver.close()
        self.assertEqual([7], self.client.closed)
        self.assertIn('closed', str(
            driver.submit({}, {}, 'INFO').exception(60)))

    def test_a_driver_without_users_is_closed(self):
        driver = self.driver('a')
        driver.submit({}, {}, 'INFO')
        del driver
        gc.collect()
        self.assertEqual([7], self.client.closed)


class CloseableClient:

    def __init__(self):
        self.closed = []

    def close(self, timeout):
        self.closed.append(timeout)


class PerProcessTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clients = confirming.PerProcess('test', CloseableClient)

    def test_a_process_keeps_its_client(self):
        self.assertIs(self.clients.client(), self.clients.client())

    def test_a_child_has_another_client(self):
        own = self.clients.client()
        self.assertEqual(0, processes.run_in_fork(
            lambda: self.assertIsNot(own, self.clients.client())))
        self.assertIs(own, self.clients.client())

    def test_a_child_does_not_close_the_client_of_its_parent(self):
        own = self.clients.client()

        def close():
            self.clients.close(1)
            self.assertEqual([], own.closed)

        self.assertEqual(0, processes.run_in_fork(close))

    def test_closed_has_no_client_any_more(self):
        own = self.clients.client()
        self.clients.close(5)
        self.assertEqual([5], own.closed)
        error = self.assertRaises(errors.NotDelivered, self.clients.client)
        self.assertEqual('test: the driver was closed.', str(error))
