# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``qpid`` with brokers and their consumers."""

import contextlib
import json
import queue

from oslo_config import cfg
import oslo_messaging

from usermsg.notifications import errors
from usermsg.tests.fixtures import old_driver
from usermsg.tests.fixtures import qpid_brokers
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import servers


class Case(qpid_case.QpidCase):

    def start(self, broker):
        broker = servers.require(broker)
        self.addCleanup(broker.stop)
        return broker

    def wait_for_all(self, sent):
        for future in sent:
            future.result(qpid_case.TIMEOUT)


class ProtonTest(Case):

    def test_many_messages_pass_through_the_brokers_of_proton(self):
        for kind in (qpid_brokers.CBroker, qpid_brokers.CppBroker,
                     qpid_brokers.PythonBroker):
            broker = self.start(kind)
            expected, sent = self.submit(self.driver(broker.url()), 500)
            self.wait_for_all(sent)
            self.assertEqual(expected, [
                message.id for message in qpid_brokers.receive(
                    broker.url(), qpid_case.ADDRESS, 500)])

    def test_large_message_is_delivered(self):
        broker = self.start(qpid_brokers.CBroker)
        payload = {'text': 'x' * 3_000_000}
        self.send(self.driver(broker.url(), envelope='none'),
                  qpid_case.make_body(payload=payload))
        message, = qpid_brokers.receive(broker.url(), qpid_case.ADDRESS, 1)
        self.assertEqual(payload, json.loads(bytes(message.body))['payload'])

    def test_restarted_broker_receives_pending_messages(self):
        broker = self.start(qpid_brokers.CBroker)
        driver = self.driver(broker.url())
        self.send(driver)
        broker.kill()
        expected, sent = self.submit(driver, 50)
        broker.start()
        self.wait_for_all(sent)
        self.assertEqual(expected, [
            message.id for message in qpid_brokers.receive(
                broker.url(), qpid_case.ADDRESS, 50)])


class OldDriverTest(Case):

    def test_listener_with_the_former_driver_receives_all_attributes(self):
        broker = self.start(qpid_brokers.PythonBroker)
        for form in ('legacy', 'routable'):
            reader = self.start(lambda form=form: old_driver.Listener(
                broker.url(), form, exchange='glance'))
            driver = self.driver(
                broker.url(), address=form, exchange='glance')
            bodies = [
                self.send(driver, priority=priority, context={'user': 'eve'})
                for priority in ('INFO', 'WARN', 'ERROR')]
            # Each priority has its own queue, so the order may differ.
            received = sorted(
                reader.wait_for(3), key=lambda item: item['priority'])
            bodies.sort(key=lambda body: body['priority'])
            self.assertEqual(bodies, [{
                'message_id': item['metadata']['message_id'],
                'timestamp': item['metadata']['timestamp'],
                'publisher_id': item['publisher_id'],
                'event_type': item['event_type'],
                'payload': item['payload'],
                'priority': item['priority'].upper()} for item in received])
            self.assertEqual([{'user': 'eve'}] * 3,
                             [item['ctxt'] for item in received])

    def test_preset_addresses_contain_the_virtual_host(self):
        broker = self.start(qpid_brokers.PythonBroker)
        for form in ('legacy', 'routable'):
            reader = self.start(lambda form=form: old_driver.Listener(
                f'{broker.url()}/cloud', form))
            body = self.send(self.driver(
                broker.url(), address=form, vhost='cloud'))
            received, = reader.wait_for(1)
            self.assertEqual(body['message_id'],
                             received['metadata']['message_id'])


class RabbitTest(Case):

    def options(self, broker, vhost, **options):
        return {'vhost': f'vhost:{vhost.name}', 'envelope': 'none',
                'address': '/exchange/glance/{topic}.{priority}',
                'allow_plain_without_tls': 'true', **options}

    def vhost(self, broker):
        vhost = broker.create_vhost()
        vhost.declare('images', 'glance', qpid_case.ADDRESS)
        return vhost

    def shared(self):
        broker = servers.require(rabbitmq.shared)
        vhost = self.vhost(broker)
        self.addCleanup(vhost.delete)
        return broker, vhost

    def url(self, broker, tls=False):
        # Proton compares a certificate with host names, not with IP addresses.
        address = (f'localhost:{broker.tls_port}' if tls else
                   f'{broker.host}:{broker.port}')
        return (f'{"amqps" if tls else "amqp"}://{broker.user}:'
                f'{broker.password}@{address}')

    def test_exchange_routes_persistent_messages_in_order(self):
        broker, vhost = self.shared()
        driver = self.driver(self.url(broker), **self.options(broker, vhost))
        body = self.send(driver)
        expected, sent = self.submit(driver, 200)
        self.wait_for_all(sent)
        messages = vhost.read('images', 201)
        self.assertEqual(body, json.loads(messages[0].body))
        self.assertEqual(
            (2, 'application/json', body['message_id']),
            tuple(messages[0].properties[name] for name in (
                'delivery_mode', 'content_type', 'message_id')))
        self.assertEqual(expected, [
            message.properties['message_id'] for message in messages[1:]])

    def test_subject_is_the_routing_key(self):
        broker, vhost = self.shared()
        driver = self.driver(self.url(broker), **self.options(
            broker, vhost, address='/exchange/glance'))
        body = self.send(driver)
        message, = vhost.read('images')
        self.assertEqual(body['message_id'], message.properties['message_id'])

    def test_address_of_a_queue_delivers_to_it(self):
        broker, vhost = self.shared()
        driver = self.driver(self.url(broker), **self.options(
            broker, vhost, address='/amq/queue/images'))
        body = self.send(driver)
        message, = vhost.read('images')
        self.assertEqual(body['message_id'], message.properties['message_id'])

    def test_oslo_messaging_listener_receives_the_notification(self):
        broker, vhost = self.shared()
        endpoint = _Endpoint()
        conf = cfg.ConfigOpts()
        conf([], project='reader', default_config_files=[])
        transport = oslo_messaging.get_notification_transport(
            conf, vhost.url('rabbit'))
        self.addCleanup(transport.cleanup)
        listener = oslo_messaging.get_notification_listener(
            transport, [oslo_messaging.Target(topic='notifications')],
            [endpoint])
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        body = self.send(self.driver(
            self.url(broker), **self.options(
                broker, vhost,
                address='/exchange/openstack/{topic}.{priority}')))
        self.assertEqual(
            (body['publisher_id'], body['event_type'], body['payload'],
             {'message_id': body['message_id'],
              'timestamp': body['timestamp']}),
            endpoint.notifications.get(timeout=qpid_case.TIMEOUT)[1:])

    def test_tls_with_a_password(self):
        broker, vhost = self.shared()
        driver = self.driver(
            self.url(broker, tls=True), ssl_ca_file=broker.ca,
            **self.options(broker, vhost, allow_plain_without_tls='false'))
        body = self.send(driver)
        message, = vhost.read('images')
        self.assertEqual(body['message_id'], message.properties['message_id'])

    def test_invalid_address_does_not_affect_other_addresses(self):
        broker, vhost = self.shared()
        driver = self.driver(
            self.url(broker), drain_timeout=0, **self.options(
                broker, vhost, address='/exchange/{topic}/{priority}'))
        vhost.declare('errors', 'notifications', 'error')
        invalid_driver = self.driver(
            self.url(broker), drain_timeout=0, **self.options(
                broker, vhost, address='/invalid/{topic}'))
        pending = invalid_driver.submit({}, qpid_case.make_body(), 'info')
        body = self.send(driver, priority='ERROR')
        message, = vhost.read('errors')
        self.assertEqual(body['message_id'], message.properties['message_id'])
        self.assertIsNotNone(pending.exception(qpid_case.TIMEOUT))

    def test_delivery_timeout_keeps_the_session(self):
        broker, vhost = self.shared()
        driver = self.driver(
            self.url(broker), delivery_timeout=3,
            **self.options(broker, vhost))
        self.deliver(driver)
        broker.freeze()
        self.addCleanup(broker.thaw)
        expired, sent = self.submit(driver, 20)
        for future in sent:
            self.assertIsInstance(future.exception(qpid_case.TIMEOUT),
                                  errors.NotDelivered)
        broker.thaw()
        self.deliver(driver)
        self.assertEqual([], self.warnings())
        arrived = [message.properties['message_id'] for message in
                   vhost.read('images', vhost.count('images'))]
        self.assertEqual(
            [1] * 20, [arrived.count(ident) for ident in expired])

    def deliver(self, driver):
        """Send a notification; retry, as a busy machine may time out."""
        for _ in range(20):
            with contextlib.suppress(errors.NotDelivered):
                return self.send(driver)
        self.fail('the notification was never delivered')

    def test_all_messages_survive_a_killed_broker(self):
        broker = self.start(rabbitmq.RabbitMQ)
        vhost = self.vhost(broker)
        driver = self.driver(
            self.url(broker), **self.options(broker, vhost))
        expected, sent = self.submit(driver, 2000)
        sent[100].result(qpid_case.TIMEOUT)
        broker.kill()
        broker.start()
        self.wait_for_all(sent)
        messages = vhost.read('images', vhost.count('images'))
        self.assertEqual(expected, list(dict.fromkeys(
            message.properties['message_id'] for message in messages)))


class _Endpoint:
    """Endpoint that keeps the notifications of an oslo.messaging listener."""

    def __init__(self):
        self.notifications = queue.Queue()

    def info(self, *arguments):
        self.notifications.put(arguments)
