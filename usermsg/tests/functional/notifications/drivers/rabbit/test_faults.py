# SPDX-License-Identifier: Apache-2.0
"""What becomes of notifications when RabbitMQ is away, ill or full.

Times are only looked at as far as a call returns at all (see ``sending``).
"""

from usermsg.notifications import errors
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import sending
from usermsg.tests.fixtures import servers

_MAX_SIZE = 100000  # bytes


class RabbitFaultsTest(sending.BrokerTestCase):

    # For all tests here: each puts in order again what it breaks.
    broker_factory = rabbitmq.until_exit({'max_message_size': _MAX_SIZE})

    def assert_not_delivered(self, error, reason):
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertNotIsInstance(error, errors.Rejected)
        self.assertIn(f'127.0.0.1:{self.broker.port}: {reason}', str(error))

    def test_a_broker_that_was_never_there(self):
        port = servers.free_port()
        driver = self.driver(f'rabbit://a:{sending.MARKER}@127.0.0.1:{port}/')
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertEqual(f'rabbit: 127.0.0.1:{port}: Connection refused',
                         str(error))

    def test_restarts_lose_nothing_that_was_confirmed(self):
        drivers = {
            sending.QUEUE: self.driver(self.url),
            'quorum.info': self.driver(self.url, topics=['quorum'],
                                       rabbit_quorum_queue='true')}
        first, second, third = (self.notification() for _ in range(3))
        for driver in drivers.values():
            self.assertIsNone(self.send(driver, first))
        # First this: the broker itself doesn't find a quorum queue again
        # that it has just made when it is killed.
        self.broker.shut_down()
        self.broker.start()
        for driver in drivers.values():
            self.assertIsNone(self.send(driver, second))
        self.broker.kill()
        try:
            for driver in drivers.values():
                # The words depend on what the connection hears of it first.
                self.assert_not_delivered(self.send(driver, third), '')
                self.assert_not_delivered(
                    driver.submit({}, third.body(), 'INFO').exception(60),
                    'Connection refused')
        finally:
            self.broker.start()
        for name, driver in drivers.items():
            self.delivered(driver, third)
            self.assertEqual(
                [each.message_id for each in (first, second, third)],
                self.read(3, name))

    def test_a_broker_that_freezes(self):
        connected = self.driver(self.url, timeout=1)
        self.assertIsNone(self.send(connected, self.notification()))
        sent = self.notification()
        many = [self.notification() for _ in range(100)]
        self.broker.freeze()
        try:
            for driver in (connected, self.driver(self.url, timeout=1)):
                self.assert_not_delivered(self.send(driver, sent),
                                          'it does not answer')
            # These don't wait one after the other.
            for future in [connected.submit({}, each.body(), 'INFO')
                           for each in many]:
                self.assert_not_delivered(future.exception(60),
                                          'it does not answer')
        finally:
            self.broker.thaw()
        self.delivered(connected, sent)
        # It may also have got it while it was frozen.
        count = self.vhost.count(sending.QUEUE)
        self.assertIn(sent.message_id, self.read(count))

    def test_a_broker_that_freezes_in_tls(self):
        driver = self.driver(self.vhost.url('rabbit', tls=True), ssl='true',
                             ssl_ca_file=self.broker.ca, timeout=1)
        sent = self.notification()
        self.broker.freeze()
        try:
            error = self.send(driver, sent)
            self.assertIsInstance(error, errors.NotDelivered)
            self.assertIn('it does not answer', str(error))
        finally:
            self.broker.thaw()
        self.delivered(driver, sent)
        self.assertEqual([sent.message_id], self.read(1))

    def test_a_broker_that_is_full(self):
        driver = self.driver(self.url, timeout=1)
        self.assertIsNone(self.send(driver, self.notification()))
        [first, *others] = [self.notification() for _ in range(20)]
        self.broker.fill()
        try:
            for sent in (first, others[0]):
                self.assert_not_delivered(
                    self.send(driver, sent), 'it takes no messages')
            for sent in others:
                self.assert_not_delivered(
                    driver.submit({}, sent.body(), 'INFO').exception(60),
                    'it takes no messages')
        finally:
            self.broker.empty()
        for sent in others:
            self.delivered(driver, sent)
        # The first was on its way already, and sent once.
        found = self.read(1 + 1 + len(others))
        self.assertEqual([first.message_id] + [
            each.message_id for each in others], found[1:])
        self.assertEqual(0, self.vhost.count(sending.QUEUE))

    def test_what_is_too_large_is_refused_alone(self):
        driver = self.driver(self.url)
        large = self.notification(payload=sending.MARKER * _MAX_SIZE)
        error = self.send(driver, large)
        self.assertIsInstance(error, errors.Rejected)
        self.assertIn('larger than', str(error))
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        self.assertEqual([sent.message_id], self.read(1))

    def test_what_is_too_large_is_refused_among_others(self):
        driver = self.driver(self.url)
        large = self.notification(payload=sending.MARKER * _MAX_SIZE)
        before = [self.notification() for _ in range(50)]
        after = [self.notification() for _ in range(50)]
        futures = [driver.submit({}, each.body(), 'INFO')
                   for each in [*before, large, *after]]
        self.assertIsInstance(futures.pop(len(before)).exception(60),
                              errors.Rejected)
        for sent, future in zip(before + after, futures):
            error = future.exception(60)
            self.assertNotIsInstance(error, errors.Rejected)
            if error is not None:
                self.delivered(driver, sent)
        found = self.read(self.vhost.count(sending.QUEUE))
        self.assertLessEqual({each.message_id for each in before + after},
                             set(found))

    def test_another_host_takes_over(self):
        other = servers.require(rabbitmq.shared)
        vhost = other.create_vhost()
        self.addCleanup(vhost.delete)
        self.secrets.append(other.password)
        name = self.vhost.name
        other.ask('PUT', f'vhosts/{name}')
        self.addCleanup(other.ask, 'DELETE', f'vhosts/{name}')
        driver = self.driver(self.url.replace(
            f'/{name}', f',usermsg:{other.password}@127.0.0.1:{other.port}'
            f'/{name}'), timeout=10)
        self.broker.freeze()
        try:
            for _ in range(3):
                self.assertIsNone(self.send(driver, self.notification()))
        finally:
            self.broker.thaw()
        self.assertEqual(3, rabbitmq.Vhost(other, name).count(sending.QUEUE))
