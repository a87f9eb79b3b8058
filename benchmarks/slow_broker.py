# SPDX-License-Identifier: Apache-2.0
"""Time to relay an outbox to a broker that is slow to confirm.

    python benchmarks/slow_broker.py [--database NAME ...]

README.rst explains the results.
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

    :param seconds: until a notification is confirmed
    """

    def __init__(self, seconds):
        self.seconds = seconds

    def notify(self, ctxt, msg, priority, retry):
        time.sleep(self.seconds)


class Submitted(Notified):
    """Driver that confirms notifications in batches, one per interval."""

    def __init__(self, seconds):
        super().__init__(seconds)
        self._lock = threading.Lock()
        self._unconfirmed = []

    def submit(self, ctxt, msg, priority):
        future = futures.Future()
        with self._lock:
            self._unconfirmed.append(future)
            if len(self._unconfirmed) == 1:
                threading.Timer(self.seconds, self._confirm).start()
        return future

    def _confirm(self):
        with self._lock:
            confirmed, self._unconfirmed = self._unconfirmed, []
        for future in confirmed:
            future.set_result(None)


def measure(runtime, driver, number):
    """Return the seconds to relay one notification of each project.

    :param number: of projects
    """
    drivers.put(runtime.db, *(
        drivers.entry(project, shard=writer.shard_of(f'project {project}'))
        for project in range(number)))
    instance = relay.Relay(runtime, 'one', driver)
    start = time.perf_counter()
    while instance.run_once(threading.Event()):
        pass
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(
        description='Relay an outbox to a slow broker.')
    parser.add_argument('--database', action='append',
                        choices=data.DATABASES, help='default: all')
    parser.add_argument('--confirm', type=float, default=0.5,
                        help='seconds until a confirmation (default: 0.5)')
    parser.add_argument('--projects', type=int, default=100,
                        help='number of projects with one notification each '
                        '(default: 100)')
    parser.add_argument('--rounds', type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.database or data.DATABASES:
        with (data.DATABASES[name]() as url,
              data.open_database(url) as (_name, runtime, _path)):
            instances = {kind: kind(arguments.confirm)
                         for kind in (Notified, Submitted)}
            times = {kind: [] for kind in instances}
            for _ in range(arguments.rounds):
                for kind, driver in instances.items():
                    times[kind].append(measure(
                        runtime, driver, arguments.projects))
            for kind, seconds in times.items():
                print(f'{name:<11}{kind.__name__:<10}'
                      f'{statistics.median(seconds):>7.2f} s '
                      f'({min(seconds):.2f} - {max(seconds):.2f})', flush=True)


if __name__ == '__main__':
    main()
