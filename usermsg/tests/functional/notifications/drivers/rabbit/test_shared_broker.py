# SPDX-License-Identifier: Apache-2.0
"""Other services of the same broker, whose options are the default ones."""

import queue
import uuid

from oslo_config import cfg
import oslo_messaging
from oslo_messaging import conffixture

from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import inspection
from usermsg.notifications.drivers.rabbit import settings
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import sending

_REFUSED = 'PRECONDITION_FAILED'


class _Endpoint:
    """Of a listener and of an RPC server."""

    def __init__(self):
        self.found = queue.Queue()

    def info(self, ctxt, publisher_id, event_type, payload, metadata):
        self.found.put(metadata['message_id'])

    def double(self, ctxt, number):
        return 2 * number


class OtherService:
    """Publisher, listener and RPC server of oslo.messaging, on defaults."""

    def __init__(self, test, url):
        self._test = test
        self._url = url
        self._conf = cfg.ConfigOpts()
        self._conf([], project='other', default_config_files=[])
        # It registers all options, and sets none.
        test.useFixture(conffixture.ConfFixture(self._conf))

    def _transport(self, make):
        transport = make(self._conf, self._url)
        self._test.addCleanup(transport.cleanup)
        return transport

    def _started(self, server):
        server.start()
        self._test.addCleanup(server.wait)
        self._test.addCleanup(server.stop)

    def publish(self):
        """Send a notification; returns its payload's id."""
        ident = uuid.uuid4().hex
        oslo_messaging.Notifier(
            self._transport(oslo_messaging.get_notification_transport),
            'other', driver='messagingv2', topics=['notifications'],
            retry=1).info({}, 'other.event', {'id': ident})
        return ident

    def listen(self):
        endpoint = _Endpoint()
        self._started(oslo_messaging.get_notification_listener(
            self._transport(oslo_messaging.get_notification_transport),
            [oslo_messaging.Target(topic='notifications')], [endpoint]))
        return endpoint.found

    def call(self):
        """Have a server of RPC double a number, on the same exchange."""
        transport = self._transport(oslo_messaging.get_rpc_transport)
        self._started(oslo_messaging.get_rpc_server(
            transport, oslo_messaging.Target(topic='other', server='host'),
            [_Endpoint()]))
        return oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic='other'),
            timeout=30).call({}, 'double', number=21)


class TestDefaults(sending.BrokerTestCase):

    def setUp(self):
        super().setUp()
        self.other = OtherService(self, self.url)
        runtime = self.runtime(oslo_messaging_notifications={
            'driver': 'rabbit', 'transport_url': self.url})
        drivers = loader.load(runtime.conf)
        self.addCleanup(loader.close, drivers)
        self.ours = drivers['rabbit']

    def send_ours(self):
        sent = self.notification(priority='INFO')
        self.assertIsNone(self.send(self.ours, sent))
        return sent.message_id

    def assert_all_work(self, sent):
        """Everything that was sent arrives, and everything else starts."""
        sent = {*sent, self.send_ours()}
        self.other.publish()
        found = self.other.listen()
        arrived = {found.get(timeout=60) for _ in range(len(sent) + 1)}
        self.assertLessEqual(sent, arrived)
        self.assertEqual(42, self.other.call())
        self.assertNotIn(_REFUSED, self.log.output)

    def test_usermsg_that_sends_first_harms_no_other_service(self):
        self.assert_all_work({self.send_ours()})

    def test_publisher_that_is_first_is_joined(self):
        self.other.publish()
        self.vhost.read(sending.QUEUE)
        self.assert_all_work({self.send_ours()})

    def test_listener_that_is_first_is_joined(self):
        found = self.other.listen()
        sent = self.send_ours()
        self.assertEqual(sent, found.get(timeout=60))
        self.assertEqual(42, self.other.call())
        self.assertNotIn(_REFUSED, self.log.output)

    def test_rpc_server_that_is_first_is_joined(self):
        self.assertEqual(42, self.other.call())
        self.assert_all_work({self.send_ours()})

    def test_durable_queue_of_others_is_used_as_it_is(self):
        self.vhost.declare(sending.QUEUE, 'openstack', sending.QUEUE,
                           durable=True)
        self.send_ours()
        queued = self.broker.ask(
            'GET', f'queues/{self.vhost.name}/{sending.QUEUE}')
        self.assertTrue(queued['durable'])
        self.vhost.read(sending.QUEUE)


class TestInspection(sending.BrokerTestCase):

    #: Never shared: it is frozen.
    broker_factory = rabbitmq.until_exit()

    KEYS = ('notifications.error', 'notifications.info')

    def upgrade_warnings(self, url=None, timeout=20, **options):
        conf = self.conf(**options)
        broker = settings.Broker(self.transport(url or self.url, conf))
        return inspection.upgrade_warnings(broker, self.KEYS, timeout)

    def queues(self):
        return {each['name']: each['durable'] for each in self.broker.ask(
            'GET', f'queues/{self.vhost.name}')}

    def test_missing_queues_will_be_lost_by_default(self):
        [doubt] = self.upgrade_warnings(amqp_durable_queues='false')
        self.assertIn('loses notifications.error, notifications.info', doubt)
        self.assertIn('amqp_durable_queues = true in every service', doubt)
        self.assertEqual({}, self.queues())

    def test_missing_queues_will_be_durable_if_configured(self):
        for options in ({'amqp_durable_queues': 'true'},
                        {'rabbit_quorum_queue': 'true',
                         'amqp_durable_queues': 'false'}):
            [doubt] = self.upgrade_warnings(**options)
            self.assertIn('notifications.error, notifications.info are, or '
                          'will be made, durable', doubt)
            self.assertIn('openstack', doubt)
        self.assertEqual({}, self.queues())

    def test_existing_queues_are_told_apart(self):
        self.vhost.declare('notifications.info', durable=False)
        self.vhost.declare('notifications.error', durable=True)
        before = self.queues()
        for durable, others in (('true', []), ('false', [
                'notifications.error are durable. RabbitMQ refuses'])):
            lost, *refused = self.upgrade_warnings(amqp_durable_queues=durable)
            self.assertIn('loses notifications.info with', lost)
            self.assertNotIn('notifications.error', lost)
            self.assertEqual(len(others), len(refused))
            for expected, doubt in zip(others, refused):
                self.assertIn(expected, doubt)
        self.assertEqual(before, self.queues())

    def test_nothing_is_doubtful_where_all_is_durable_as_configured(self):
        self.vhost.declare('notifications.info', durable=True)
        self.vhost.declare('notifications.error', durable=True, arguments={
            'x-queue-type': 'quorum'})
        self.assertEqual([], self.upgrade_warnings(amqp_durable_queues='true'))

    def test_durable_queues_that_defaults_do_not_fit_are_named(self):
        for name in self.KEYS:
            self.vhost.declare(name, durable=True)
        [doubt] = self.upgrade_warnings(amqp_durable_queues='false')
        self.assertIn('notifications.error, notifications.info are durable. '
                      'RabbitMQ refuses services whose', doubt)
        self.assertIn('in every service that uses the exchange openstack',
                      doubt)
        self.assertIn('delete the exchange and the queues', doubt)

    def test_account_without_rights_cannot_tell(self):
        login = self.vhost.create_user(configure='^$')
        for durable in (True, False):
            for name in self.KEYS:
                self.broker.ask(
                    'PUT', f'queues/{self.vhost.name}/{name}',
                    {'durable': durable})
            [doubt] = self.upgrade_warnings(self.vhost.url('rabbit', login=login))
            self.assertIn('notifications.error, notifications.info could not '
                          'be found out', doubt)
            for name in self.KEYS:
                self.broker.ask('DELETE', f'queues/{self.vhost.name}/{name}')

    def test_broker_that_does_not_answer_is_named_in_time(self):
        host = f'{self.broker.host}:{self.broker.port}'
        self.broker.freeze()
        try:
            [doubt] = self.upgrade_warnings(timeout=1)
        finally:
            self.broker.thaw()
        self.assertEqual('RabbitMQ could not be asked for its queues: '
                         f'{host}: it does not answer.', doubt)
        [doubt] = self.upgrade_warnings('rabbit://guest:guest@127.0.0.1:1/')
        self.assertIn('127.0.0.1:1: Connection refused', doubt)
