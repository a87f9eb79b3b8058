# SPDX-License-Identifier: Apache-2.0
"""Cost of notifications of created messages, and speed of the relay.

    python benchmarks/outbox.py [--database NAME ...]

Two servers on one database, of which one uses the outbox, receive requests
alternately. Then a relay empties the outbox through a driver that delivers
immediately. README.rst explains the results.
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

DRIVERS = ('noop', 'logging')


class NullDriver:
    """Driver that discards notifications as delivered."""

    def notify(self, ctxt, msg, priority, retry):
        pass


def configure(url, directory, driver):
    """Write a configuration file with a driver; return its path."""
    return directory.write(f'{driver}.conf', f'''
[DEFAULT]
log_file = {directory.path(driver)}.log
[database]
connection = {url}
[api]
auth_strategy = noauth
allow_insecure_noauth = true
trust_host_header = true
[messages]
record_rate = 0
record_rate_per_caller = 0
[oslo_messaging_notifications]
driver = {driver}
''')


def measure(case, apps, rounds, seconds, numbers):
    """Return the results of a case, with times in milliseconds.

    :returns: name, time of a request with each driver, and the median, the
        minimum and the maximum of the ratios
    """
    times = {name: [] for name in DRIVERS}
    order = list(DRIVERS)
    for _ in range(rounds):
        for name in order:
            rate = apps[name].rate(case.requests(numbers), seconds)
            times[name].append(1000 / rate)
        order.reverse()
    ratios = sorted(with_outbox / without for without, with_outbox
                    in zip(*times.values()))
    return (case.name, *(statistics.median(values)
                         for values in times.values()),
            statistics.median(ratios), ratios[0], ratios[-1])


def run_relay(runtime):
    """Empty the outbox; return the number of entries and the seconds."""
    number = count_entries(runtime)
    instance = relay.Relay(runtime, 'logging', NullDriver())
    start = time.perf_counter()
    while instance.run_once(threading.Event()):
        pass
    seconds = time.perf_counter() - start
    return number - count_entries(runtime), seconds


def count_entries(runtime):
    """Return the number of entries in the outbox."""
    with runtime.db.reader() as connection:
        return connection.scalar(
            sa.select(sa.func.count()).select_from(models.outbox))


def multiply(runtime, minimum):
    """Duplicate the entries of the outbox until their number is reached."""
    columns = [column for column in models.outbox.c if column.name != 'id']
    names = ', '.join(column.name for column in columns)
    new_id = {'sqlite': 'lower(hex(randomblob(18)))', 'mysql': 'uuid()',
              'postgresql': 'gen_random_uuid()::text'}[runtime.db.dialect]
    number = 0
    while number < minimum:
        with runtime.db.engine().begin() as connection:
            number = connection.scalar(
                sa.select(sa.func.count()).select_from(models.outbox))
            if number < minimum:
                connection.execute(sa.text(
                    f'INSERT INTO outbox (id, {names}) SELECT {new_id}, '
                    f'{names} FROM outbox'))
    return number


def run(name, arguments):
    """Measure one database, and print the results."""
    numbers = itertools.count()
    cases = [case for case in api.make_cases()
             if case.name in ('create(1)', 'create(100)')]
    with data.DATABASES[name]() as url, servers.Process() as directory:
        files = {driver: configure(url, directory, driver)
                 for driver in DRIVERS}
        runtime = service.make_runtime(
            config.load_config(['--config-file', files['logging']]))
        migration.sync(runtime.db)
        runtime.db.dispose()
        apps = {}
        try:
            for driver, path in files.items():
                apps[driver] = api.Server(
                    'usermsg.wsgi.api:application',
                    {config.CONFIG_FILES_VARIABLE: path})
            for case in cases:
                print('{:<11}{:<12}{:>8.2f}{:>9.2f}{:>8.2f}{:>8.2f} -{:>5.2f}'
                      .format(name, *measure(
                          case, apps, arguments.rounds, arguments.seconds,
                          numbers)), flush=True)
        finally:
            for app in apps.values():
                app.__exit__()
        if arguments.backlog:
            multiply(runtime, arguments.backlog)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            number, seconds = run_relay(runtime)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f'{name:<11}relayed {number:,} entries in {seconds:.1f} s: '
                  f'{number / seconds:,.0f}/s; the process grew by '
                  f'{(after - before) / 1024:.0f} MiB', flush=True)
        runtime.db.dispose()


def main():
    parser = argparse.ArgumentParser(
        description='Compare the creation of messages with and without an '
        'outbox.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='default: all')
    parser.add_argument('--rounds', type=api.positive(int), default=15,
                        help='number of turns of each server (default: 15)')
    parser.add_argument('--seconds', type=api.positive(float), default=0.5,
                        help='duration of a turn (default: 0.5)')
    parser.add_argument('--backlog', type=int, default=20_000,
                        help='minimum number of entries to relay '
                        '(default: 20000)')
    arguments = parser.parse_args()
    print(f'{"":<23}{"ms a request":>17}')
    print(f'{"database":<11}{"case":<12}{"noop":>8}{"outbox":>9}'
          f'{"ratio":>8}{"from - to":>15}')
    try:
        for name in arguments.database or data.DATABASES:
            run(name, arguments)
    except (api.Mismatch, servers.Missing) as error:
        sys.exit(f'The benchmark failed: {error}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
