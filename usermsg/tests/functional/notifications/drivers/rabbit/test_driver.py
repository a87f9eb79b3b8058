# SPDX-License-Identifier: Apache-2.0
import functools
import json
import multiprocessing
import queue
import threading

import oslo_messaging
from oslo_messaging.notify import notifier

from usermsg import context
from usermsg import exception
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.tests.fixtures import sending
from usermsg.tests.fixtures import servers


class _Endpoint:
    """Endpoint that keeps the notifications of a listener."""

    def __init__(self):
        self.received = queue.Queue()
        for priority in notification.PRIORITIES:
            setattr(self, priority.lower(),
                    functools.partial(self._keep, priority))

    def _keep(self, priority, ctxt, publisher_id, event_type, payload,
              metadata):
        self.received.put(({
            'priority': priority, 'publisher_id': publisher_id,
            'event_type': event_type, 'payload': payload, **metadata}, ctxt))


class RabbitTest(sending.BrokerTestCase):

    def listen(self, topic='notifications', **options):
        """Start a listener of oslo.messaging; return its endpoint."""
        endpoint = _Endpoint()
        listener = oslo_messaging.get_notification_listener(
            self.transport(self.url, self.conf(**options)),
            [oslo_messaging.Target(topic=topic)], [endpoint])
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        return endpoint

    def content(self, message):
        return json.loads(json.loads(message.body)['oslo.message'])

    def queue(self, name=sending.QUEUE):
        return self.broker.request('GET', f'queues/{self.vhost.name}/{name}')

    def test_listener_of_oslo_messaging_receives_six_attributes(self):
        driver = self.driver(self.url)
        endpoint = self.listen()
        for priority in ('INFO', 'WARN', 'ERROR'):
            sent = self.notification(priority=priority, payload={
                'name': sending.MARKER, 'size': 2 ** 40, 'text': 'ä\n€',
                'tags': ['a', None, True, 1.5]})
            driver.notify({}, sent.body(), priority, -1)
            self.assertEqual(sent.body(), endpoint.received.get(timeout=60)[0])

    def test_listener_that_starts_later_receives_earlier_messages(self):
        sent = self.notification()
        self.assertIsNone(self.send(self.driver(self.url), sent))
        self.assertEqual(sent.body(),
                         self.listen().received.get(timeout=60)[0])

    def test_context_is_sent_without_tokens(self):
        ctxt = context.RequestContext(user_id='u1', project_id='p1',
                                      request_id='req-1',
                                      auth_token='of-the-user')
        self.driver(self.url).notify(
            ctxt, self.notification().body(), 'INFO', -1)
        received = self.listen().received.get(timeout=60)[1]
        expected = ctxt.to_dict()
        del expected['auth_token']
        self.assertEqual(
            expected, {key: received[key] for key in expected})
        self.assertNotIn('auth_token', received)

    def test_notifier_of_another_service_loads_the_driver(self):
        transport = self.transport(self.url)
        other = oslo_messaging.Notifier(transport, 'compute.host1',
                                        driver='rabbit', topics=['billing'])
        self.addCleanup(
            lambda: [item.obj.close() for item in other._driver_mgr])
        other.warn({}, 'compute.instance', {'name': sending.MARKER})
        [message] = self.vhost.read('billing.warn')
        content = self.content(message)
        self.assertEqual(
            ['compute.host1', 'WARN', {'name': sending.MARKER}],
            [content[key] for key in ('publisher_id', 'priority', 'payload')])

    def test_notification_is_sent_to_each_topic(self):
        driver = self.driver(self.url, topics=('one', 'two'))
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        self.assertIsNone(
            driver.submit({}, sent.body(), 'INFO').result(60))
        for name in ('one.info', 'two.info'):
            self.assertEqual(
                [sent.message_id] * 2,
                [self.content(message)['message_id']
                 for message in self.vhost.read(name, 2)])

    def test_queues_are_durable_and_messages_persistent(self):
        self.assertIsNone(
            self.send(self.driver(self.url), self.notification()))
        declared = self.queue()
        self.assertEqual((True, False, 'classic'), (
            declared['durable'], declared['auto_delete'], declared['type']))
        with self.vhost.connection() as connection:
            # Fails if the exchange has other options.
            connection.channel().exchange_declare(
                'openstack', 'topic', durable=True, auto_delete=False)
        [message] = self.vhost.read(sending.QUEUE)
        self.assertEqual(2, message.properties['delivery_mode'])

    def test_quorum_queues_are_declared_if_configured(self):
        sent = self.notification()
        options = {'rabbit_quorum_queue': 'true',
                   'rabbit_quorum_delivery_limit': '3',
                   'amqp_durable_queues': 'false'}
        self.assertIsNone(self.send(self.driver(self.url, **options), sent))
        self.assertEqual({'x-queue-type': 'quorum', 'x-delivery-limit': 3},
                         self.queue()['arguments'])
        self.assertEqual(
            sent.body(), self.listen(**options).received.get(timeout=60)[0])

    def test_options_in_the_url_are_respected(self):
        self.assertIsNone(self.send(
            self.driver(self.url + '?rabbit_quorum_queue=true'),
            self.notification()))
        self.assertEqual('quorum', self.queue()['type'])

    def test_transient_queue_is_logged_once(self):
        driver = self.driver(self.url, amqp_durable_queues='false')
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        self.assertIsNone(self.send(driver, sent))
        self.assertFalse(self.queue()['durable'])
        self.assertEqual(1, self.log.output.count('lost when RabbitMQ'))

    def test_existing_queues_with_other_options_are_used(self):
        endpoint = self.listen(amqp_durable_queues='false')
        driver = self.driver(self.url)
        for _ in range(2):
            sent = self.notification()
            self.assertIsNone(self.send(driver, sent))
            self.assertEqual(sent.body(), endpoint.received.get(timeout=60)[0])
        self.assertEqual(1, self.log.output.count(
            "inequivalent arg 'durable' for queue"))

    def test_listener_reads_compressed_notifications(self):
        sent = self.notification()
        self.assertIsNone(self.send(
            self.driver(self.url, kombu_compression='gzip'), sent))
        self.assertEqual(sent.body(),
                         self.listen().received.get(timeout=60)[0])

    def test_deleted_queue_is_declared_again(self):
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.request(
            'DELETE', f'queues/{self.vhost.name}/{sending.QUEUE}')
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        [message] = self.vhost.read(sending.QUEUE)
        self.assertEqual(sent.message_id, self.content(message)['message_id'])

    def test_unroutable_notification_is_not_delivered(self):
        self.vhost.declare('other', 'openstack', 'other')
        login = self.vhost.create_user(configure='^$')
        driver = self.driver(self.vhost.url('rabbit', login=login))
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertIn('routes notifications.info to no queue', str(error))
        # An account that may not declare queues can use existing ones.
        self.vhost.declare(sending.QUEUE, 'openstack', sending.QUEUE)
        self.assertIsNone(self.send(driver, self.notification()))

    def test_full_queue_refuses_until_there_is_room(self):
        self.vhost.declare(sending.QUEUE, arguments={
            'x-max-length': 1, 'x-overflow': 'reject-publish'})
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        sent = self.notification()
        error = self.send(driver, sent)
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertNotIsInstance(error, errors.Rejected)
        self.assertIn('a queue may be full', str(error))
        self.vhost.read(sending.QUEUE)
        self.assertIsNone(self.send(driver, sent))
        [message] = self.vhost.read(sending.QUEUE)
        self.assertEqual(sent.message_id, self.content(message)['message_id'])

    def test_payload_that_json_cannot_represent_is_rejected(self):
        driver = self.driver(self.url)
        circle = [sending.MARKER]
        circle.append(circle)
        for payload in (circle, {'a': object()}, float('nan')):
            body = {**self.notification().body(), 'payload': payload}
            error = self.assertRaises(
                errors.Rejected, driver.notify, {}, body, 'INFO', -1)
            self.assertNotIn(sending.MARKER, str(error))
        self.assertIsNone(self.send(driver, self.notification()))

    def test_many_notifications_in_flight_keep_their_order(self):
        driver = self.driver(self.url)
        sent = [self.notification() for _ in range(1500)]
        for future in [driver.submit({}, item.body(), item.priority)
                       for item in sent]:
            self.assertIsNone(future.result(60))
        self.assertEqual(
            [item.message_id for item in sent],
            [self.content(message)['message_id']
             for message in self.vhost.read(sending.QUEUE, 1500)])

    def test_threads_share_a_connection(self):
        driver = self.driver(self.url)
        sent = [[self.notification() for _ in range(50)] for _ in range(8)]
        failures = []

        def send(batch):
            try:
                for item in batch:
                    driver.notify({}, item.body(), item.priority, -1)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=send, args=(batch,), daemon=True)
                   for batch in sent]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual([], failures)
        received = [self.content(message)['message_id']
                    for message in self.vhost.read(sending.QUEUE, 400)]
        for batch in sent:
            expected = [item.message_id for item in batch]
            self.assertEqual(
                expected, [ident for ident in received if ident in expected])

    def test_forked_child_has_another_connection(self):
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        sent = self.notification()
        child = multiprocessing.get_context('fork').Process(
            target=driver.notify, args=({}, sent.body(), 'INFO', -1))
        child.start()
        child.join(60)
        self.assertEqual(0, child.exitcode)
        self.assertIsNone(self.send(driver, self.notification()))
        self.assertIn(sent.message_id, [
            self.content(message)['message_id']
            for message in self.vhost.read(sending.QUEUE, 3)])

    def test_wrong_password_is_reported_with_the_host(self):
        driver = self.driver(
            self.vhost.url('rabbit', login=('usermsg', 'not-the-password')))
        self.secrets.append('not-the-password')
        self.assertIn('403 ACCESS_REFUSED', self.refusal(driver))

    def test_missing_virtual_host_is_reported_with_the_host(self):
        driver = self.driver(self.broker.url('rabbit', 'nowhere'))
        self.assertIn("530 NOT_ALLOWED - vhost nowhere not found",
                      self.refusal(driver))

    def refusal(self, driver, tls=False):
        """Return the reason why a notification isn't delivered."""
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)
        port = self.broker.tls_port if tls else self.broker.port
        self.assertIn(f'127.0.0.1:{port}: ', str(error))
        for secret in self.secrets:
            self.assertNotIn(secret, str(error))
        return str(error)

    def test_tls_is_used(self):
        sent = self.notification()
        driver = self.driver(self.vhost.url('rabbit', tls=True), ssl='true',
                             ssl_ca_file=self.broker.ca)
        self.assertIsNone(self.send(driver, sent))
        futures = [driver.submit({}, sent.body(), 'INFO') for _ in range(99)]
        for future in futures:
            self.assertIsNone(future.result(60))
        self.assertEqual(100, self.vhost.count(sending.QUEUE))

    def test_untrusted_certificate_is_refused(self):
        driver = self.driver(self.vhost.url('rabbit', tls=True), ssl='true')
        self.assertIn('the certificate of the broker is not trusted',
                      self.refusal(driver, tls=True))

    def test_certificate_of_another_host_is_refused(self):
        url = self.vhost.url('rabbit', tls=True)
        driver = self.driver(
            url.replace('@127.0.0.1', '@127.0.0.2'), ssl='true',
            ssl_ca_file=self.broker.ca)
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)

    def test_port_without_tls_is_refused_if_tls_is_configured(self):
        driver = self.driver(self.url, ssl='true',
                             ssl_ca_file=self.broker.ca)
        self.assertIn('the broker does not use TLS', self.refusal(driver))

    def test_port_with_tls_is_recognized_without_tls(self):
        driver = self.driver(self.vhost.url('rabbit', tls=True))
        self.assertIn('may require TLS', self.refusal(driver, tls=True))

    def test_unavailable_host_is_skipped(self):
        host = f'@127.0.0.1:{self.broker.port}'
        login = f'usermsg:{self.broker.password}@'
        url = self.url.replace(
            host, f'@127.0.0.1:{servers.free_port()},{login}{host[1:]},'
            f'{login}127.0.0.1:{servers.free_port()}')
        for _ in range(4):  # the order of hosts is random
            self.assertIsNone(
                self.send(self.driver(url), self.notification()))

    def test_transport_of_another_broker_is_refused(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.driver, 'fake://')
        self.assertIn('transport_url', str(error))

    def test_missing_certificate_file_is_named(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.driver, self.url, ssl='true',
            ssl_ca_file='/nowhere/ca.pem')
        self.assertIn('ssl_ca_file: /nowhere/ca.pem', str(error))

    def test_driver_is_a_driver_of_oslo_messaging(self):
        self.assertIsInstance(self.driver(self.url), notifier.Driver)
