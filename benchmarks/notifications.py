# SPDX-License-Identifier: Apache-2.0
"""How many confirmed notifications a second each way of sending makes.

    python benchmarks/notifications.py [--part NAME ...] [--rounds N]

All ways of a part send the same notifications to the same broker, in turns;
each turn ends when all of it is confirmed. See README.rst for how to read the
figures.
"""

import argparse
from concurrent import futures
import contextlib
import dataclasses
import functools
import json
import statistics
import sys
import time
import typing

from usermsg.concurrency import backend

backend.use_threads()

import kombu  # noqa: E402
from oslo_config import cfg  # noqa: E402
import oslo_messaging  # noqa: E402
from oslo_messaging.notify import messaging  # noqa: E402
from oslo_serialization import jsonutils  # noqa: E402
import proton_alone  # noqa: E402

from usermsg.conf import qpid as options  # noqa: E402
from usermsg.notifications.drivers.qpid import driver as qpid  # noqa: E402
from usermsg.notifications.drivers.rabbit import driver as rabbit  # noqa: E402
from usermsg.notifications import notification  # noqa: E402
from usermsg.tests.fixtures import qpid_brokers  # noqa: E402
from usermsg.tests.fixtures import rabbitmq  # noqa: E402
from usermsg.tests.fixtures import servers  # noqa: E402

# As large as those of services: about 1 kB.
PAYLOAD = {'id': '6b6c6b0a-0f6a-4a5d-9f4a-3f6e0a1c9d11', 'status': 'active',
           'properties': {f'key{number}': 'x' * 60 for number in range(10)}}
THREADS = 16


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to send.

    :param send: called with a number: sends as many notifications, and
        returns when all are confirmed
    :param at_once: with how many it is called
    :param other: the name of the way it is compared to, if any
    """

    name: str
    send: typing.Callable
    at_once: int = 20
    other: str | None = None

    def rate(self, seconds):
        """Of one turn: notifications a second, and seconds of CPU for each.

        The CPU is that of this process: the broker's isn't counted.
        """
        count = 0
        cpu = time.process_time()
        start = now = time.perf_counter()
        while now < start + seconds:
            self.send(self.at_once)
            count += self.at_once
            now = time.perf_counter()
        return count / (now - start), (time.process_time() - cpu) / count


def one_by_one(driver):
    """Each is confirmed before the next is sent."""
    def send(count):
        for _ in range(count):
            body = make().body()
            driver.notify({}, body, body['priority'], -1)
    return send


def by_threads(driver, executor):
    def send(count):
        done = [executor.submit(one_by_one(driver), count // THREADS)
                for _ in range(THREADS)]
        for future in done:
            future.result()
    return send


def all_at_once(driver):
    """All are sent before the first must be confirmed."""
    def send(count):
        done = []
        for _ in range(count):
            body = make().body()
            done.append(driver.submit({}, body, body['priority']))
        for future in done:
            future.result()
    return send


def make():
    return notification.Notification('image.upload', PAYLOAD)


@contextlib.contextmanager
def rabbit_part():
    """The driver "rabbit", next to what it could have been made of.

    :returns: the ways, and what is to be called after each turn
    """
    with rabbitmq.RabbitMQ() as broker, contextlib.ExitStack() as stack:
        vhost = broker.create_vhost()
        conf = cfg.ConfigOpts()
        conf([], project='benchmark', default_config_files=[])
        transport = oslo_messaging.get_notification_transport(
            conf, vhost.url('rabbit'))
        stack.callback(transport.cleanup)
        conf.set_override('amqp_durable_queues', True,
                          'oslo_messaging_rabbit')
        ours = rabbit.RabbitDriver(conf, topics=['notifications'],
                                   transport=transport)
        stack.callback(ours.close)
        theirs = messaging.MessagingV2Driver(
            conf, topics=['notifications'], transport=transport)
        executor = stack.enter_context(futures.ThreadPoolExecutor(THREADS))
        connection = stack.enter_context(kombu.Connection(
            vhost.url('amqp'), transport_options={'confirm_publish': True}))
        vhost.declare('notifications.info', 'bare', 'notifications.info')
        producer = connection.Producer()

        def bare(count):
            for _ in range(count):
                producer.publish(
                    jsonutils.dumps(make().body()), exchange='bare',
                    routing_key='notifications.info',
                    content_type='application/json',
                    content_encoding='utf-8', delivery_mode=2)

        def empty():
            with vhost.connection() as other:
                other.channel().queue_purge('notifications.info')

        yield [
            Way('messagingv2', one_by_one(theirs)),
            Way('bare kombu', bare),
            Way('rabbit', one_by_one(ours), other='messagingv2'),
            Way('messagingv2, 16 threads', by_threads(theirs, executor),
                at_once=20 * THREADS),
            Way('rabbit, 16 threads', by_threads(ours, executor),
                at_once=20 * THREADS, other='messagingv2, 16 threads'),
            Way('rabbit, submitted', all_at_once(ours), at_once=500,
                other='messagingv2'),
        ], empty


@contextlib.contextmanager
def qpid_part(place):
    """The driver "qpid", next to Proton alone, on a broker for AMQP 1.0.

    :param place: a context manager that gives the arguments of
        :class:`proton_alone.Sender`, but for ``make``, and what is to be
        called after each turn
    """
    with place() as (target, empty), contextlib.ExitStack() as stack:
        alone = proton_alone.Sender(
            make=lambda: make().body(), **target)
        stack.callback(alone.close)
        login = ':'.join(target.get('login', ()))
        conf = cfg.ConfigOpts()
        conf([], project='benchmark', default_config_files=[])
        conf.register_opts(options.OPTS, group=options.GROUP.name)
        for name, value in {
                'hosts': f'amqp://{login}{login and "@"}{target["host"]}:'
                         f'{target["port"]}',
                'address': target['address'], 'vhost': target.get('vhost'),
                'allow_plain_without_tls': True,
                'max_in_flight': proton_alone.WINDOW}.items():
            conf.set_override(name, value, options.GROUP.name)
        ours = qpid.QpidDriver(conf, topics=['notifications'])
        stack.callback(ours.close)
        executor = stack.enter_context(futures.ThreadPoolExecutor(THREADS))
        yield [
            Way('Proton alone', alone.send, at_once=500),
            Way('qpid, submitted', all_at_once(ours), at_once=500,
                other='Proton alone'),
            Way('qpid', one_by_one(ours)),
            Way('qpid, 16 threads', by_threads(ours, executor),
                at_once=20 * THREADS),
        ], empty


@contextlib.contextmanager
def in_memory():
    """Proton's example in C. It keeps all that it gets, in memory."""
    with qpid_brokers.CBroker() as broker:
        yield {'host': broker.host, 'port': broker.port,
               'address': 'measured'}, lambda: None


@contextlib.contextmanager
def durable():
    """RabbitMQ with its plug-in."""
    with rabbitmq.RabbitMQ() as broker:
        vhost = broker.create_vhost()
        vhost.declare('measured', 'bare', 'notifications.info')

        def empty():
            with vhost.connection() as other:
                other.channel().queue_purge('measured')

        yield {'host': broker.host, 'port': broker.port,
               'address': '/amq/queue/measured',
               'login': (broker.user, broker.password),
               'vhost': f'vhost:{vhost.name}'}, empty


#: name -> a context manager that gives the ways to compare, on a broker of
#: its own, and a function that empties that after each turn.
PARTS = {'rabbit': rabbit_part,
         'qpid': functools.partial(qpid_part, in_memory),
         'qpid-rabbitmq': functools.partial(qpid_part, durable)}


def measure(part, rounds, seconds):
    """The figures of a part, a dict for each way."""
    with PARTS[part]() as (ways, empty):
        rates = {way.name: [] for way in ways}
        costs = {way.name: [] for way in ways}
        for way in ways:
            way.send(way.at_once)
        order = list(ways)
        for _ in range(rounds):
            for way in order:
                rate, cost = way.rate(seconds)
                rates[way.name].append(rate)
                costs[way.name].append(cost)
                empty()
            order.reverse()
    for way in ways:
        ratios = [mine / other for mine, other in zip(
            rates[way.name], rates[way.other or way.name])]
        yield {
            'part': part, 'way': way.name, 'other': way.other,
            'rate': round(statistics.median(rates[way.name]), 1),
            'cpu': round(statistics.median(costs[way.name]) * 1e6),
            # Of turns of the same round: what else the machine does changes
            # more from one minute to the next.
            'ratio': round(statistics.median(ratios), 3),
            'ratio_least': round(min(ratios), 3),
            'ratio_most': round(max(ratios), 3),
        }


def show(figures):
    """Print the table."""
    print(f'{"way":<26}{"confirmed/s":>12}{"CPU, us":>9}{"ratio":>8}'
          f'{"from - to":>14}  compared to')
    for row in figures:
        line = '{way:<26}{rate:>12.0f}{cpu:>9}'
        if row['other']:
            line += ('{ratio:>8.2f}{ratio_least:>7.2f} -{ratio_most:>5.2f}'
                     '  {other}')
        print(line.format(**row))


def main():
    parser = argparse.ArgumentParser(
        description='Compare ways to send notifications.')
    parser.add_argument('--part', action='append', choices=PARTS,
                        help='all if left out')
    parser.add_argument('--rounds', type=int, default=40,
                        help='turns of each way (default: 40)')
    parser.add_argument('--seconds', type=float, default=0.2,
                        help='how long a turn is (default: 0.2)')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of a table')
    arguments = parser.parse_args()
    figures = []
    try:
        for part in arguments.part or PARTS:
            figures += measure(part, arguments.rounds, arguments.seconds)
    except servers.Missing as error:
        sys.exit(f'This cannot be measured: {error}')
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)
    return 0


if __name__ == '__main__':
    sys.exit(main())
