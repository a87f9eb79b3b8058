# SPDX-License-Identifier: Apache-2.0
"""Latency of a project's lists beside expensive lists of another project.

    python benchmarks/expensive_lists.py [--database NAME ...] [--rows N]

One project has many messages, and sends one kind of expensive list to
``usermsg-api`` through 8 connections. One client of another project lists its
10 newest messages, one request after the other. Phases with and without the
expensive lists alternate, because other programs may use the machine at the
same time. README.rst explains the results.
"""

import argparse
import collections
import itertools
import multiprocessing
import os
import statistics
import sys
import threading
import time

import api  # selects the backend of oslo.service
import data

from usermsg.tests.fixtures import standalone

OTHER = f'{1:032x}'
OTHER_ROWS = 1000
#: Maximum ratio of the 99th percentile to that without expensive lists.
MAX_RATIO = 3
WARM_UP = 50
#: Seconds after which the expensive lists have started, or have ended.
SETTLE = 1.5

#: Name -> address. Only one message has the type. The first list isn't
#: expensive, and isn't limited: it shows the effect of so many requests alone.
ATTACKS = {
    'cheap': '/v3/messages?limit=10',
    'filter': '/v3/messages?resource_type=SHARE',
    'sort': '/volume/v3/messages?sort=resource_uuid:asc&limit=10',
    'offset': '/volume/v3/messages?offset=99000&limit=10',
}


def fill(database, rows):
    generated = data.make_rows(rows, 0)
    first = {**next(generated), 'resource_type': 'SHARE'}
    small = ({**row, 'project_id': OTHER}
             for row in data.make_rows(OTHER_ROWS, 0))
    data.insert(database, itertools.chain([first], generated, small))
    data.analyze(database)


class Attacker:
    """Process that sends one kind of list through many connections.

    Use as a context manager. It sends nothing before :meth:`resume`.

    :param delay: seconds for which a connection pauses after status 429
    """

    def __init__(self, port, address, connections, delay):
        context = multiprocessing.get_context('spawn')
        self._active, self._stop = context.Event(), context.Event()
        self._counts = context.Queue()
        self._process = context.Process(target=_attack, args=(
            port, address, connections, delay, self._active, self._stop,
            self._counts))

    def __enter__(self):
        self._process.start()
        self._counts.get(timeout=60)  # the connections are open
        return self

    def __exit__(self, *exc_info):
        self._stop.set()
        self._active.set()
        self._counts.get(timeout=120)
        self._process.join()

    def resume(self):
        self._active.set()
        time.sleep(SETTLE)

    def pause(self):
        """Stop sending; return a counter of the statuses since the start."""
        self._active.clear()
        time.sleep(SETTLE)
        return self._counts.get(timeout=120)


def _attack(port, address, connections, delay, active, stop, counts):
    """Send requests while ``active`` is set.

    Puts an empty counter into the queue when the connections are open, then
    status -> number of responses since then, whenever ``active`` is cleared.
    """
    request = api.http('GET', address, data.PROJECT, 'reader')
    statuses = collections.Counter()
    # The last connection to pause reports.
    paused = threading.Barrier(
        connections, lambda: counts.put(statuses.copy()))

    def send():
        with api.Client(port) as client:
            while not stop.is_set():
                if not active.is_set():
                    paused.wait()
                    active.wait()
                    continue
                client.send(request)
                status = client.status()
                statuses[status] += 1
                if status == 429 and delay:
                    time.sleep(delay)
        paused.wait()

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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


def measure_kind(port, kind, arguments):
    """Return the times of all quiet phases and of all others, and the rates.

    :returns: two lists of sorted lists of times, in ms; status -> responses
        per second
    """
    quiet, beside, active = [], [], 0
    with Attacker(port, ATTACKS[kind], arguments.connections,
                  arguments.delay) as attacker:
        for _ in range(arguments.phases):
            quiet.append(measure(port, arguments.seconds))
            start = time.perf_counter()
            attacker.resume()
            beside.append(measure(port, arguments.seconds))
            active += time.perf_counter() - start
            statuses = attacker.pause()
    return quiet, beside, {status: number / active
                           for status, number in statuses.items()}


def run(name, arguments):
    """Measure one database, print the results; return the highest ratio."""
    ratios = []
    with data.DATABASES[name]() as url:
        server = standalone.UsermsgApi(database={'connection': url})
        try:
            fill(server.runtime.db, arguments.rows)
            for kind in arguments.attack or ATTACKS:
                ratio = print_line(name, kind, *measure_kind(
                    server.port, kind, arguments))
                if kind != 'cheap':
                    ratios.append(ratio)
        finally:
            server.stop()
            server.runtime.db.dispose()
    return max(ratios, default=0)


def median(phases, part):
    """Return the median of the phases' percentiles."""
    return statistics.median(
        times[min(len(times) - 1, int(len(times) * part))]
        for times in phases)


def print_line(name, kind, quiet, beside, rates):
    """Print one result; return the ratio of the 99th percentiles."""
    ratio = median(beside, 0.99) / median(quiet, 0.99)
    print(f'{name:<11}{kind:<7}'
          f'{median(quiet, 0.5):>6.1f}{median(quiet, 0.99):>7.1f}'
          f'{median(beside, 0.5):>7.1f}{median(beside, 0.99):>7.1f}'
          f'{max(times[-1] for times in beside):>7.0f}{ratio:>6.2f}'
          f'{rates.get(200, 0):>7.1f}{rates.get(429, 0):>7.1f}'
          f'{os.getloadavg()[0]:>5.1f}', flush=True)
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
    parser.add_argument('--phases', type=int, default=5,
                        help='number of phases with these lists, and as many '
                        'without (default: 5)')
    parser.add_argument('--seconds', type=float, default=5,
                        help='duration of each phase (default: 5)')
    arguments = parser.parse_args()
    print(f'{"":<18}{"quiet":^13}{"beside":^21}\n'
          f'{"database":<11}{"kind":<7}{"50 %":>6}{"99 %":>7}{"50 %":>7}'
          f'{"99 %":>7}{"max":>7}{"ratio":>6}{"200/s":>7}{"429/s":>7}'
          f'{"load":>5}', flush=True)
    ratios = [run(name, arguments)
              for name in arguments.database or data.DATABASES]
    print(f'The highest ratio is {max(ratios):.2f}; the limit is '
          f'{MAX_RATIO}.')
    return max(ratios) > MAX_RATIO


if __name__ == '__main__':
    sys.exit(main())
