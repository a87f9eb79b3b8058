# SPDX-License-Identifier: Apache-2.0
"""Latency of readers and writers during a purge of many messages.

    python benchmarks/purge.py [--rows N] [--url URL ...]

``usermsg-manage purge --older-than`` removes N of 1.2 N messages, while two
threads read pages and one records messages. It is interrupted by SIGINT in the
middle, as by Ctrl-C, and then run again.

Without ``--url`` the script starts SQLite, MariaDB and PostgreSQL with their
default settings, and removes them afterwards. A database that is given by URL
must be empty; its tables are kept.
"""

import argparse
import datetime
import itertools
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

from usermsg.concurrency import backend

backend.use_threads()

import data  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from usermsg import context  # noqa: E402
from usermsg.db import models  # noqa: E402
from usermsg.message import api  # noqa: E402
from usermsg.objects import ids  # noqa: E402

#: Number of messages that are kept for each message that is removed.
KEPT_RATIO = 0.2
READERS = 2
#: Duration of the measurement before the purge, in seconds.
QUIET = 10


def fill(database, number):
    """Insert messages to remove, and newer ones to keep.

    :param number: of messages to remove
    :returns: the time between the two kinds
    """
    rows = data.make_rows(number, int(number * KEPT_RATIO))
    written = 0
    boundary = None
    while batch := list(itertools.islice(rows, 5000)):
        with database.engine().begin() as connection:
            connection.execute(models.messages.insert(), batch)
        if written <= number < written + len(batch):
            boundary = batch[number - written]['created_at']
        written += len(batch)
    data.analyze(database)
    return boundary.replace(tzinfo=datetime.timezone.utc)


class Load:
    """Threads that read and record messages until they are stopped."""

    def __init__(self, runtime):
        self._api = api.API(runtime)
        self._stop = threading.Event()
        self.reads = []
        self.writes = []
        self.errors = []
        self._threads = [
            threading.Thread(target=self._work, args=(action, times, delay))
            for action, times, delay in [
                (self._record, self.writes, 0.05),
                *[(self._read, self.reads, 0.002)] * READERS]]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, action, times, delay):
        generator = random.Random()
        while not self._stop.wait(delay):
            start = time.perf_counter()
            try:
                action(generator)
            except Exception as error:
                self.errors.append(repr(error))
            times.append(time.perf_counter() - start)

    def _read(self, generator):
        """Read the newest page of a project, or one in the purged range."""
        project = generator.choice([data.PROJECT, f'{7:032x}'])
        age = datetime.timedelta(days=generator.uniform(0, 30))
        marker = ids.mint(datetime.datetime.now(datetime.timezone.utc) - age)
        self._api.get_all(
            context.RequestContext(project_id=project), limit=100,
            marker=generator.choice([None, marker]))

    def _record(self, _generator):
        if self._api.create(context.RequestContext(project_id='new'),
                            'VOLUME_000002') is None:
            raise RuntimeError('not recorded')


def purge(config, boundary, interrupt_at=None):
    """Run the command.

    :param boundary: older messages are removed
    :param interrupt_at: number of removed messages after which it is
        interrupted
    :returns: the number of removed messages that it reports, and its exit
        status
    """
    process = subprocess.Popen(
        [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file', config,
         'purge', '--older-than', boundary.isoformat()],
        stdout=subprocess.PIPE, text=True)
    removed = 0
    for line in process.stdout:
        match = re.match(r'(?:Interrupted: )?([\d,]+)', line)
        removed = int(match[1].replace(',', ''))
        if (interrupt_at is not None and removed >= interrupt_at and
                f'{match[1]} of' in line):
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    status = process.wait()
    if status not in (0, 130):
        raise RuntimeError(f'purge exited with status {status}')
    return removed, status


def format_times(times):
    """Return median, 99th percentile and maximum in milliseconds, a text."""
    cuts = statistics.quantiles(times, n=100)
    return ''.join(f'{value * 1000:>9.1f}'
                   for value in (cuts[49], cuts[98], max(times)))


def run(url, number):
    """Measure one database, print the results; return the problems."""
    with data.open_database(url) as (name, runtime, path):
        start = time.perf_counter()
        boundary = fill(runtime.db, number)
        print(f'# {name}: filled in {time.perf_counter() - start:.0f} s',
              file=sys.stderr)
        with Load(runtime) as quiet:
            time.sleep(QUIET)
        with Load(runtime) as busy:
            start = time.perf_counter()
            first, status = purge(path, boundary, number // 3)
            second, _ = purge(path, boundary)
            elapsed = time.perf_counter() - start
        problems = quiet.errors + busy.errors
        with runtime.db.reader() as connection:
            total = connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages))
            old = connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages)
                .where(models.messages.c.id < ids.lower_bound(boundary)))
    recorded = len(quiet.writes) + len(busy.writes) - len(problems)
    if not problems and (
            first + second, old, total) != (
            number, 0, int(number * KEPT_RATIO) + recorded):
        problems.append(f'{first} + {second} messages were removed and '
                        f'{recorded} recorded; {old} old messages and '
                        f'{total} in total remain')
    if status != 130:
        problems.append('the purge ended before it was interrupted')
    for kind in ('reads', 'writes'):
        for state, load in (('quiet', quiet), ('purging', busy)):
            times = getattr(load, kind)
            print(f'{name:<11}{kind:<8}{state:<9}{len(times):>7}'
                  f'{format_times(times)}{len(load.errors):>8}', flush=True)
    print(f'# {name}: {first:,} and {second:,} removed in {elapsed:.0f} s, '
          f'{number / elapsed:,.0f} a second', flush=True)
    for problem in problems[:5]:
        print(f'# {name}: {problem}', flush=True)
    return problems


def main():
    parser = argparse.ArgumentParser(
        description='Purge many messages while threads read and record.')
    parser.add_argument('--url', action='append',
                        help='an empty database; may be given several times')
    parser.add_argument('--rows', type=int, default=1_000_000,
                        help='number of messages to purge (default: 1000000)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"kind":<8}{"state":<9}{"calls":>7}'
          f'{"median":>9}{"99 %":>9}{"max, ms":>9}{"errors":>8}', flush=True)
    problems = [run(url, arguments.rows)
                for url in arguments.url or data.create_databases()]
    return any(problems)


if __name__ == '__main__':
    sys.exit(main())
