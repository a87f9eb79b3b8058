# SPDX-License-Identifier: Apache-2.0
from concurrent import futures
import gc

from usermsg.notifications.drivers import confirming
from usermsg.notifications import errors
from usermsg.tests import base
from usermsg.tests.fixtures import processes


class Client:
    """Client that keeps the futures of submitted messages."""

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
        client = self.client  # else the factory would refer to the test
        driver = Driver(None, topics, None)
        driver.use(lambda: client, timeout, drain_timeout=7)
        return driver

    def test_submit_sends_to_each_topic(self):
        future = self.driver('a', 'b').submit({}, {}, 'INFO')
        for sent in self.client.sent:
            self.assertFalse(future.done())
            sent.set_result(None)
        self.assertIsNone(future.result(60))

    def test_unconfirmed_notification_is_cancelled_after_timeout(self):
        driver = self.driver('a', 'b', timeout=0.1)
        error = self.assertRaises(
            errors.NotDelivered, driver.notify, {}, {}, 'INFO')
        self.assertEqual('test: not confirmed within 0.1 s.', str(error))
        self.assertEqual([True, True],
                         [sent.cancelled() for sent in self.client.sent])

    def test_topic_without_room_fails_after_sending_the_others(self):
        future = self.driver('a', 'full').submit({}, {}, 'INFO')
        self.assertFalse(future.done())
        self.client.sent[0].set_result(None)
        self.assertEqual('no room', str(future.exception(60)))

    def test_close_drains_once(self):
        driver = self.driver('a')
        driver.submit({}, {}, 'INFO')
        driver.close()
        driver.close()
        self.assertEqual([7], self.client.closed)
        self.assertIn('closed', str(
            driver.submit({}, {}, 'INFO').exception(60)))

    def test_unreferenced_driver_is_closed(self):
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


class ProcessClientsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clients = confirming.ProcessClients('test', CloseableClient)

    def test_client_is_created_once_per_process(self):
        self.assertIs(self.clients.client(), self.clients.client())

    def test_forked_child_has_another_client(self):
        client = self.clients.client()
        self.assertEqual(0, processes.run_in_fork(
            lambda: self.assertIsNot(client, self.clients.client())))
        self.assertIs(client, self.clients.client())

    def test_forked_child_keeps_the_client_of_its_parent_open(self):
        client = self.clients.client()

        def close():
            self.clients.close(1)
            self.assertEqual([], client.closed)

        self.assertEqual(0, processes.run_in_fork(close))

    def test_client_after_close_raises_not_delivered(self):
        client = self.clients.client()
        self.clients.close(5)
        self.assertEqual([5], client.closed)
        error = self.assertRaises(errors.NotDelivered, self.clients.client)
        self.assertEqual('test: the driver is closed.', str(error))
