# SPDX-License-Identifier: Apache-2.0
"""Notifications a second of the listener, compared to a bare consumer.

    python benchmarks/listener.py [--database NAME ...] [--case NAME ...]
    python benchmarks/listener.py --memory 1000000
    python benchmarks/listener.py --cpu 60

README.rst explains the results.
"""

import argparse
import collections
import contextlib
import datetime
import itertools
import json
import math
import os
import pathlib
import statistics
import sys
import threading
import time
import uuid

from usermsg.concurrency import backend

backend.use_threads()

import amqp  # noqa: E402
import bare_consumer  # noqa: E402
import data  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from usermsg.db import models  # noqa: E402
from usermsg.listener import assembly  # noqa: E402
from usermsg.listener import decisions  # noqa: E402
from usermsg.listener import envelope  # noqa: E402
from usermsg.listener import rule_set  # noqa: E402
from usermsg.tests import base  # noqa: E402
from usermsg.tests.fixtures import rabbitmq  # noqa: E402
from usermsg.tests.fixtures import servers  # noqa: E402

EXCHANGE, QUEUE = 'benchmark', 'usermsg.default'

#: Notifications of one batch, the default of ``[listener] batch_size``.
BATCH = 100

TABLES = (models.messages, models.source_keys, models.observations)

#: Number of projects and of hosts that the notifications are about.
PROJECTS, HOSTS = 1000, 8

# (file in the data of the tests, number of the line) of notifications.
_FAILURES = [
    ('captures/21-volume-create-no-backend', 0),
    ('notifications/manila', 0),
    ('notifications/trove', 2)]
_OBSERVED = [
    ('notifications/nova', 0),
    ('captures/10-image-upload-store-full', 1),
    ('captures/10-image-upload-store-full', 3),
    ('captures/10-image-upload-store-full', 4)]
_UNMATCHED = [
    ('notifications/heat', 11),
    ('notifications/keystone', 0),
    ('notifications/trove', 0),
    ('notifications/manila', 4),
    ('captures/16-image-import-ok', 3),
    ('captures/16-image-import-ok', 12)]

#: Name -> the notifications that take turns in a case.
CASES = {'messages': _FAILURES,
         'observations': _OBSERVED,
         'mixed': [*_FAILURES, *_OBSERVED, *_UNMATCHED],
         'unmatched': _UNMATCHED}


class Template:
    """Notification whose ids and time are replaced in each copy.

    :param rules: the :class:`usermsg.listener.rule_set.RuleSet`, which finds
        the ids
    """

    def __init__(self, rules, name, line):
        path = pathlib.Path(base.DATA, f'{name}.jsonl')
        body = json.loads(path.read_text().splitlines()[line])['body']
        parsed = envelope.parse(body)
        content = json.loads(json.loads(body)['oslo.message'])
        content['timestamp'] = '@time'
        self._text = json.dumps(content)
        self._ids = {parsed.message_id: lambda number: str(uuid.uuid4())}
        for decision in rules.evaluate(parsed, parsed.timestamp):
            failure = getattr(decision, 'failure', decision)
            if isinstance(failure, decisions.Failure):
                self._ids[failure.project_id] = _project_id
                for value in (failure.resource_uuid, failure.request_id):
                    if value:
                        self._ids[value] = lambda number: f'{uuid.uuid4()}'
        self._publisher = json.dumps(parsed.publisher_id)

    def body(self, number):
        """Return a new notification, bytes."""
        text = self._text
        for value, make in self._ids.items():
            text = text.replace(value, make(number))
        now = datetime.datetime.now(datetime.timezone.utc)
        text = text.replace('@time', now.strftime('%Y-%m-%d %H:%M:%S.%f'))
        text = text.replace(
            self._publisher, f'"image.host{number % HOSTS}"')
        return json.dumps(
            {'oslo.version': '2.0', 'oslo.message': text}).encode()


def _project_id(number):
    return f'{number % PROJECTS:032x}'


def bodies(rules, case):
    """Generate the notifications of a case, without end."""
    templates = [Template(rules, *place) for place in CASES[case]]
    for number, template in enumerate(itertools.cycle(templates)):
        yield template.body(number)


def publish(vhost, contents):
    """Publish notifications to the listener's exchange, persistent ones."""
    with vhost.connection() as connection:
        channel = connection.channel()
        for body in contents:
            channel.basic_publish(
                amqp.Message(body, delivery_mode=2), exchange=EXCHANGE,
                routing_key='notifications.info')
        # The broker handles the messages of a channel in order, and responds
        # after the last.
        channel.queue_declare(QUEUE, passive=True)


class Turn:
    """Measurement of one consumer, and the event that ends it.

    :param number: of notifications
    """

    def __init__(self, number):
        self._number = number
        self._started_at = self._cpu = None
        self.rate = self.cpu = None

    def start(self):
        if self._started_at is None:
            self._cpu = time.process_time()
            self._started_at = time.perf_counter()

    def count(self, number):
        """Count notifications that were acknowledged."""
        self._number -= number
        if not self._number:
            self.rate = 1 / (time.perf_counter() - self._started_at)
            self.cpu = time.process_time() - self._cpu

    def is_set(self):
        return self._number <= 0

    def wait(self, _seconds):
        pass


class Listener:
    """The listener, as a worker runs it, with a turn instead of its event."""

    def __init__(self, runtime):
        self._files = assembly.read_files(runtime)
        [self._consumer] = assembly.Listener(
            runtime, self._files.rules).build_consumers(self._files.sources)
        [self._source] = self._files.sources
        self._read = self._source.read
        self._acknowledge = self._source.acknowledge

    def run(self, turn):
        def read(seconds):
            turn.start()
            return self._read(seconds)

        def acknowledge(batch):
            self._acknowledge(batch)
            turn.count(len(batch))

        self._source.read, self._source.acknowledge = read, acknowledge
        self._consumer.run(turn)


def read_counts(runtime):
    with runtime.db.reader() as connection:
        return [connection.scalar(sa.select(sa.func.count()).select_from(
            table)) for table in TABLES]


def clear(runtime):
    with runtime.db.engine().begin() as connection:
        for table in TABLES:
            connection.execute(table.delete())


def compare(case, runtime, vhost, rounds, number):
    """Measure a case; return a dict of results."""
    contents = bodies(assembly.read_files(runtime).rules, case)
    consumers = {'listener': Listener(runtime),
                 'bare': bare_consumer.Consumer(
                     runtime.db.engine(), vhost.url('amqp'), QUEUE, BATCH)}
    turns = {name: [] for name in consumers}
    order = list(consumers)
    # Whole batches, and as many of each notification in all turns.
    step = math.lcm(BATCH, len(CASES[case]))
    number = math.ceil(number / step) * step
    # The first round isn't counted: statements and rules are compiled.
    for measured in range(rounds + 1):
        counts = {}
        for name in order:
            publish(vhost, itertools.islice(contents, number))
            turn = Turn(number)
            consumers[name].run(turn)
            counts[name] = read_counts(runtime)
            clear(runtime)
            if measured:
                turns[name].append(turn)
        if counts['listener'] != counts['bare']:
            sys.exit(f'The rows differ: {counts}')
        order.reverse()
    ratios = [listener.rate / bare.rate for listener, bare in zip(
        turns['listener'], turns['bare'])]
    result = {'database': data.NAMES[runtime.db.dialect], 'case': case,
              'ratio': statistics.median(ratios),
              'least': min(ratios), 'most': max(ratios)}
    for name, values in turns.items():
        result[name] = number * statistics.median(
            turn.rate for turn in values)
        result[f'{name}_cpu'] = 1e6 / number * statistics.median(
            turn.cpu for turn in values)
    return result


@contextlib.contextmanager
def start_broker():
    """Start RabbitMQ; yield a virtual host with the exchange and queue."""
    with rabbitmq.RabbitMQ() as broker:
        vhost = broker.create_vhost()
        vhost.declare(QUEUE, EXCHANGE, 'notifications.*')
        yield vhost


def options(vhost):
    return (f'[oslo_messaging_notifications]\n'
            f'transport_url = {vhost.url("rabbit")}\n'
            f'[listener_transport_default]\nexchanges = {EXCHANGE}\n'
            f'[listener]\nenabled = true\n')


def run_comparison(arguments):
    print(f'{"database":<12}{"case":<14}{"listener":>9}{"bare":>8}'
          f'{"CPU, us":>9}{"bare":>6}{"ratio":>7}{"from - to":>14}',
          flush=True)
    results = []
    with start_broker() as vhost:
        for name in arguments.database or data.DATABASES:
            with (data.DATABASES[name]() as url,
                  data.open_database(url, options(vhost)) as (_, runtime, _)):
                for case in arguments.case or CASES:
                    result = compare(case, runtime, vhost, arguments.rounds,
                                     arguments.number)
                    results.append(result)
                    print('{database:<12}{case:<14}{listener:>9.0f}'
                          '{bare:>8.0f}{listener_cpu:>9.0f}{bare_cpu:>6.0f}'
                          '{ratio:>7.2f}{least:>7.2f} -{most:>5.2f}'
                          .format(**result), flush=True)
    return int(any(result['ratio'] < 0.5 for result in results))


class Worker:
    """Process of usermsg-worker that listens, with its correlator.

    :param config_file: path
    """

    def __init__(self, config_file):
        self.process = servers.Process(
            [sys.executable, '-m', 'usermsg.cmd.worker', '--config-file',
             config_file])

    def __enter__(self):
        self.process.start()
        while not (children := self._children()):
            time.sleep(0.1)
        [self._pid] = children
        while 'receives notifications of the exchange' not in (
                self.process.log()):
            time.sleep(0.1)
        return self

    def __exit__(self, *exc_info):
        self.process.stop()

    def _children(self):
        # A child belongs to the thread that has forked it.
        tasks = pathlib.Path(f'/proc/{self.process._popen.pid}/task')
        return [int(child) for path in tasks.glob('*/children')
                for child in path.read_text().split()]

    def memory(self):
        """Return the resident memory of the forked process, in MiB."""
        status = pathlib.Path(f'/proc/{self._pid}/status').read_text()
        [size] = [line.split()[1] for line in status.splitlines()
                  if line.startswith('VmRSS:')]
        return int(size) / 1024

    def cpu(self):
        """Return the CPU time of the forked process, in seconds."""
        fields = pathlib.Path(f'/proc/{self._pid}/stat').read_text()
        values = fields.rpartition(')')[2].split()
        return sum(map(int, values[11:13])) / os.sysconf('SC_CLK_TCK')


def run_memory(arguments):
    """Print the memory of a worker over many notifications.

    The limits of the tables hold: old messages of a project are removed.
    """
    with (start_broker() as vhost,
          data.DATABASES[(arguments.database or ['SQLite'])[0]]() as url,
          data.open_database(url, options(vhost)) as (name, runtime, config),
          Worker(config) as worker):
        rules = rule_set.load(runtime.conf, runtime.catalogue)
        contents = bodies(rules, 'mixed')
        print(f'{name}\n{"notifications":>13}{"MiB":>8}{"a second":>10}')
        step = max(arguments.memory // 20, 1000)
        start = time.perf_counter()
        for sent in range(step, arguments.memory + 1, step):
            publish(vhost, itertools.islice(contents, step))
            while vhost.count(QUEUE) > step // 2:
                time.sleep(0.1)
            seconds, start = time.perf_counter() - start, time.perf_counter()
            print(f'{sent:>13}{worker.memory():>8.1f}'
                  f'{step / seconds:>10.0f}', flush=True)
    return 0


def run_cpu(arguments):
    """Print the part of a core that unmatched notifications cost."""
    with (start_broker() as vhost,
          data.DATABASES[(arguments.database or ['SQLite'])[0]]() as url,
          data.open_database(url, options(vhost)) as (_, runtime, config),
          Worker(config) as worker, vhost.connection() as connection):
        contents = bodies(rule_set.load(runtime.conf, runtime.catalogue),
                          'unmatched')
        channel = connection.channel()
        stop = threading.Event()

        def send(rate):
            """Publish at a constant rate until the event is set."""
            begin = time.monotonic()
            for number, body in enumerate(contents):
                channel.basic_publish(
                    amqp.Message(body, delivery_mode=2), exchange=EXCHANGE,
                    routing_key='notifications.info')
                if stop.wait(max(0, begin + number / rate
                                 - time.monotonic())):
                    return number + 1

        results = collections.defaultdict(list)
        for _ in range(arguments.rounds):
            for rate in (0, 100):
                stop.clear()
                timer = threading.Timer(arguments.cpu, stop.set)
                timer.start()
                cpu, start = worker.cpu(), time.monotonic()
                if rate:
                    sent = send(rate)
                else:
                    stop.wait()
                seconds = time.monotonic() - start
                results[rate].append((worker.cpu() - cpu) / seconds * 100)
                if rate:
                    print(f'{sent / seconds:.0f} a second', flush=True)
        for rate, values in results.items():
            print(f'{rate:>4} notifications a second: '
                  f'{statistics.median(values):.1f} % of a core '
                  f'({min(values):.1f} - {max(values):.1f})')
        return int(statistics.median(results[100]) > 5)


def main():
    parser = argparse.ArgumentParser(
        description='Compare the listener with a bare consumer.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='default: all')
    parser.add_argument('--case', action='append', choices=CASES,
                        help='default: all')
    parser.add_argument('--rounds', type=int, default=9,
                        help='number of turns of each consumer (default: 9)')
    parser.add_argument('--number', type=int, default=1200,
                        help='notifications of a turn (default: 1200)')
    parser.add_argument('--memory', type=int, metavar='NUMBER',
                        help='print the memory of a worker instead, while '
                        'it receives as many notifications')
    parser.add_argument('--cpu', type=float, metavar='SECONDS',
                        help='print instead which part of a core a worker '
                        'uses with 100 notifications a second that no rule '
                        'matches')
    arguments = parser.parse_args()
    try:
        if arguments.memory:
            return run_memory(arguments)
        if arguments.cpu:
            return run_cpu(arguments)
        return run_comparison(arguments)
    except servers.Missing as error:
        sys.exit(f'The benchmark failed: {error}')


if __name__ == '__main__':
    sys.exit(main())
