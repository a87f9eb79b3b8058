# SPDX-License-Identifier: Apache-2.0
"""Latency of a project's lists beside expensive lists of another project.

    python benchmarks/expensive_lists.py [--database NAME ...] [--rows N]

One project has many messages, and sends one kind of expensive list to
``usermsg-api`` through 8 connections. One client of another project lists its
10 newest messages, one request after the other. README.rst explains the
results.
"""

import argparse
import collections
import itertools
import multiprocessing
import sys
import threading
import time

import api  # selects the backend of oslo.service
import data

from usermsg.db import models
from usermsg.tests.fixtures import standalone

OTHER = f'{1:032x}'
OTHER_ROWS = 1000
#: Maximum ratio of the 99th percentile to that without expensive lists.
MAX_RATIO = 3
WARM_UP = 50

#: Name -> address. Only one message has the level. The first list isn't
#: expensive, and isn't limited: it shows the effect of so many requests alone.
ATTACKS = {
    'cheap': '/v3/messages?limit=10',
    'filter': '/v3/messages?message_level=INFO',
    'sort': '/volume/v3/messages?sort=resource_uuid:asc&limit=10',
    'offset': '/volume/v3/messages?offset=99000&limit=10',
}


def fill(database, rows):
    generated = data.make_rows(rows, 0)
    first = {**next(generated), 'message_level': 'INFO'}
    small = ({**row, 'project_id': OTHER}
             for row in data.make_rows(OTHER_ROWS, 0))
    with database.engine().begin() as connection:
        everything = itertools.chain([first], generated, small)
        while batch := list(itertools.islice(everything, 5000)):
            connection.execute(models.messages.insert(), batch)
    data.analyze(database)


def attack(port, address, connections, delay, started, stop, counts):
    """Send requests until the event ``stop``; then put status -> number.

    :param delay: seconds after status 429
    """
    request = api.http('GET', address, data.PROJECT, 'reader')
    statuses = collections.Counter()

    def send():
        with api.Client(port) as client:
            while not stop.is_set():
                client.send(request)
                status = client.status()
                statuses[status] += 1
                if status == 429 and delay:
                    stop.wait(delay)

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    started.set()
    for thread in threads:
        thread.join()
    counts.put(dict(statuses))


def measure(port, seconds):
    """Return the sorted times of the other project's lists, in ms."""
    request = api.http('GET', '/v3/messages?limit=10', OTHER, 'reader')
    times = []
    clock = time.perf_counter
    with api.Client(port) as client:
        for _ in range(WARM_UP):
            client.send(request)
        end = clock() + seconds
        while (start := clock()) < end:
            client.send(request)
            times.append((clock() - start) * 1000)
            if client.status() != 200:
                raise api.Mismatch(
                    f'a list of the other project has the status '
                    f'{client.status()}')
    return sorted(times)


def measure_beside(port, address, arguments):
    """Return the times, and the requests per second by status."""
    context = multiprocessing.get_context('spawn')
    started, stop, counts = context.Event(), context.Event(), context.Queue()
    attacker = context.Process(target=attack, args=(
        port, address, arguments.connections, arguments.delay, started, stop,
        counts))
    attacker.start()
    try:
        if not started.wait(60):
            raise api.Mismatch('the expensive lists do not start')
        start = time.perf_counter()
        times = measure(port, arguments.seconds)
        elapsed = time.perf_counter() - start
    finally:
        stop.set()
    statuses = counts.get(timeout=120)
    attacker.join()
    return times, {status: number / elapsed
                   for status, number in sorted(statuses.items())}


def run(name, arguments):
    """Measure one database, print the results; return the highest ratio."""
    with data.DATABASES[name]() as url:
        server = standalone.UsermsgApi(database={'connection': url})
        try:
            fill(server.runtime.db, arguments.rows)
            quiet = measure(server.port, arguments.seconds)
            print_line(name, 'none', quiet, quiet)
            ratios = []
            for kind in arguments.attack or ATTACKS:
                times, rates = measure_beside(
                    server.port, ATTACKS[kind], arguments)
                ratio = print_line(name, kind, times, quiet, rates)
                if kind != 'cheap':
                    ratios.append(ratio)
        finally:
            server.stop()
            server.runtime.db.dispose()
    return max(ratios, default=0)


def percentile(times, part):
    return times[min(len(times) - 1, int(len(times) * part))]


def print_line(name, kind, times, quiet, rates=None):
    """Print one result; return the ratio of the 99th percentiles."""
    ratio = percentile(times, 0.99) / percentile(quiet, 0.99)
    rates = rates or {}
    print(f'{name:<11}{kind:<8}{len(times):>6}{percentile(times, 0.5):>8.1f}'
          f'{percentile(times, 0.99):>8.1f}{times[-1]:>8.1f}{ratio:>7.2f}'
          f'{rates.get(200, 0):>8.1f}{rates.get(429, 0):>8.1f}', flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(
        description='Measure lists beside expensive lists of another project.')
    parser.add_argument('--database', action='append', choices=data.DATABASES,
                        help='default: all')
    parser.add_argument('--attack', action='append', choices=ATTACKS,
                        help='kind of expensive list; default: all')
    parser.add_argument('--rows', type=int, default=1_000_000,
                        help='messages of the project with expensive lists '
                        '(default: 1000000)')
    parser.add_argument('--connections', type=int, default=8,
                        help='of that project (default: 8)')
    parser.add_argument('--delay', type=float, default=0,
                        help='seconds for which a connection of that project '
                        'pauses after status 429; Retry-After is 1 '
                        '(default: 0)')
    parser.add_argument('--seconds', type=float, default=15,
                        help='duration of each measurement (default: 15)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"beside":<8}{"lists":>6}{"50 %":>8}{"99 %":>8}'
          f'{"max":>8}{"ratio":>7}{"200/s":>8}{"429/s":>8}', flush=True)
    ratios = [run(name, arguments)
              for name in arguments.database or data.DATABASES]
    print(f'The highest ratio is {max(ratios):.2f}; the limit is '
          f'{MAX_RATIO}.')
    return max(ratios) > MAX_RATIO


if __name__ == '__main__':
    sys.exit(main())
