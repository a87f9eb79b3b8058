# SPDX-License-Identifier: Apache-2.0
"""Latency of readers and writers during a purge of many messages.

    python benchmarks/purge.py [--rows N] [--url URL ...]

``usermsg-manage purge --older-than`` removes N of 1.2 N messages, while two
threads read pages and one records messages. Every minute it is interrupted by
SIGINT, as by Ctrl-C, and later run again: the load of the machine changes, so
both states are measured alternately. The exit status is 1 if the 99th
percentile during the purge is more than twice that without it.

Without ``--url`` the script starts SQLite, MariaDB and PostgreSQL, the servers
with a buffer of 1 GB, and removes them afterwards. A database that is given by
URL must be empty; its tables are kept.
"""

import argparse
import collections
import datetime
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
#: Durations of the measurements without and during the purge, in seconds.
QUIET = 10
PURGING = 40
#: Maximum ratio of the 99th percentiles.
MAX_RATIO = 2


def fill(database, number):
    """Insert messages to remove, and newer ones to keep.

    :param number: of messages to remove
    :returns: the time between the two kinds
    """
    rows = data.make_rows(number, int(number * KEPT_RATIO))
    boundary = None

    def find_boundary():
        nonlocal boundary
        for index, row in enumerate(rows):
            if index == number:
                boundary = row['created_at']
            yield row

    data.insert(database, find_boundary())
    data.analyze(database)
    return boundary.replace(tzinfo=datetime.timezone.utc)


class Load:
    """Threads that read and record messages until they are stopped.

    :ivar state: name of the state that is measured; None for none
    :ivar times: (kind, state) -> durations of the operations in seconds
    """

    def __init__(self, runtime):
        self._api = api.API(runtime)
        self._stop = threading.Event()
        self.state = None
        self.times = collections.defaultdict(list)
        self.recorded = 0
        self.errors = []
        self._threads = [
            threading.Thread(target=self._work, args=(kind, action, delay))
            for kind, action, delay in [
                ('writes', self._record, 0.05),
                *[('reads', self._read, 0.002)] * READERS]]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, kind, action, delay):
        generator = random.Random()
        while not self._stop.wait(delay):
            state = self.state
            start = time.perf_counter()
            try:
                action(generator)
            except Exception as error:
                self.errors.append(repr(error))
            elapsed = time.perf_counter() - start
            if state:
                self.times[kind, state].append(elapsed)

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
        self.recorded += 1


def purge(config, boundary, load):
    """Run the command, and interrupt it after a time.

    It is measured from its first line of progress.

    :param boundary: older messages are removed
    :returns: the number of removed messages that it reports, and its exit
        status
    """
    process = subprocess.Popen(
        [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file', config,
         'purge', '--older-than', boundary.isoformat()],
        stdout=subprocess.PIPE, text=True)
    removed, end = 0, None
    for line in process.stdout:
        match = re.match(r'(?:Interrupted after )?([\d,]+)', line)
        removed = int(match[1].replace(',', ''))
        if end is None:
            load.state = 'purging'
            end = time.monotonic() + PURGING
        elif time.monotonic() > end and load.state:
            load.state = None
            process.send_signal(signal.SIGINT)
    load.state = None
    status = process.wait()
    if status not in (0, 130):
        raise RuntimeError(f'purge exited with status {status}')
    return removed, status


def run(url, number):
    """Measure one database, print the results; return the problems."""
    with data.open_database(url) as (name, runtime, path):
        start = time.perf_counter()
        boundary = fill(runtime.db, number)
        print(f'# {name}: filled in {time.perf_counter() - start:.0f} s',
              file=sys.stderr)
        removed, interruptions, elapsed, status = 0, -1, 0, 130
        with Load(runtime) as load:
            while status == 130:
                load.state = 'quiet'
                time.sleep(QUIET)
                load.state = None
                start = time.perf_counter()
                purged, status = purge(path, boundary, load)
                elapsed += time.perf_counter() - start
                removed += purged
                interruptions += 1
        problems = load.errors
        with runtime.db.reader() as connection:
            total = connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages))
            old = connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages)
                .where(models.messages.c.id < ids.lower_bound(boundary)))
    if not problems and (removed, old, total) != (
            number, 0, int(number * KEPT_RATIO) + load.recorded):
        problems.append(f'{removed} messages were removed and {load.recorded} '
                        f'recorded; {old} old messages and {total} in total '
                        'remain')
    for kind in ('reads', 'writes'):
        quantiles = []
        for state in ('quiet', 'purging'):
            times = load.times[kind, state]
            cuts = statistics.quantiles(times, n=100)
            quantiles.append(cuts[98])
            print(f'{name:<11}{kind:<8}{state:<9}{len(times):>7}' + ''.join(
                f'{value * 1000:>9.1f}'
                for value in (cuts[49], cuts[98], max(times))), end='')
            if state == 'quiet':
                print()
        ratio = quantiles[1] / quantiles[0]
        print(f'{ratio:>8.2f}', flush=True)
        if ratio > MAX_RATIO:
            problems.append(f'the ratio of {kind} is above {MAX_RATIO}')
    print(f'# {name}: {removed:,} removed in {elapsed:.0f} s, '
          f'{number / elapsed:,.0f} a second, with {interruptions} '
          'interruptions', flush=True)
    for problem in problems[:5]:
        print(f'# {name}: {problem}', flush=True)
    return problems


def main():
    parser = argparse.ArgumentParser(
        description='Purge many messages while threads read and record.')
    parser.add_argument('--url', action='append',
                        help='an empty database, on MariaDB with the '
                        'parameter local_infile=1; may be given several times')
    parser.add_argument('--rows', type=int, default=1_000_000,
                        help='number of messages to purge (default: 1000000)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"kind":<8}{"state":<9}{"calls":>7}'
          f'{"median":>9}{"99 %":>9}{"max, ms":>9}{"ratio":>8}', flush=True)
    problems = [run(url, arguments.rows)
                for url in arguments.url or data.create_databases()]
    return any(problems)


if __name__ == '__main__':
    sys.exit(main())
