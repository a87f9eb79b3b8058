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
    """Keeps what a listener of oslo.messaging gets."""

    def __init__(self):
        self.found = queue.Queue()
        for priority in notification.PRIORITIES:
            setattr(self, priority.lower(),
                    functools.partial(self._keep, priority))

    def _keep(self, priority, ctxt, publisher_id, event_type, payload,
              metadata):
        self.found.put(({
            'priority': priority, 'publisher_id': publisher_id,
            'event_type': event_type, 'payload': payload, **metadata}, ctxt))


class RabbitTest(sending.BrokerTestCase):

    def listen(self, topic='notifications', **options):
        """An endpoint of a listener of oslo.messaging."""
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
        return self.broker.ask('GET', f'queues/{self.vhost.name}/{name}')

    def test_a_listener_of_oslo_messaging_gets_all_six_fields(self):
        driver = self.driver(self.url)
        endpoint = self.listen()
        for priority in ('INFO', 'WARN', 'ERROR'):
            sent = self.notification(priority=priority, payload={
                'name': sending.MARKER, 'size': 2 ** 40, 'text': 'ä\n€',
                'tags': ['a', None, True, 1.5]})
            driver.notify({}, sent.body(), priority, -1)
            self.assertEqual(sent.body(), endpoint.found.get(timeout=60)[0])

    def test_who_listens_later_gets_what_was_sent_before(self):
        sent = self.notification()
        self.assertIsNone(self.send(self.driver(self.url), sent))
        self.assertEqual(sent.body(),
                         self.listen().found.get(timeout=60)[0])

    def test_the_context_goes_along(self):
        ctxt = context.RequestContext(user_id='u1', project_id='p1',
                                      request_id='req-1',
                                      auth_token='of-the-user')
        self.driver(self.url).notify(
            ctxt, self.notification().body(), 'INFO', -1)
        found = self.listen().found.get(timeout=60)[1]
        expected = ctxt.to_dict()
        del expected['auth_token']
        self.assertEqual(expected, {key: found[key] for key in expected})
        self.assertNotIn('auth_token', found)

    def test_any_service_can_name_it(self):
        transport = self.transport(self.url)
        other = oslo_messaging.Notifier(transport, 'compute.host1',
                                        driver='rabbit', topics=['billing'])
        self.addCleanup(
            lambda: [each.obj.close() for each in other._driver_mgr])
        other.warn({}, 'compute.instance', {'name': sending.MARKER})
        [message] = self.vhost.read('billing.warn')
        found = self.content(message)
        self.assertEqual(
            ['compute.host1', 'WARN', {'name': sending.MARKER}],
            [found[key] for key in ('publisher_id', 'priority', 'payload')])

    def test_each_topic_gets_it(self):
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
        found = self.queue()
        self.assertEqual((True, False, 'classic'), (
            found['durable'], found['auto_delete'], found['type']))
        with self.vhost.connection() as connection:
            # Fails unless it is like that.
            connection.channel().exchange_declare(
                'openstack', 'topic', durable=True, auto_delete=False)
        [message] = self.vhost.read(sending.QUEUE)
        self.assertEqual(2, message.properties['delivery_mode'])

    def test_quorum_queues_are_declared_if_asked_for(self):
        sent = self.notification()
        options = {'rabbit_quorum_queue': 'true',
                   'rabbit_quorum_delivery_limit': '3',
                   'amqp_durable_queues': 'false'}
        self.assertIsNone(self.send(self.driver(self.url, **options), sent))
        self.assertEqual({'x-queue-type': 'quorum', 'x-delivery-limit': 3},
                         self.queue()['arguments'])
        self.assertEqual(
            sent.body(), self.listen(**options).found.get(timeout=60)[0])

    def test_options_in_the_url_count(self):
        self.assertIsNone(self.send(
            self.driver(self.url + '?rabbit_quorum_queue=true'),
            self.notification()))
        self.assertEqual('quorum', self.queue()['type'])

    def test_queues_that_are_not_durable_are_warned_of_once(self):
        driver = self.driver(self.url, amqp_durable_queues='false')
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        self.assertIsNone(self.send(driver, sent))
        self.assertFalse(self.queue()['durable'])
        self.assertEqual(1, self.log.output.count('lost when RabbitMQ'))

    def test_queues_of_listeners_with_other_options_are_used(self):
        endpoint = self.listen(amqp_durable_queues='false')
        driver = self.driver(self.url)
        for _ in range(2):
            sent = self.notification()
            self.assertIsNone(self.send(driver, sent))
            self.assertEqual(sent.body(), endpoint.found.get(timeout=60)[0])
        self.assertEqual(1, self.log.output.count(
            "inequivalent arg 'durable' for queue"))

    def test_what_was_compressed_is_understood(self):
        sent = self.notification()
        self.assertIsNone(self.send(
            self.driver(self.url, kombu_compression='gzip'), sent))
        self.assertEqual(sent.body(),
                         self.listen().found.get(timeout=60)[0])

    def test_a_queue_that_is_gone_is_declared_anew(self):
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.ask(
            'DELETE', f'queues/{self.vhost.name}/{sending.QUEUE}')
        sent = self.notification()
        self.assertIsNone(self.send(driver, sent))
        [message] = self.vhost.read(sending.QUEUE)
        self.assertEqual(sent.message_id, self.content(message)['message_id'])

    def test_what_no_queue_takes_is_not_delivered(self):
        self.vhost.declare('other', 'openstack', 'other')
        login = self.vhost.create_user(configure='^$')
        driver = self.driver(self.vhost.url('rabbit', login=login))
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertIn('no queue takes notifications.info', str(error))
        # Who may not declare queues can use those that others declared.
        self.vhost.declare(sending.QUEUE, 'openstack', sending.QUEUE)
        self.assertIsNone(self.send(driver, self.notification()))

    def test_a_full_queue_takes_nothing_until_there_is_room(self):
        self.vhost.declare(sending.QUEUE, arguments={
            'x-max-length': 1, 'x-overflow': 'reject-publish'})
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        sent = self.notification()
        error = self.send(driver, sent)
        self.assertIsInstance(error, errors.NotDelivered)
        self.assertNotIsInstance(error, errors.Rejected)
        self.assertIn('is a queue full?', str(error))
        self.vhost.read(sending.QUEUE)
        self.assertIsNone(self.send(driver, sent))
        [message] = self.vhost.read(sending.QUEUE)
        self.assertEqual(sent.message_id, self.content(message)['message_id'])

    def test_what_json_cannot_hold_is_refused(self):
        driver = self.driver(self.url)
        circle = [sending.MARKER]
        circle.append(circle)
        for payload in (circle, {'a': object()}, float('nan')):
            body = {**self.notification().body(), 'payload': payload}
            error = self.assertRaises(
                errors.Rejected, driver.notify, {}, body, 'INFO', -1)
            self.assertNotIn(sending.MARKER, str(error))
        self.assertIsNone(self.send(driver, self.notification()))

    def test_many_can_be_on_their_way(self):
        driver = self.driver(self.url)
        sent = [self.notification() for _ in range(1500)]
        for future in [driver.submit({}, each.body(), each.priority)
                       for each in sent]:
            self.assertIsNone(future.result(60))
        self.assertEqual(
            [each.message_id for each in sent],
            [self.content(message)['message_id']
             for message in self.vhost.read(sending.QUEUE, 1500)])

    def test_threads_share_a_connection(self):
        driver = self.driver(self.url)
        sent = [[self.notification() for _ in range(50)] for _ in range(8)]
        failures = []

        def send(mine):
            try:
                for each in mine:
                    driver.notify({}, each.body(), each.priority, -1)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=send, args=(mine,), daemon=True)
                   for mine in sent]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual([], failures)
        found = [self.content(message)['message_id']
                 for message in self.vhost.read(sending.QUEUE, 400)]
        for mine in sent:
            expected = [each.message_id for each in mine]
            self.assertEqual(
                expected, [ident for ident in found if ident in expected])

    def test_a_forked_child_has_a_connection_of_its_own(self):
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

    def test_a_wrong_password_is_said_with_the_host(self):
        driver = self.driver(
            self.vhost.url('rabbit', login=('usermsg', 'not-the-password')))
        self.secrets.append('not-the-password')
        self.assertIn('403 ACCESS_REFUSED', self.refusal(driver))

    def test_a_missing_virtual_host_is_said_with_the_host(self):
        driver = self.driver(self.broker.url('rabbit', 'nowhere'))
        self.assertIn("530 NOT_ALLOWED - vhost nowhere not found",
                      self.refusal(driver))

    def refusal(self, driver, tls=False):
        """Why a notification isn't delivered."""
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

    def test_an_untrusted_certificate_is_not_accepted(self):
        driver = self.driver(self.vhost.url('rabbit', tls=True), ssl='true')
        self.assertIn('its certificate is not trusted',
                      self.refusal(driver, tls=True))

    def test_a_certificate_of_another_host_is_not_accepted(self):
        url = self.vhost.url('rabbit', tls=True)
        driver = self.driver(
            url.replace('@127.0.0.1', '@127.0.0.2'), ssl='true',
            ssl_ca_file=self.broker.ca)
        error = self.send(driver, self.notification())
        self.assertIsInstance(error, errors.NotDelivered)

    def test_plain_text_is_not_spoken_where_tls_is_asked_for(self):
        driver = self.driver(self.url, ssl='true',
                             ssl_ca_file=self.broker.ca)
        self.assertIn('it does not speak TLS', self.refusal(driver))

    def test_a_port_that_wants_tls_is_guessed(self):
        driver = self.driver(self.vhost.url('rabbit', tls=True))
        self.assertIn('does it want TLS', self.refusal(driver, tls=True))

    def test_a_dead_host_is_passed_over(self):
        host = f'@127.0.0.1:{self.broker.port}'
        login = f'usermsg:{self.broker.password}@'
        url = self.url.replace(
            host, f'@127.0.0.1:{servers.free_port()},{login}{host[1:]},'
            f'{login}127.0.0.1:{servers.free_port()}')
        for _ in range(4):  # the order is by chance
            self.assertIsNone(
                self.send(self.driver(url), self.notification()))

    def test_only_rabbitmq_will_do(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.driver, 'fake://')
        self.assertIn('transport_url', str(error))

    def test_a_missing_certificate_file_is_named(self):
        error = self.assertRaises(
            exception.ConfigurationError, self.driver, self.url, ssl='true',
            ssl_ca_file='/nowhere/ca.pem')
        self.assertIn('ssl_ca_file: /nowhere/ca.pem', str(error))

    def test_it_is_a_driver_of_oslo_messaging(self):
        self.assertIsInstance(self.driver(self.url), notifier.Driver)
