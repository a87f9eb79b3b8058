# SPDX-License-Identifier: Apache-2.0
"""Tests with other services, with default options, on the same broker."""

from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import inspection
from usermsg.notifications.drivers.rabbit import settings
from usermsg.tests.fixtures import other_service
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import sending

_REFUSED = 'PRECONDITION_FAILED'


class TestDefaults(sending.BrokerTestCase):

    def setUp(self):
        super().setUp()
        self.other = other_service.OtherService(self, self.url)
        runtime = self.runtime(oslo_messaging_notifications={
            'driver': 'rabbit', 'transport_url': self.url})
        drivers = loader.load(runtime.conf)
        self.addCleanup(loader.close, drivers)
        self.rabbit = drivers['rabbit']

    def send_notification(self):
        sent = self.notification(priority='INFO')
        self.assertIsNone(self.send(self.rabbit, sent))
        return sent.message_id

    def assert_all_work(self, sent):
        """Check that notifications arrive and that other services start."""
        sent = {*sent, self.send_notification()}
        self.other.publish()
        arrivals = self.other.listen()
        received = {arrivals.get(timeout=60) for _ in range(len(sent) + 1)}
        self.assertLessEqual(sent, received)
        self.assertEqual(42, self.other.call())
        self.assertNotIn(_REFUSED, self.log.output)

    def test_usermsg_first_keeps_other_services_working(self):
        self.assert_all_work({self.send_notification()})

    def test_publisher_first_keeps_all_services_working(self):
        self.other.publish()
        self.vhost.read(sending.QUEUE)
        self.assert_all_work({self.send_notification()})

    def test_listener_first_keeps_all_services_working(self):
        arrivals = self.other.listen()
        sent = self.send_notification()
        self.assertEqual(sent, arrivals.get(timeout=60))
        self.assertEqual(42, self.other.call())
        self.assertNotIn(_REFUSED, self.log.output)

    def test_rpc_server_first_keeps_all_services_working(self):
        self.assertEqual(42, self.other.call())
        self.assert_all_work({self.send_notification()})

    def test_existing_durable_queue_is_used_unchanged(self):
        self.vhost.declare(sending.QUEUE, 'openstack', sending.QUEUE,
                           durable=True)
        self.send_notification()
        queued = self.broker.request(
            'GET', f'queues/{self.vhost.name}/{sending.QUEUE}')
        self.assertTrue(queued['durable'])
        self.vhost.read(sending.QUEUE)


class TestInspection(sending.BrokerTestCase):

    #: Not shared with other classes, since a test freezes it.
    broker_factory = rabbitmq.until_exit()

    KEYS = ('notifications.error', 'notifications.info')

    def upgrade_warnings(self, url=None, timeout=20, **options):
        conf = self.conf(**options)
        broker = settings.Broker(self.transport(url or self.url, conf))
        return inspection.upgrade_warnings(broker, self.KEYS, timeout)

    def queues(self):
        return {each['name']: each['durable'] for each in self.broker.request(
            'GET', f'queues/{self.vhost.name}')}

    def test_missing_queues_will_be_transient_by_default(self):
        [warning] = self.upgrade_warnings(amqp_durable_queues='false')
        self.assertIn('loses notifications.error, notifications.info', warning)
        self.assertIn('amqp_durable_queues = true in every service', warning)
        self.assertEqual({}, self.queues())

    def test_missing_queues_will_be_durable_if_configured(self):
        for options in ({'amqp_durable_queues': 'true'},
                        {'rabbit_quorum_queue': 'true',
                         'amqp_durable_queues': 'false'}):
            [warning] = self.upgrade_warnings(**options)
            self.assertIn('notifications.error, notifications.info are, or '
                          'will be created, durable', warning)
            self.assertIn('openstack', warning)
        self.assertEqual({}, self.queues())

    def test_existing_queues_are_distinguished(self):
        self.vhost.declare('notifications.info', durable=False)
        self.vhost.declare('notifications.error', durable=True)
        before = self.queues()
        for durable, others in (('true', []), ('false', [
                'notifications.error are durable. RabbitMQ refuses'])):
            lost, *refused = self.upgrade_warnings(amqp_durable_queues=durable)
            self.assertIn('loses notifications.info with', lost)
            self.assertNotIn('notifications.error', lost)
            self.assertEqual(len(others), len(refused))
            for expected, warning in zip(others, refused):
                self.assertIn(expected, warning)
        self.assertEqual(before, self.queues())

    def test_durable_queues_as_configured_yield_no_warning(self):
        self.vhost.declare('notifications.info', durable=True)
        self.vhost.declare('notifications.error', durable=True, arguments={
            'x-queue-type': 'quorum'})
        self.assertEqual([], self.upgrade_warnings(amqp_durable_queues='true'))

    def test_durable_queues_with_default_options_are_named(self):
        for name in self.KEYS:
            self.vhost.declare(name, durable=True)
        [warning] = self.upgrade_warnings(amqp_durable_queues='false')
        self.assertIn('notifications.error, notifications.info are durable. '
                      'RabbitMQ refuses services whose', warning)
        self.assertIn('in every service that uses the exchange openstack',
                      warning)
        self.assertIn('delete the exchange and the queues', warning)

    def test_account_without_permission_yields_a_warning(self):
        login = self.vhost.create_user(configure='^$')
        for durable in (True, False):
            for name in self.KEYS:
                self.broker.request(
                    'PUT', f'queues/{self.vhost.name}/{name}',
                    {'durable': durable})
            [warning] = self.upgrade_warnings(
                self.vhost.url('rabbit', login=login))
            self.assertIn('may not declare notifications.error, '
                          'notifications.info, so it is unknown', warning)
            for name in self.KEYS:
                self.broker.request(
                    'DELETE', f'queues/{self.vhost.name}/{name}')

    def test_frozen_broker_is_named_within_the_timeout(self):
        host = f'{self.broker.host}:{self.broker.port}'
        self.broker.freeze()
        try:
            [warning] = self.upgrade_warnings(timeout=1)
        finally:
            self.broker.thaw()
        self.assertEqual('The queues of RabbitMQ could not be inspected: '
                         f'{host}: the broker does not respond.', warning)
        [warning] = self.upgrade_warnings('rabbit://guest:guest@127.0.0.1:1/')
        self.assertIn('127.0.0.1:1: Connection refused', warning)
