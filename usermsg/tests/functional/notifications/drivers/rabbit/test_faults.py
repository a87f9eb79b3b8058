# SPDX-License-Identifier: Apache-2.0
"""Tests of delivery while RabbitMQ is unavailable, frozen or full.

They don't measure durations, but require that each call returns (see
``sending``).
"""

from usermsg.notifications import errors
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import sending
from usermsg.tests.fixtures import servers

_MAX_SIZE = 100000  # bytes


class RabbitFaultsTest(sending.BrokerTestCase):

    # One node for all tests of this class: each restores its state.
    broker_factory = rabbitmq.until_exit({'max_message_size': _MAX_SIZE})

    def assert_not_delivered(self, error, reason):
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertNotIsInstance(error, errors.Rejected)
        self.assertIn(f'127.0.0.1:{self.broker.port}: {reason}', str(error))

    def test_unavailable_broker_is_reported_with_the_reason(self):
        port = servers.free_port()
        driver = self.driver(f'rabbit://a:{sending.MARKER}@127.0.0.1:{port}/')
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertEqual(f'rabbit: 127.0.0.1:{port}: Connection refused',
                         str(error))

    def test_restart_keeps_confirmed_notifications(self):
        drivers = {
            sending.QUEUE: self.driver(self.url),
            'quorum.info': self.driver(self.url, topics=['quorum'],
                                       rabbit_quorum_queue='true')}
        first, second, third = (self.notification() for _ in range(3))
        for driver in drivers.values():
            self.assertIsNone(self.send(driver, first))
        # An orderly restart first: a broker that is killed loses a quorum
        # queue that it has just created.
        self.broker.shut_down()
        self.broker.start()
        for driver in drivers.values():
            self.assertIsNone(self.send(driver, second))
        self.broker.kill()
        try:
            for driver in drivers.values():
                # The reason depends on which error the connection meets first.
                self.assert_not_delivered(self.send(driver, third), '')
                self.assert_not_delivered(
                    driver.submit({}, third.body(), 'INFO').exception(60),
                    'Connection refused')
        finally:
            self.broker.start()
        for name, driver in drivers.items():
            self.send_until_confirmed(driver, third)
            self.assertEqual(
                [item.message_id for item in (first, second, third)],
                self.read(3, name))

    def test_frozen_broker_times_out(self):
        connected = self.driver(self.url, timeout=1)
        self.assertIsNone(self.send(connected, self.notification()))
        sent = self.notification()
        batch = [self.notification() for _ in range(100)]
        self.broker.freeze()
        try:
            for driver in (connected, self.driver(self.url, timeout=1)):
                self.assert_not_delivered(self.send(driver, sent),
                                          'the broker does not respond')
            # The submitted notifications wait simultaneously.
            for future in [connected.submit({}, item.body(), 'INFO')
                           for item in batch]:
                self.assert_not_delivered(future.exception(60),
                                          'the broker does not respond')
        finally:
            self.broker.thaw()
        self.send_until_confirmed(connected, sent)
        # The frozen broker may have received it as well.
        count = self.vhost.count(sending.QUEUE)
        self.assertIn(sent.message_id, self.read(count))

    def test_frozen_broker_with_tls_times_out(self):
        driver = self.driver(self.vhost.url('rabbit', tls=True), ssl='true',
                             ssl_ca_file=self.broker.ca, timeout=1)
        sent = self.notification()
        self.broker.freeze()
        try:
            error = self.send(driver, sent)
            self.assertIsInstance(error, errors.NotDelivered)
            self.assertIn('the broker does not respond', str(error))
        finally:
            self.broker.thaw()
        self.send_until_confirmed(driver, sent)
        self.assertEqual([sent.message_id], self.read(1))

    def test_memory_alarm_fails_until_cleared(self):
        driver = self.driver(self.url, timeout=1)
        self.assertIsNone(self.send(driver, self.notification()))
        [first, *others] = [self.notification() for _ in range(20)]
        self.broker.raise_memory_alarm()
        try:
            for sent in (first, others[0]):
                self.assert_not_delivered(
                    self.send(driver, sent), 'the broker accepts no messages')
            for sent in others:
                self.assert_not_delivered(
                    driver.submit({}, sent.body(), 'INFO').exception(60),
                    'the broker accepts no messages')
        finally:
            self.broker.clear_memory_alarm()
        for sent in others:
            self.send_until_confirmed(driver, sent)
        # The first was in flight already, and sent only once.
        queued = self.read(1 + 1 + len(others))
        self.assertEqual([first.message_id] + [
            item.message_id for item in others], queued[1:])
        self.assertEqual(0, self.vhost.count(sending.QUEUE))

    def test_too_large_notification_is_rejected(self):
        driver = self.driver(self.url)
        large = self.notification(payload=sending.MARKER * _MAX_SIZE)
        error = self.send(driver, large)
        self.assertIsInstance(error, errors.Rejected)
        self.assertIn('larger than', str(error))
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        self.assertEqual([sent.message_id], self.read(1))

    def test_too_large_notification_is_rejected_among_others(self):
        driver = self.driver(self.url)
        large = self.notification(payload=sending.MARKER * _MAX_SIZE)
        before = [self.notification() for _ in range(50)]
        after = [self.notification() for _ in range(50)]
        futures = [driver.submit({}, item.body(), 'INFO')
                   for item in [*before, large, *after]]
        self.assertIsInstance(futures.pop(len(before)).exception(60),
                              errors.Rejected)
        for sent, future in zip(before + after, futures):
            error = future.exception(60)
            self.assertNotIsInstance(error, errors.Rejected)
            if error is not None:
                self.send_until_confirmed(driver, sent)
        queued = self.read(self.vhost.count(sending.QUEUE))
        self.assertLessEqual({item.message_id for item in before + after},
                             set(queued))

    def test_failover_to_another_host(self):
        other = servers.require(rabbitmq.shared)
        vhost = other.create_vhost()
        self.addCleanup(vhost.delete)
        self.secrets.append(other.password)
        name = self.vhost.name
        other.request('PUT', f'vhosts/{name}')
        self.addCleanup(other.request, 'DELETE', f'vhosts/{name}')
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
