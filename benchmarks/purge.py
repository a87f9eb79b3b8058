# SPDX-License-Identifier: Apache-2.0
"""What readers and writers notice of a purge of many messages.

    python benchmarks/purge.py [--rows N] [--url URL ...]

``usermsg-manage purge --older-than`` removes N messages of somewhat more,
while two threads read pages and one records. In the middle it gets what
Ctrl-C sends, and then is run again.

Without ``--url`` it starts SQLite, MariaDB and PostgreSQL by itself, with
their default settings, and removes them again. A database that a URL names
must be empty; its tables stay.
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

#: For each message that goes, so many stay.
CACHE_TTL = 0.2
READERS = 2
QUIET = 10


def fill(database, number):
    """Insert that many messages and some more; returns what divides them."""
    stream = data.rows(number, int(number * CACHE_TTL))
    written = 0
    when = None
    while batch := list(itertools.islice(stream, 5000)):
        with database.engine().begin() as connection:
            connection.execute(models.messages.insert(), batch)
        if written <= number < written + len(batch):
            when = batch[number - written]['created_at']
        written += len(batch)
    data.analyze(database)
    return when.replace(tzinfo=datetime.timezone.utc)


class Load:
    """Threads that read and record until they are stopped."""

    def __init__(self, runtime):
        self._api = api.API(runtime)
        self._stop = threading.Event()
        self.reads = []
        self.writes = []
        self.errors = []
        self._threads = [
            threading.Thread(target=self._work, args=(work, times, pause))
            for work, times, pause in [
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

    def _work(self, work, times, pause):
        chance = random.Random()
        while not self._stop.wait(pause):
            before = time.perf_counter()
            try:
                work(chance)
            except Exception as error:
                self.errors.append(repr(error))
            times.append(time.perf_counter() - before)

    def _read(self, chance):
        """The newest page of a project, or one among what is removed."""
        project = chance.choice([data.PROJECT, f'{7:032x}'])
        age = datetime.timedelta(days=chance.uniform(0, 30))
        marker = ids.mint(datetime.datetime.now(datetime.timezone.utc) - age)
        self._api.get_all(
            context.RequestContext(project_id=project), limit=100,
            marker=chance.choice([None, marker]))

    def _record(self, _chance):
        if self._api.create(context.RequestContext(project_id='new'),
                            'VOLUME_000002') is None:
            raise RuntimeError('not recorded')


def purge(config, when, interrupt_at=None):
    """Run the command; returns how many it says that it removed.

    :param interrupt_at: after so many
    """
    process = subprocess.Popen(
        [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file', config,
         'purge', '--older-than', when.isoformat()],
        stdout=subprocess.PIPE, text=True)
    removed = 0
    for line in process.stdout:
        found = re.match(r'(?:Interrupted: )?([\d,]+)', line)
        removed = int(found[1].replace(',', ''))
        if (interrupt_at is not None and removed >= interrupt_at and
                f'{found[1]} of' in line):
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    status = process.wait()
    if status not in (0, 130):
        raise RuntimeError(f'purge ended with {status}')
    return removed, status


def figures(times):
    """Median, 99th percentile and maximum in milliseconds."""
    cuts = statistics.quantiles(times, n=100)
    return ''.join(f'{value * 1000:>9.1f}'
                   for value in (cuts[49], cuts[98], max(times)))


def run(url, number):
    """Measure one database, print its figures; returns what went wrong."""
    with data.opened(url) as (name, runtime, path):
        before = time.perf_counter()
        when = fill(runtime.db, number)
        print(f'# {name}: filled in {time.perf_counter() - before:.0f} s',
              file=sys.stderr)
        with Load(runtime) as quiet:
            time.sleep(QUIET)
        with Load(runtime) as busy:
            before = time.perf_counter()
            first, status = purge(path, when, number // 3)
            second, _ = purge(path, when)
            spent = time.perf_counter() - before
        problems = quiet.errors + busy.errors
        with runtime.db.reader() as connection:
            left = connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages))
            old = connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages)
                .where(models.messages.c.id < ids.lower_bound(when)))
    recorded = len(quiet.writes) + len(busy.writes) - len(problems)
    if not problems and (
            first + second, old, left) != (
            number, 0, int(number * CACHE_TTL) + recorded):
        problems.append(f'{first} + {second} removed, {old} old and {left} '
                        f'in all are left, {recorded} were recorded')
    if status != 130:
        problems.append('the purge ended before it could be interrupted')
    for kind in ('reads', 'writes'):
        for state, load in (('quiet', quiet), ('purging', busy)):
            times = getattr(load, kind)
            print(f'{name:<11}{kind:<8}{state:<9}{len(times):>7}'
                  f'{figures(times)}{len(load.errors):>8}', flush=True)
    print(f'# {name}: {first:,} and {second:,} removed in {spent:.0f} s, '
          f'{number / spent:,.0f} a second', flush=True)
    for problem in problems[:5]:
        print(f'# {name}: {problem}', flush=True)
    return problems


def main():
    parser = argparse.ArgumentParser(
        description='Purge many messages while others read and record.')
    parser.add_argument('--url', action='append',
                        help='an empty database; may be given several times')
    parser.add_argument('--rows', type=int, default=1_000_000,
                        help='how many to purge (default: 1000000)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"what":<8}{"state":<9}{"calls":>7}'
          f'{"median":>9}{"99 %":>9}{"max, ms":>9}{"errors":>8}', flush=True)
    problems = [run(url, arguments.rows)
                for url in arguments.url or data.addresses()]
    return any(problems)


if __name__ == '__main__':
    sys.exit(main())
