# SPDX-License-Identifier: Apache-2.0
"""The driver ``qpid`` with brokers, and with those who read from them."""

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

    def await_all(self, sent):
        for future in sent:
            future.result(qpid_case.TIMEOUT)


class ProtonTest(Case):

    def test_many_pass_through_proton_s_brokers(self):
        for kind in (qpid_brokers.CBroker, qpid_brokers.CppBroker,
                     qpid_brokers.PythonBroker):
            broker = self.start(kind)
            wanted, sent = self.submit(self.driver(broker.url()), 500)
            self.await_all(sent)
            self.assertEqual(wanted, [
                message.id for message in qpid_brokers.receive(
                    broker.url(), qpid_case.ADDRESS, 500)])

    def test_a_large_one_passes_too(self):
        broker = self.start(qpid_brokers.CBroker)
        payload = {'text': 'x' * 3_000_000}
        self.send(self.driver(broker.url(), envelope='none'),
                  qpid_case.note(payload=payload))
        message, = qpid_brokers.receive(broker.url(), qpid_case.ADDRESS, 1)
        self.assertEqual(payload, json.loads(bytes(message.body))['payload'])

    def test_a_broker_that_was_killed_is_found_again(self):
        broker = self.start(qpid_brokers.CBroker)
        driver = self.driver(broker.url())
        self.send(driver)
        broker.kill()
        wanted, sent = self.submit(driver, 50)
        broker.start()
        self.await_all(sent)
        self.assertEqual(wanted, [
            message.id for message in qpid_brokers.receive(
                broker.url(), qpid_case.ADDRESS, 50)])


class OldDriverTest(Case):

    def test_who_reads_with_the_old_driver_gets_all_of_it(self):
        broker = self.start(qpid_brokers.PythonBroker)
        for form in ('legacy', 'routable'):
            reader = self.start(lambda form=form: old_driver.Listener(
                broker.url(), form, exchange='glance'))
            driver = self.driver(
                broker.url(), address=form, exchange='glance')
            bodies = [
                self.send(driver, priority=priority, context={'user': 'eve'})
                for priority in ('INFO', 'WARN', 'ERROR')]
            # Each priority is a queue of its own.
            found = sorted(reader.wait_for(3), key=lambda one: one['priority'])
            bodies.sort(key=lambda body: body['priority'])
            self.assertEqual(bodies, [{
                'message_id': one['metadata']['message_id'],
                'timestamp': one['metadata']['timestamp'],
                'publisher_id': one['publisher_id'],
                'event_type': one['event_type'],
                'payload': one['payload'],
                'priority': one['priority'].upper()} for one in found])
            self.assertEqual([{'user': 'eve'}] * 3,
                             [one['ctxt'] for one in found])

    def test_a_virtual_host_is_part_of_the_address(self):
        broker = self.start(qpid_brokers.PythonBroker)
        for form in ('legacy', 'routable'):
            reader = self.start(lambda form=form: old_driver.Listener(
                f'{broker.url()}/cloud', form))
            body = self.send(self.driver(
                broker.url(), address=form, vhost='cloud'))
            one, = reader.wait_for(1)
            self.assertEqual(body['message_id'],
                             one['metadata']['message_id'])


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
        # Proton compares names in certificates, not addresses.
        where = (f'localhost:{broker.tls_port}' if tls else
                 f'{broker.host}:{broker.port}')
        return (f'{"amqps" if tls else "amqp"}://{broker.user}:'
                f'{broker.password}@{where}')

    def test_an_exchange_routes_what_is_stored_on_disk(self):
        broker, vhost = self.shared()
        driver = self.driver(self.url(broker), **self.options(broker, vhost))
        body = self.send(driver)
        wanted, sent = self.submit(driver, 200)
        self.await_all(sent)
        messages = vhost.read('images', 201)
        self.assertEqual(body, json.loads(messages[0].body))
        self.assertEqual(
            (2, 'application/json', body['message_id']),
            tuple(messages[0].properties[name] for name in (
                'delivery_mode', 'content_type', 'message_id')))
        self.assertEqual(wanted, [
            message.properties['message_id'] for message in messages[1:]])

    def test_the_subject_is_the_routing_key(self):
        broker, vhost = self.shared()
        driver = self.driver(self.url(broker), **self.options(
            broker, vhost, address='/exchange/glance'))
        body = self.send(driver)
        message, = vhost.read('images')
        self.assertEqual(body['message_id'], message.properties['message_id'])

    def test_a_queue_can_be_named(self):
        broker, vhost = self.shared()
        driver = self.driver(self.url(broker), **self.options(
            broker, vhost, address='/amq/queue/images'))
        body = self.send(driver)
        message, = vhost.read('images')
        self.assertEqual(body['message_id'], message.properties['message_id'])

    def test_a_listener_of_oslo_messaging_reads_it(self):
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
            endpoint.found.get(timeout=qpid_case.TIMEOUT)[1:])

    def test_tls_and_a_password(self):
        broker, vhost = self.shared()
        driver = self.driver(
            self.url(broker, tls=True), ssl_ca_file=broker.ca,
            **self.options(broker, vhost, allow_plain_without_tls='false'))
        body = self.send(driver)
        message, = vhost.read('images')
        self.assertEqual(body['message_id'], message.properties['message_id'])

    def test_a_bad_address_ends_only_its_own_session(self):
        broker, vhost = self.shared()
        driver = self.driver(
            self.url(broker), drain_timeout=0, **self.options(
                broker, vhost, address='/exchange/{topic}/{priority}'))
        vhost.declare('errors', 'notifications', 'error')
        driver_of_bad = self.driver(
            self.url(broker), drain_timeout=0, **self.options(
                broker, vhost, address='/nonsense/{topic}'))
        waiting = driver_of_bad.submit({}, qpid_case.note(), 'info')
        body = self.send(driver, priority='ERROR')
        message, = vhost.read('errors')
        self.assertEqual(body['message_id'], message.properties['message_id'])
        self.assertIsNotNone(waiting.exception(qpid_case.TIMEOUT))

    def test_giving_one_up_does_not_end_the_session_of_others(self):
        broker, vhost = self.shared()
        driver = self.driver(
            self.url(broker), delivery_timeout=3,
            **self.options(broker, vhost))
        self.deliver(driver)
        broker.freeze()
        self.addCleanup(broker.thaw)
        overdue, sent = self.submit(driver, 20)
        for future in sent:
            self.assertIsInstance(future.exception(qpid_case.TIMEOUT),
                                  errors.NotDelivered)
        broker.thaw()
        self.deliver(driver)
        self.assertEqual([], self.warnings())
        arrived = [message.properties['message_id'] for message in
                   vhost.read('images', vhost.count('images'))]
        self.assertEqual(
            [1] * 20, [arrived.count(ident) for ident in overdue])

    def deliver(self, driver):
        """Send one, as often as it takes on a busy machine."""
        for _ in range(20):
            with contextlib.suppress(errors.NotDelivered):
                return self.send(driver)
        self.fail('it was never delivered')

    def test_all_survive_a_broker_that_is_killed(self):
        broker = self.start(rabbitmq.RabbitMQ)
        vhost = self.vhost(broker)
        driver = self.driver(
            self.url(broker), **self.options(broker, vhost))
        wanted, sent = self.submit(driver, 2000)
        sent[100].result(qpid_case.TIMEOUT)
        broker.kill()
        broker.start()
        self.await_all(sent)
        messages = vhost.read('images', vhost.count('images'))
        self.assertEqual(wanted, list(dict.fromkeys(
            message.properties['message_id'] for message in messages)))


class _Endpoint:
    """Keeps what a listener of oslo.messaging gets."""

    def __init__(self):
        self.found = queue.Queue()

    def info(self, *arguments):
        self.found.put(arguments)
