# SPDX-License-Identifier: Apache-2.0
"""Captures from a real RabbitMQ to the messages of real databases.

In every order of arrival, and after every interruption, the messages are those
that stand beside each capture, each once, and nothing else of a notification
is stored or logged.
"""

import random
import time

from usermsg.db import models
from usermsg.listener import correlation
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.functional.listener import test_consumer
from usermsg.tests.functional.worker import test_listener

COLUMNS = ('project_id', 'user_id', 'resource_type', 'resource_uuid',
           'event_id', 'message_level', 'request_id')

#: Seconds between the times of two variants, so that no cause of one can be
#: that of another.
DISTANCE = 600


def recorded(tag):
    deliveries = [item.rename(tag) for item in captures.read()]
    return deliveries, captures.read_expected(tag=tag)


def shuffled(tag):
    deliveries, expected = recorded(tag)
    random.Random(tag).shuffle(deliveries)
    return deliveries, expected


def duplicated(tag):
    deliveries, expected = recorded(tag)
    return [*(item for item in deliveries for _number in range(2)),
            *deliveries], expected


def interleaved(tag):
    """Return the same failures of two projects at one time."""
    first, expected = recorded(tag)
    second, further = recorded(tag + ' other project')
    second = [item.move(0.001) for item in second]
    return [item for pair in zip(first, second)
            for item in pair], expected + further


def repeated(tag):
    """Return two failures of each image that fails."""
    names = ('10-image-upload-store-full', '15-image-upload-store-readonly')
    # Without its deletion, which is the last delivery.
    first = [item.rename(tag) for name in names
             for item in captures.read(name)[:-1]]
    second = [item.move(30).repeat('again') for item in first]
    return first + second, 2 * captures.read_expected(*names, tag=tag)


def skewed(tag):
    """Return the failures of two hosts whose clocks differ by 5 seconds."""
    first, expected = recorded(tag)
    second, further = recorded(tag + ' other host')
    second = [item.replace('.cloud1', '.cloud2').move(5) for item in second]
    return [item for pair in zip(first, second)
            for item in pair], expected + further


VARIANTS = (recorded, shuffled, duplicated, interleaved, repeated, skewed)


def build(*variants):
    """Return the deliveries of variants, and the expected messages.

    Their times end now.
    """
    deliveries, expected = [], []
    for number, variant in enumerate(variants):
        items, messages = variant(f'{number} {variant.__name__}')
        deliveries += [item.move(number * DISTANCE) for item in items]
        expected += messages
    age = captures.seconds_until_now(deliveries)
    return [item.move(age) for item in deliveries], expected


def split():
    """Return failures whose deliveries are in two parts.

    Once the state that proves the failure is in the first part, and once the
    error that is its cause.
    """
    name = '10-image-upload-store-full'
    _create, *states, error, queued, _delete = captures.read(name)
    parts, expected = ([], []), []
    for number, (before, after) in enumerate((
            ([*states, queued], [error]), ([*states, error], [queued]))):
        tag = f'part {number}'
        for part, deliveries in zip(parts, (before, after)):
            part += [item.rename(tag).move(number * DISTANCE)
                     for item in deliveries]
        expected += captures.read_expected(name, tag=tag)
    age = captures.seconds_until_now(parts[0] + parts[1])
    return [[item.move(age) for item in part] for part in parts], expected


def row(message):
    return tuple(message[name] for name in COLUMNS)


class TestCase(test_listener.TestCase):

    #: Of [listener] correlation_delay. Shuffled notifications arrive in a
    #: shorter time even on a busy machine.
    DELAY = 5

    def setUp(self):
        super().setUp()
        self.port = 0  # for any number of workers
        self.workers = []

    def prepare(self, groups=(), **listener):
        super().prepare(
            rules='rules: []\n',
            listener={'correlation_delay': self.DELAY, **listener},
            transport={'exchanges': 'openstack,glance,keystone',
                       'trusted': 'true'}, **dict(groups))
        captures.declare(self.vhost)

    def start_worker(self):
        """Start a worker; return it once its queue is bound."""
        worker = self.worker()
        self.workers.append(worker)
        self.wait_until_bound(worker)
        return worker

    def wait_until_bound(self, worker, number=1):
        for exchange in ('openstack', 'glance', 'keystone'):
            listening.wait_for(lambda: worker.log().count(
                f'notifications of the exchange {exchange}\n') == number)

    def publish(self, deliveries):
        captures.publish(self.vhost, deliveries)

    def observations(self):
        return samples.stored(self.db, models.observations)

    def wait_for_middle(self):
        """Wait until some notifications are stored, and not all."""
        listening.wait_for(lambda: self.observations() or self.messages())

    def check(self, expected):
        self.wait_until_acknowledged()
        listening.wait_for(lambda: not [
            row for row in self.observations()
            if row['kind'] in (correlation.STATE, correlation.FAILURE)])
        self.assertEqual(sorted(map(repr, map(row, expected))),
                         sorted(map(repr, map(row, self.messages()))))
        self.assertEqual([], self.dead_letters())
        self.check_texts()

    def check_texts(self):
        """Check that no text of a notification was stored or logged."""
        kept = [repr(samples.stored(self.db, table))
                for table in models.metadata.sorted_tables]
        kept += [worker.log() for worker in self.workers]
        self.assertIn('IMAGE_IMAGE_003_', ''.join(kept))
        for text in captures.raw_texts():
            for place in kept:
                self.assertNotIn(text, place)


class TestVariants(TestCase):

    def test_every_order_gives_the_expected_messages(self):
        deliveries, expected = build(*VARIANTS)
        self.assertEqual(18 + 18 + 18 + 36 + 4 + 36, len(expected))
        self.prepare()
        self.start_worker()
        self.publish(deliveries)
        self.check(expected)

    def test_two_workers_of_which_one_is_killed(self):
        deliveries, expected = build(shuffled, duplicated, interleaved)
        self.prepare(batch_size=20)
        killed, _other = [self.start_worker() for _number in range(2)]
        self.publish(deliveries)
        self.wait_for_middle()
        killed.kill()
        self.start_worker()
        self.check(expected)


class TestWorker(TestCase):

    scenarios = databases.SCENARIOS[:1]

    def test_killed_worker_is_replaced_by_another(self):
        deliveries, expected = build(shuffled, interleaved, recorded)
        self.prepare(batch_size=5)
        worker = self.start_worker()
        self.publish(deliveries)
        self.wait_for_middle()
        worker.kill()
        self.start_worker()
        self.check(expected)

    def test_failure_in_parts_before_and_after_a_long_stop(self):
        (before, after), expected = split()
        self.prepare()
        worker = self.start_worker()
        self.publish(before)
        self.wait_until_acknowledged()
        worker.kill()
        self.publish(after)
        # Longer than errors are kept for states that follow them.
        time.sleep(2 * self.DELAY + 1)
        self.start_worker()
        self.check(expected)


class TestDatabase(TestCase):

    scenarios = databases.SCENARIOS[1:]

    def test_database_is_restarted_in_the_middle(self):
        deliveries, expected = build(shuffled, interleaved, recorded)
        (before, after), further = split()
        # A server of this test alone, since it is killed.
        server = servers.require(type(servers.require(self.server)))
        self.addCleanup(server.stop)
        self.url = server.create_database()
        self.prepare(batch_size=5)
        worker = self.start_worker()
        self.publish(before + deliveries)
        self.wait_for_middle()
        server.kill()
        self.publish(after)
        listening.wait_for(lambda: 'wait for the database' in worker.log())
        # Longer than errors are kept for states that follow them.
        time.sleep(2 * self.DELAY + 1)
        server.start()
        self.check(expected + further)


class TestBroker(TestCase):

    scenarios = databases.SCENARIOS[:1]

    #: Not shared with other classes, since a test kills it.
    broker_factory = rabbitmq.until_exit()

    def test_broker_is_restarted_in_the_middle(self):
        deliveries, expected = build(shuffled, interleaved, recorded)
        self.prepare(batch_size=5)
        worker = self.start_worker()
        # A broker that is killed can lose a queue that was declared in the
        # last seconds: Mnesia's log is written with a delay.
        time.sleep(5)
        self.publish(deliveries)
        self.wait_for_middle()
        self.broker.kill()
        listening.wait_for(lambda: 'has no connection' in worker.log())
        self.broker.start()
        self.check(expected)


class TestFlood(TestCase):

    # The rate doesn't depend on the database.
    scenarios = databases.SCENARIOS[:1]

    #: Messages of a project, and failures of the project that exceed them.
    BURST, VOLUMES, IMAGES = 1000, 2500, 100

    #: Failures of each kind of another project, fewer than its burst.
    OTHERS = 10

    NAMES = ('21-volume-create-no-backend', '15-image-upload-store-readonly')

    def failures(self, name, number, project):
        """Return failures of one project, and the expected messages."""
        deliveries, expected = [], []
        age = captures.seconds_until_now(captures.read(name))
        for each in range(number):
            tag = f'{project} {each}'
            other = captures.rename(captures.PROJECT, tag)
            renamed = captures.rename(captures.PROJECT, project)
            deliveries += [item.rename(tag).replace(other, renamed).move(age)
                           for item in captures.read(name)]
            expected += [{**message, 'project_id': renamed} for message
                         in captures.read_expected(name, tag=tag)]
        return deliveries, expected

    def test_flood_of_one_project_drops_no_failure_of_another(self):
        self.port = servers.free_port()
        self.prepare({'messages': {'record_rate': 0.001,
                                   'record_burst': self.BURST}})
        flood = [item for name, number in zip(self.NAMES, (
            self.VOLUMES, self.IMAGES)) for item in self.failures(
                name, number, 'flood')[0]]
        others, expected = [], []
        for name in self.NAMES:
            deliveries, messages = self.failures(name, self.OTHERS, 'other')
            others += deliveries
            expected += messages
        self.start_worker()
        # In the middle, and each resource in the order of its notifications.
        half = len(flood) // 2
        deliveries = [*flood[:half], *others, *flood[half:]]
        self.publish(deliveries)
        self.wait_until_acknowledged()
        dropped = 'ignored_total{reason="rate_limited"}'
        listening.wait_for(lambda: self.count(dropped) == (
            self.VOLUMES + self.IMAGES - self.BURST))
        listening.wait_for(
            lambda: len(self.messages()) == self.BURST + len(expected))
        project = captures.rename(captures.PROJECT, 'flood')
        self.assertEqual(
            sorted(map(repr, map(row, expected))),
            sorted(repr(row(message)) for message in self.messages()
                   if message['project_id'] != project))
        # Each notification was delivered once: none was requeued.
        self.assertEqual(len(deliveries), self.count('received_total'))
        self.assertEqual(0, self.vhost.count(test_consumer.QUEUE))
        self.assertEqual([], self.dead_letters())
        self.check_texts()
