# SPDX-License-Identifier: Apache-2.0
"""What it costs to tell of what is created, and how quickly it is relayed.

    python benchmarks/outbox.py [--database NAME ...]

Two servers on one database, of which one has an outbox, are asked in turns.
Then a relay empties it through a driver that takes all at once. See
README.rst for how to read the figures.
"""

import argparse
import itertools
import resource
import statistics
import sys
import threading
import time

import api
import data
import sqlalchemy as sa

from usermsg import config
from usermsg.db import migration
from usermsg.db import models
from usermsg.outbox import relay
from usermsg import service
from usermsg.tests.fixtures import servers

STRATEGIES = ('noop', 'logging')


class Nothing:
    """A driver that has delivered whatever it is given."""

    def notify(self, ctxt, msg, priority, retry):
        pass


def configure(url, directory, strategy):
    """The path of a configuration file with a strategy."""
    return directory.write(f'{strategy}.conf', f'''
[DEFAULT]
log_file = {directory.path(strategy)}.log
[database]
connection = {url}
[api]
auth_strategy = noauth
allow_insecure_noauth = true
trust_host_header = true
[oslo_messaging_notifications]
driver = {strategy}
''')


def costs(case, apps, rounds, seconds, numbers):
    """How long a request takes with each strategy, in milliseconds."""
    times = {name: [] for name in STRATEGIES}
    order = list(STRATEGIES)
    for _ in range(rounds):
        for name in order:
            rate = apps[name].rate(case.requests(numbers), seconds)
            times[name].append(1000 / rate)
        order.reverse()
    ratios = sorted(with_outbox / without for without, with_outbox
                    in zip(*times.values()))
    return (case.name, *(statistics.median(found)
                         for found in times.values()),
            statistics.median(ratios), ratios[0], ratios[-1])


def relayed(runtime):
    """How many entries were relayed, and in how many seconds."""
    number = waiting(runtime)
    one = relay.Relay(runtime, 'logging', Nothing())
    begin = time.perf_counter()
    while one.run_once(threading.Event()):
        pass
    seconds = time.perf_counter() - begin
    return number - waiting(runtime), seconds


def waiting(runtime):
    """How many entries there are."""
    with runtime.db.reader() as connection:
        return connection.scalar(
            sa.select(sa.func.count()).select_from(models.outbox))


def multiply(runtime, least):
    """Repeat what is in the outbox until there are so many entries."""
    columns = [column for column in models.outbox.c if column.name != 'id']
    names = ', '.join(column.name for column in columns)
    fresh = {'sqlite': 'lower(hex(randomblob(18)))', 'mysql': 'uuid()',
             'postgresql': 'gen_random_uuid()::text'}[runtime.db.dialect]
    number = 0
    while number < least:
        with runtime.db.engine().begin() as connection:
            number = connection.scalar(
                sa.select(sa.func.count()).select_from(models.outbox))
            if number < least:
                connection.execute(sa.text(
                    f'INSERT INTO outbox (id, {names}) SELECT {fresh}, '
                    f'{names} FROM outbox'))
    return number


def run(name, arguments):
    """Print the figures of one database."""
    numbers = itertools.count()
    cases = [case for case in api.make_cases()
             if case.name in ('create(1)', 'create(100)')]
    with data.DATABASES[name]() as url, servers.Process() as directory:
        files = {strategy: configure(url, directory, strategy)
                 for strategy in STRATEGIES}
        runtime = service.make_runtime(
            config.load_config(['--config-file', files['logging']]))
        migration.sync(runtime.db)
        runtime.db.dispose()
        apps = {}
        try:
            for strategy, path in files.items():
                apps[strategy] = api.Server(
                    'usermsg.wsgi.api:application',
                    {config.CONFIG_FILES_VARIABLE: path})
            for case in cases:
                print('{:<11}{:<12}{:>8.2f}{:>9.2f}{:>8.2f}{:>8.2f} -{:>5.2f}'
                      .format(name, *costs(
                          case, apps, arguments.rounds, arguments.seconds,
                          numbers)), flush=True)
        finally:
            for app in apps.values():
                app.__exit__()
        if arguments.backlog:
            multiply(runtime, arguments.backlog)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            number, seconds = relayed(runtime)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f'{name:<11}relayed {number:,} entries in {seconds:.1f} s: '
                  f'{number / seconds:,.0f}/s; the process grew by '
                  f'{(after - before) / 1024:.0f} MiB', flush=True)
        runtime.db.dispose()


def main():
    parser = argparse.ArgumentParser(
        description='Compare creating with and without an outbox.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='all if left out')
    parser.add_argument('--rounds', type=api.positive(int), default=15,
                        help='turns of each server (default: 15)')
    parser.add_argument('--seconds', type=api.positive(float), default=0.5,
                        help='how long a turn is (default: 0.5)')
    parser.add_argument('--backlog', type=int, default=20_000,
                        help='entries to relay at least (default: 20000)')
    arguments = parser.parse_args()
    print(f'{"":<23}{"ms a request":>17}')
    print(f'{"database":<11}{"case":<12}{"noop":>8}{"outbox":>9}'
          f'{"ratio":>8}{"from - to":>15}')
    try:
        for name in arguments.database or data.DATABASES:
            run(name, arguments)
    except (api.Different, servers.Missing) as error:
        sys.exit(f'This cannot be measured: {error}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
