# SPDX-License-Identifier: Apache-2.0
"""Rate of confirmed notifications of different drivers and clients.

    python benchmarks/notifications.py [--part NAME ...] [--rounds N]

All methods of a part send the same notifications to the same broker, in turns;
each turn ends when all notifications are confirmed. README.rst explains the
results.
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

import amqp_alone  # noqa: E402
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

# About 1 kB, as the payloads of services.
PAYLOAD = {'id': '6b6c6b0a-0f6a-4a5d-9f4a-3f6e0a1c9d11', 'status': 'active',
           'properties': {f'key{number}': 'x' * 60 for number in range(10)}}
THREADS = 16


@dataclasses.dataclass(frozen=True)
class Method:
    """Method of sending notifications.

    :param send: function of a number; sends as many notifications, and
        returns when all are confirmed
    :param batch_size: number with which it is called
    :param baseline: name of the method that it is compared to, if any
    """

    name: str
    send: typing.Callable
    batch_size: int = 20
    baseline: str | None = None

    def rate(self, seconds):
        """Run one turn.

        :returns: notifications per second, and CPU seconds for each of them;
            only of this process, not of the broker
        """
        count = 0
        cpu = time.process_time()
        start = now = time.perf_counter()
        while now < start + seconds:
            self.send(self.batch_size)
            count += self.batch_size
            now = time.perf_counter()
        return count / (now - start), (time.process_time() - cpu) / count


def send_sequentially(driver):
    """Send each notification after the previous one is confirmed."""
    def send(count):
        for _ in range(count):
            body = make_notification().body()
            driver.notify({}, body, body['priority'], -1)
    return send


def send_in_threads(driver, executor):
    def send(count):
        running = [executor.submit(send_sequentially(driver), count // THREADS)
                   for _ in range(THREADS)]
        for future in running:
            future.result()
    return send


def submit_all(driver):
    """Submit all notifications before the first must be confirmed."""
    def send(count):
        submitted = []
        for _ in range(count):
            body = make_notification().body()
            submitted.append(driver.submit({}, body, body['priority']))
        for future in submitted:
            future.result()
    return send


def make_notification():
    return notification.Notification('image.upload', PAYLOAD)


@contextlib.contextmanager
def compare_rabbit():
    """Compare the driver "rabbit" with messagingv2, kombu and py-amqp.

    :returns: the methods, and a function that is called after each turn
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
        driver = rabbit.RabbitDriver(conf, topics=['notifications'],
                                     transport=transport)
        stack.callback(driver.close)
        messagingv2 = messaging.MessagingV2Driver(
            conf, topics=['notifications'], transport=transport)
        executor = stack.enter_context(futures.ThreadPoolExecutor(THREADS))
        connection = stack.enter_context(kombu.Connection(
            vhost.url('amqp'), transport_options={'confirm_publish': True}))
        vhost.declare('notifications.info', 'bare', 'notifications.info')
        producer = connection.Producer()

        def bare(count):
            for _ in range(count):
                producer.publish(
                    jsonutils.dumps(make_notification().body()),
                    exchange='bare', routing_key='notifications.info',
                    content_type='application/json',
                    content_encoding='utf-8', delivery_mode=2)

        alone = amqp_alone.Sender(
            lambda: make_notification().body(), 'bare', 'notifications.info',
            host=f'{broker.host}:{broker.port}', userid=broker.user,
            password=broker.password, virtual_host=vhost.name)
        stack.callback(alone.close)

        def empty():
            with vhost.connection() as purging:
                purging.channel().queue_purge('notifications.info')

        yield [
            Method('messagingv2', send_sequentially(messagingv2)),
            Method('bare kombu', bare),
            Method('rabbit', send_sequentially(driver),
                   baseline='messagingv2'),
            Method('messagingv2, 16 threads',
                   send_in_threads(messagingv2, executor),
                   batch_size=20 * THREADS),
            Method('rabbit, 16 threads', send_in_threads(driver, executor),
                   batch_size=20 * THREADS,
                   baseline='messagingv2, 16 threads'),
            Method('py-amqp alone', alone.send, batch_size=500),
            Method('rabbit, submitted', submit_all(driver), batch_size=500,
                   baseline='py-amqp alone'),
        ], empty


@contextlib.contextmanager
def compare_qpid(start_broker):
    """Compare the driver "qpid" with Proton alone, on an AMQP 1.0 broker.

    :param start_broker: context manager that yields the arguments of
        :class:`proton_alone.Sender` except ``make``, and a function that is
        called after each turn
    """
    with start_broker() as (target, empty), contextlib.ExitStack() as stack:
        sender = proton_alone.Sender(
            make=lambda: make_notification().body(), **target)
        stack.callback(sender.close)
        login = ':'.join(target.get('login', ()))
        conf = cfg.ConfigOpts()
        conf([], project='benchmark', default_config_files=[])
        conf.register_opts(options.OPTS, group=options.GROUP.name)
        for name, value in {
                'hosts': f'amqp://{login}{login and "@"}{target["host"]}:'
                         f'{target["port"]}',
                'address': target['address'], 'vhost': target.get('vhost'),
                'allow_plain_without_tls': True,
                'max_in_flight': proton_alone.MAX_IN_FLIGHT}.items():
            conf.set_override(name, value, options.GROUP.name)
        driver = qpid.QpidDriver(conf, topics=['notifications'])
        stack.callback(driver.close)
        executor = stack.enter_context(futures.ThreadPoolExecutor(THREADS))
        yield [
            Method('Proton alone', sender.send, batch_size=500),
            Method('qpid, submitted', submit_all(driver), batch_size=500,
                   baseline='Proton alone'),
            Method('qpid', send_sequentially(driver)),
            Method('qpid, 16 threads', send_in_threads(driver, executor),
                   batch_size=20 * THREADS),
        ], empty


@contextlib.contextmanager
def start_example_broker():
    """Start Proton's example broker in C, which keeps messages in memory."""
    with qpid_brokers.CBroker() as broker:
        yield {'host': broker.host, 'port': broker.port,
               'address': 'measured'}, lambda: None


@contextlib.contextmanager
def start_rabbitmq():
    """Start RabbitMQ with its plug-in for AMQP 1.0."""
    with rabbitmq.RabbitMQ() as broker:
        vhost = broker.create_vhost()
        vhost.declare('measured', 'bare', 'notifications.info')

        def empty():
            with vhost.connection() as purging:
                purging.channel().queue_purge('measured')

        yield {'host': broker.host, 'port': broker.port,
               'address': '/amq/queue/measured',
               'login': (broker.user, broker.password),
               'vhost': f'vhost:{vhost.name}'}, empty


#: Name -> context manager that starts a broker, and yields the methods to
#: compare and a function that empties the broker after each turn.
PARTS = {'rabbit': compare_rabbit,
         'qpid': functools.partial(compare_qpid, start_example_broker),
         'qpid-rabbitmq': functools.partial(compare_qpid, start_rabbitmq)}


def measure(part, rounds, seconds):
    """Measure a part; generate the results, a dict for each method."""
    with PARTS[part]() as (methods, empty):
        rates = {method.name: [] for method in methods}
        costs = {method.name: [] for method in methods}
        for method in methods:
            method.send(method.batch_size)
        order = list(methods)
        for _ in range(rounds):
            for method in order:
                rate, cost = method.rate(seconds)
                rates[method.name].append(rate)
                costs[method.name].append(cost)
                empty()
            order.reverse()
    for method in methods:
        ratios = [rate / baseline for rate, baseline in zip(
            rates[method.name], rates[method.baseline or method.name])]
        yield {
            'part': part, 'method': method.name, 'baseline': method.baseline,
            'rate': round(statistics.median(rates[method.name]), 1),
            'cpu': round(statistics.median(costs[method.name]) * 1e6),
            # The ratio of turns of the same round: the load of the machine
            # changes more over minutes than between two turns.
            'ratio': round(statistics.median(ratios), 3),
            'ratio_least': round(min(ratios), 3),
            'ratio_most': round(max(ratios), 3),
        }


def print_table(results):
    """Print the results as a table."""
    print(f'{"method":<26}{"confirmed/s":>12}{"CPU, us":>9}{"ratio":>8}'
          f'{"from - to":>14}  compared to')
    for row in results:
        line = '{method:<26}{rate:>12.0f}{cpu:>9}'
        if row['baseline']:
            line += ('{ratio:>8.2f}{ratio_least:>7.2f} -{ratio_most:>5.2f}'
                     '  {baseline}')
        print(line.format(**row))


def main():
    parser = argparse.ArgumentParser(
        description='Compare methods of sending notifications.')
    parser.add_argument('--part', action='append', choices=PARTS,
                        help='default: all')
    parser.add_argument('--rounds', type=int, default=40,
                        help='number of turns of each method (default: 40)')
    parser.add_argument('--seconds', type=float, default=0.2,
                        help='duration of a turn (default: 0.2)')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of a table')
    arguments = parser.parse_args()
    results = []
    try:
        for part in arguments.part or PARTS:
            results += measure(part, arguments.rounds, arguments.seconds)
    except servers.Missing as error:
        sys.exit(f'The benchmark failed: {error}')
    if arguments.json:
        print(json.dumps(results, indent=2))
    else:
        print_table(results)
    return 0


if __name__ == '__main__':
    sys.exit(main())
