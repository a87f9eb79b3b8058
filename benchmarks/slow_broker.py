# SPDX-License-Identifier: Apache-2.0
"""Time to relay an outbox to a broker that is slow to confirm.

    python benchmarks/slow_broker.py [--database NAME ...]

See README.rst for how to read the figures.
"""

import argparse
from concurrent import futures
import statistics
import threading
import time

import data

from usermsg.outbox import relay
from usermsg.outbox import writer
from usermsg.tests.fixtures import drivers


class Notified:
    """Driver that is called for one notification at a time.

    :param seconds: until one is confirmed
    """

    def __init__(self, seconds):
        self.seconds = seconds

    def notify(self, ctxt, msg, priority, retry):
        time.sleep(self.seconds)


class Submitted(Notified):
    """Driver that confirms together what it is given within the time."""

    def __init__(self, seconds):
        super().__init__(seconds)
        self._lock = threading.Lock()
        self._under_way = []

    def submit(self, ctxt, msg, priority):
        future = futures.Future()
        with self._lock:
            self._under_way.append(future)
            if len(self._under_way) == 1:
                threading.Timer(self.seconds, self._confirm).start()
        return future

    def _confirm(self):
        with self._lock:
            confirmed, self._under_way = self._under_way, []
        for future in confirmed:
            future.set_result(None)


def measure(runtime, driver, number):
    """Seconds to relay one notification of each of so many projects."""
    drivers.put(runtime.db, *(
        drivers.entry(project, shard=writer.shard_of(f'project {project}'))
        for project in range(number)))
    one = relay.Relay(runtime, 'one', driver)
    begin = time.perf_counter()
    while one.run_once(threading.Event()):
        pass
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(
        description='Relay an outbox to a slow broker.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='all if left out')
    parser.add_argument('--confirm', type=float, default=0.5,
                        help='seconds until it confirms (default: 0.5)')
    parser.add_argument('--projects', type=int, default=100,
                        help='with a notification each (default: 100)')
    parser.add_argument('--rounds', type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.database or data.DATABASES:
        with data.DATABASES[name]() as url, data.opened(url) as opened:
            ways = {way: way(arguments.confirm)
                    for way in (Notified, Submitted)}
            times = {way: [] for way in ways}
            for _ in range(arguments.rounds):
                for way, driver in ways.items():
                    times[way].append(measure(
                        opened[1], driver, arguments.projects))
            for way, seconds in times.items():
                print(f'{name:<11}{way.__name__:<10}'
                      f'{statistics.median(seconds):>7.2f} s '
                      f'({min(seconds):.2f} - {max(seconds):.2f})', flush=True)


if __name__ == '__main__':
    main()
