# SPDX-License-Identifier: Apache-2.0
"""From a real RabbitMQ to rows of real databases."""

import datetime
import logging
import uuid

import fixtures

from usermsg.db import models
from usermsg.objects import forget_request
from usermsg.tests import base
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import other_service
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import wire

QUEUE = 'usermsg.default'

#: Of no log line and no row.
SECRET = 'hunter2-payload'

CAPTURE = '21-volume-create-no-backend'
VOLUME = 'fdc9d8a8-b3d0-403c-ae64-b38a4aa164d1'


def failure(**values):
    """Return the body of a new ERROR about a volume."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return wire.body(**{
        'message_id': str(uuid.uuid4()), 'priority': 'ERROR',
        'timestamp': now.strftime('%Y-%m-%d %H:%M:%S.%f'),
        'payload': {'project_id': samples.PROJECT, 'text': SECRET,
                    'volume_id': str(uuid.uuid4())}, **values})


class ListenerMixin:

    broker_factory = rabbitmq.shared

    def prepare(self, listener=(), transport=(), notifications=(), tls=False,
                **groups):
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.addCleanup(self.check_log)
        self.broker = servers.require(type(self).broker_factory)
        self.vhost = self.broker.create_vhost()
        self.addCleanup(self.vhost.delete)
        if tls:
            groups['oslo_messaging_rabbit'] = {
                'ssl': 'true', 'ssl_ca_file': self.broker.ca}
        self.usermsg = self.runtime(
            oslo_messaging_notifications={
                'transport_url': self.vhost.url('rabbit', tls=tls),
                **dict(notifications)},
            listener={'max_age': 366 * 24 * 3600, **dict(listener)},
            listener_transport_default={
                'exchanges': 'openstack,glance', **dict(transport)},
            **groups)
        self.db = self.usermsg.db

    def check_log(self):
        for secret in (SECRET, self.broker.password):
            self.assertNotIn(secret, self.log.output)

    def start(self, **dependencies):
        listener = listening.Listener(self.usermsg, **dependencies)
        self.addCleanup(listener.stop)
        return listener

    def start_bound(self, **dependencies):
        """Start a listener; return it once its queue receives."""
        listener = self.start(**dependencies)
        self.wait_for_queue()
        return listener

    def wait_for_queue(self, exchange='openstack'):
        listening.wait_for(
            lambda: f'notifications of the exchange {exchange}\n'
            in self.log.output)

    def declare(self, exchange='openstack'):
        listening.publish(self.vhost, (), exchange)

    def publish(self, *bodies, **options):
        listening.publish(self.vhost, bodies, **options)

    def messages(self):
        return samples.stored(self.db)

    def dead_letters(self):
        return samples.stored(self.db, models.dead_letters)

    def wait_for_messages(self, number):
        listening.wait_for(lambda: len(self.messages()) >= number)
        self.wait_until_acknowledged()
        self.assertEqual(number, len(self.messages()))

    def wait_until_acknowledged(self):
        """Wait until the broker has no message for the listener."""
        def is_empty():
            queue = self.broker.control(
                '-q', 'list_queues', '-p', self.vhost.name, 'name',
                'messages')
            return f'{QUEUE}\t0' in queue
        listening.wait_for(is_empty)

    def count(self, name):
        """Return a metric of the listener, the sum over its labels."""
        return sum(
            sample.value for metric in
            self.usermsg.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == f'usermsg_listener_{name}_total')


class TestDatabases(ListenerMixin, databases.TestCase):

    def test_captured_failure_is_stored_once(self):
        self.prepare()
        self.declare()
        self.start_bound()
        for _repetition in range(2):
            captures.publish(self.vhost, captures.read(CAPTURE))
        self.publish(failure())
        self.wait_for_messages(2)
        message = self.messages()[0]
        self.assertEqual(
            ('81617689350b460aa78c857f82de9d11', VOLUME, 'ERROR',
             samples.EVENT),
            (message['project_id'], message['resource_uuid'],
             message['message_level'], message['event_id']))
        self.assertEqual(
            [f'notification:VOLUME:{VOLUME}'],
            [row['source_id'] for row in samples.stored(
                self.db, models.source_keys)
             if row['message_id'] == message['id']])
        self.assertEqual(2, self.count('written'))
        self.assertEqual(1, self.count('already_reported'))

    def test_malformed_messages_do_not_stop_others(self):
        self.prepare(listener={'dead_letter_limit': 5})
        self.declare()
        self.start_bound()
        context = wire.body(_context_auth_token=SECRET, payload=None)
        malformed = [
            b'', b'\xff', b'{', b'[' * 5000, wire.body(priority=None),
            wire.body(payload=SECRET).replace(b'message_id', b'x'),
            context.replace(b'volume.create', b''), b' ' * 3_000_000]
        for number, body in enumerate(malformed):
            self.publish(body, failure())
            self.wait_for_messages(number + 1)
        self.publish(context, headers={'compression': 'pigeon'})
        self.publish(failure(event_type='bug'), failure())
        self.wait_for_messages(len(malformed) + 1)
        self.assertEqual(len(malformed) + 2, self.count('dead_lettered'))
        self.assertEqual(5, len(self.dead_letters()))
        self.assertEqual(len(malformed) + 2 - 5,
                         self.count('dead_letters_dropped'))

    def test_dead_letters_are_stored_without_secrets(self):
        self.prepare()
        self.declare()
        self.start_bound()
        context = {'_context_auth_token': SECRET, '_context_request_id': 'r'}
        payload = {'admin_password': SECRET, 'size': 1,
                   'long': 'x' * 100_000}
        unparsed = wire.body(priority=None, **context)
        for _repetition in range(2):
            self.publish(
                failure(event_type='bug', payload=payload,
                        message_id='the same', timestamp='2026-11-30',
                        **context), unparsed, unparsed + b'{')
        self.publish(failure())
        self.wait_for_messages(1)
        letters = self.dead_letters()
        self.assertEqual(
            {('bug', 'Its evaluation failed: KeyError.'),
             (None, 'Its priority does not exist.'),
             (None, 'The content is not JSON.')},
            {(row['event_type'], row['reason']) for row in letters})
        self.assertEqual(3, len(letters))
        for row in letters:
            self.assertNotIn(SECRET, str(row))
            self.assertNotIn('auth_token', row['body'])
            self.assertLessEqual(len(row['body']), 65536)


class TestDatabaseServers(ListenerMixin, databases.TestCase):

    #: SQLite is no server.
    scenarios = databases.SCENARIOS[1:]

    def test_batch_waits_while_database_is_unavailable(self):
        # A server of this test alone, since it is killed.
        server = servers.require(type(servers.require(self.server)))
        self.addCleanup(server.stop)
        self.url = server.create_database()
        self.prepare()
        self.declare()
        listener = self.start_bound()
        self.publish(failure())
        self.wait_for_messages(1)
        server.kill()
        self.publish(failure(), failure())
        listening.wait_for(
            lambda: 'wait for the database' in self.log.output)
        server.start()
        self.wait_for_messages(3)
        self.assertEqual(3, self.count('received'))
        listener.stop()


class TestConsumer(ListenerMixin, base.TestCase):

    def test_missing_exchange_is_bound_once_it_exists(self):
        self.prepare()
        self.start()
        listening.wait_for(lambda: 'receives notifications of the transport'
                           in self.log.output)
        self.declare()
        self.wait_for_queue()
        self.publish(failure())
        self.wait_for_messages(1)
        self.declare('glance')
        self.wait_for_queue('glance')
        self.publish(failure(), exchange='glance')
        self.wait_for_messages(2)

    def test_stop_while_database_is_unavailable_requeues(self):
        self.prepare()
        self.declare()
        listener = self.start_bound()
        path = self.home / 'usermsg.sqlite'
        hidden = self.home / 'hidden'
        path.rename(hidden)
        path.mkdir()
        self.publish(failure(), failure())
        listening.wait_for(
            lambda: 'wait for the database' in self.log.output)
        listener.stop()
        self.assertEqual(2, self.vhost.count(QUEUE))
        path.rmdir()
        hidden.rename(path)
        self.start()
        self.wait_for_messages(2)

    def test_two_listeners_share_a_queue(self):
        self.prepare(listener={'batch_size': 5})
        self.declare()
        for _number in range(2):
            self.start_bound()
        self.publish(*[failure() for _ in range(200)])
        self.wait_for_messages(200)
        self.assertEqual(200, self.count('written'))

    def test_rate_of_one_project_does_not_affect_others(self):
        self.prepare(messages={'record_rate': 0.001, 'record_burst': 1000})
        self.declare()
        self.start_bound()
        flood = [failure() for _ in range(1100)]
        other = failure(payload={'project_id': 'other', 'volume_id': 'x'})
        self.publish(*flood[:600], other, *flood[600:])
        self.wait_for_messages(1001)
        self.assertEqual(100, self.count('ignored'))
        self.assertIn('other', [row['project_id'] for row in self.messages()])

    def test_unusable_and_old_notifications_are_counted(self):
        self.prepare(listener={'max_age': 3600})
        self.declare()
        self.start_bound()
        self.publish(
            *[failure(payload={'project_id': project, 'volume_id': volume})
              for project, volume in (
                  (None, 'x'), ('None', 'x'), ('ü', 'x'), ('x' * 65, 'x'),
                  (7, 'x'), ('p', 'None'), ('p', ['x']), ('p', 'ü'))],
            failure(timestamp='2025-01-31 12:00:00'),
            failure(timestamp='2199-01-31 12:00:00'))
        self.wait_for_messages(1)
        listening.wait_for(lambda: self.count('ignored') == 9)
        self.assertEqual([], self.dead_letters())
        [message] = self.messages()
        self.assertLess(message['created_at'].year, 2199)

    def test_observations_and_trusted_requests_are_stored(self):
        self.prepare(transport={'trusted': 'true'})
        self.declare()
        writer = listening.Writer()
        self.start_bound(writer=writer)
        self.publish(
            failure(event_type='image.update',
                    payload={'id': 'i', 'status': 'queued'}),
            failure(event_type='identity.project.deleted',
                    payload={'id': 'p'}), key='notifications.info')
        [request] = listening.wait_for(lambda: forget_request.pending(
            self.usermsg.db, forget_request.PROJECT))
        self.assertEqual('p', request.id)
        self.assertEqual('queued', writer.observations[0].status)

    def test_large_notifications_arrive_over_tls(self):
        self.prepare(tls=True)
        self.declare()
        self.start_bound()
        sizes = (1, 16 * 1024, 500_000, 100, 130_000, 0)
        self.publish(*[failure(payload={
            'project_id': samples.PROJECT, 'volume_id': f'volume-{size}',
            'text': 'x' * size}) for size in sizes])
        self.wait_for_messages(len(sizes))
        self.assertEqual(
            [f'volume-{size}' for size in sizes],
            [message['resource_uuid'] for message in self.messages()])

    def test_untrusted_request_to_forget_is_ignored(self):
        self.prepare()
        self.declare()
        self.start_bound()
        self.publish(failure(event_type='identity.project.deleted',
                             payload={'id': 'p'}))
        listening.wait_for(lambda: self.count('ignored') == 1)

    def test_failing_dependency_makes_one_dead_letter(self):
        self.prepare()
        self.declare()

        def check(observation):
            if observation.resource_uuid == 'poison':
                raise ValueError(SECRET)

        self.start_bound(writer=listening.Writer(check))
        self.publish(
            failure(), failure(event_type='image.update', payload={
                'id': 'poison', 'status': 'queued'}), failure())
        self.wait_for_messages(2)
        [letter] = listening.wait_for(self.dead_letters)
        self.assertEqual('Its storing failed: ValueError.', letter['reason'])

    def test_queue_type_quorum_is_declared(self):
        self.prepare(listener={'queue_type': 'quorum'})
        self.declare()
        self.start_bound()
        self.publish(failure())
        self.wait_for_messages(1)
        queue = self.broker.request(
            'GET', f'queues/{self.vhost.name}/{QUEUE}')
        self.assertEqual('quorum', queue['arguments']['x-queue-type'])

    def test_existing_queue_of_another_type_is_used(self):
        self.prepare(listener={'queue_type': 'quorum'})
        self.vhost.declare(QUEUE)
        self.declare()
        self.start_bound()
        self.publish(failure())
        self.wait_for_messages(1)
        self.assertIn('could not be declared as configured', self.log.output)


class TestOtherServices(ListenerMixin, base.TestCase):
    """Services with default options, in every order of start."""

    #: Notifications of a topic, once all have started.
    NUMBER = 20

    def prepare(self, **options):
        super().prepare(**options)
        self.other = other_service.OtherService(
            self, self.vhost.url('rabbit'))
        self.before = 0
        # Other tests share the broker, and have errors on purpose.
        self.previous_log = len(self.broker.log())

    def publish_before(self):
        """Send a notification before all have started."""
        self.other.publish()
        self.before += 1

    def assert_all_work(self, arrivals=None):
        """Check that nothing is lost on the way to any queue.

        :param arrivals: of the listener of another service; None to start
            one that consumes the queue of the publishers
        """
        self.wait_for_queue()
        # usermsg may have received some of those before.
        self.wait_until_acknowledged()
        received = self.count('received')
        self.assertEqual(42, self.other.call())
        for _ in range(self.NUMBER):
            self.other.publish()
            self.other.publish(topic='versioned_notifications')
        if arrivals is None:
            arrivals = self.other.listen()
        number = self.before + self.NUMBER
        self.assertEqual(number, len({
            arrivals.get(timeout=60) for _ in range(number)}))
        listening.wait_for(
            lambda: self.count('received') >= received + 2 * self.NUMBER)
        self.wait_until_acknowledged()
        self.assertEqual(received + 2 * self.NUMBER, self.count('received'))
        self.assertTrue(arrivals.empty())
        # usermsg consumes no queue but its own.
        self.assertEqual(self.NUMBER, self.vhost.count(
            'versioned_notifications.info'))
        self.assertNotIn('PRECONDITION_FAILED', self.log.output)
        self.assertNotIn('PRECONDITION_FAILED',
                         self.broker.log()[self.previous_log:])
        self.assertIn('openstack\tfalse', self.broker.control(
            '-q', 'list_exchanges', '-p', self.vhost.name, 'name', 'durable'))

    def test_listener_of_usermsg_first_keeps_services_working(self):
        self.prepare()
        self.start()
        self.publish_before()
        self.assert_all_work()

    def test_publisher_first_keeps_all_working(self):
        self.prepare()
        self.publish_before()
        self.start()
        self.assert_all_work()

    def test_other_listener_first_keeps_all_working(self):
        self.prepare()
        arrivals = self.other.listen()
        self.start()
        self.publish_before()
        self.assert_all_work(arrivals)

    def test_other_listener_with_pool_first_keeps_all_working(self):
        self.prepare()
        arrivals = self.other.listen(pool='ceilometer')
        self.start()
        self.assert_all_work(arrivals)
        # The queue of the publishers has no consumer.
        self.assertEqual(self.NUMBER, self.vhost.count('notifications.info'))

    def test_rpc_server_first_keeps_all_working(self):
        self.prepare()
        self.other.call()
        self.start()
        self.publish_before()
        self.assert_all_work()


class TestBroker(ListenerMixin, base.TestCase):

    #: Not shared with other classes, since a test kills it.
    broker_factory = rabbitmq.until_exit()

    def test_listener_continues_after_restart_of_broker(self):
        self.prepare()
        self.declare()
        self.start_bound()
        self.publish(failure())
        self.wait_for_messages(1)
        self.broker.kill()
        listening.wait_for(lambda: 'has no connection' in self.log.output)
        self.broker.start()
        # The exchange is gone, like those of all services.
        listening.wait_for(lambda: self.log.output.count(
            'notifications of the transport') == 2)
        self.declare()
        listening.wait_for(lambda: self.log.output.count(
            'receives notifications of the exchange openstack') == 2)
        self.publish(failure())
        self.wait_for_messages(2)
        self.assertEqual(
            1, self.log.output.count('has no connection'))

    def test_notifications_wait_in_queue_without_listener(self):
        self.prepare()
        self.declare()
        self.start_bound().stop()
        self.publish(*[failure() for _ in range(3)])
        self.broker.shut_down()
        self.broker.start()
        self.assertEqual(3, self.vhost.count(QUEUE))
        self.start()
        self.wait_for_messages(3)
