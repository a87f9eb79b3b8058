# SPDX-License-Identifier: Apache-2.0
"""Time of a project's lists next to another project with many messages.

    python benchmarks/other_projects.py [--rounds N] [--url URL ...]

The other project has many messages of one resource and of one request. A small
project and an empty one list the messages of that resource and request, with
the filters of the native API and of the facades. The time is compared to that
of the same lists before the other project had any messages.

Without ``--url`` the script starts SQLite, MariaDB and PostgreSQL, the servers
with a buffer of 1 GB, and removes them afterwards. A database that is given by
URL must be empty; its tables are kept.
"""

import argparse
import collections
import itertools
import statistics
import sys
import time

from usermsg.concurrency import backend

backend.use_threads()

import data  # noqa: E402

from usermsg.objects import message  # noqa: E402

OTHER_ROWS = 300_000
SMALL, EMPTY = f'{1:032x}', f'{2:032x}'
LIMIT = 100
#: The benchmark fails above this ratio.
MAX_RATIO = 1.5

FREQUENT = {'resource_uuid': '0' * 32, 'request_id': 'req-' + '0' * 32}

#: Name -> filters.
FILTERS = {
    **{name: {name: value} for name, value in FREQUENT.items()},
    **{f'{name}, facade': {name: value, 'prefix': 'VOLUME'}
       for name, value in FREQUENT.items()},
}


def measure(database, rounds):
    """Return (filters, project) -> median of a list's time in seconds."""
    seconds = collections.defaultdict(list)
    for number in range(-2, rounds):  # the first two are a warm-up
        for (name, filters), project, ascending in itertools.product(
                FILTERS.items(), (SMALL, EMPTY), (False, True)):
            start = time.perf_counter()
            message.MessageList.get_page(
                database, {**filters, 'project_id': project}, limit=LIMIT,
                ascending=ascending)
            elapsed = time.perf_counter() - start
            if number >= 0:
                seconds[
                    name, 'small' if project == SMALL else 'empty'
                ].append(elapsed)
    return {case: statistics.median(times)
            for case, times in seconds.items()}


def run(url, rounds):
    """Measure one database, print the results; return the highest ratio."""
    with data.open_database(url) as (name, runtime, _path):
        data.insert(runtime.db, ({**row, 'project_id': SMALL}
                                 for row in data.make_rows(1000, 0)))
        data.analyze(runtime.db)
        alone = measure(runtime.db, rounds)
        data.insert(runtime.db, ({**row, **FREQUENT}
                                 for row in data.make_rows(OTHER_ROWS, 0)))
        data.analyze(runtime.db)
        beside = measure(runtime.db, rounds)
    for (filters, project), median in alone.items():
        other_median = beside[filters, project]
        print(f'{name:<11}{filters:<23}{project:<8}{median * 1000:>9.2f}'
              f'{other_median * 1000:>11.2f}{other_median / median:>8.2f}',
              flush=True)
    return max(beside[case] / alone[case] for case in alone)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--url', action='append',
                        help='an empty database, on MariaDB with the '
                        'parameter local_infile=1; may be given several times')
    parser.add_argument('--rounds', type=int, default=101,
                        help='number of times that each list is read '
                        '(default: 101)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"filters":<23}{"project":<8}{"alone, ms":>9}'
          f'{"beside, ms":>11}{"ratio":>8}', flush=True)
    highest = max(run(url, arguments.rounds)
                  for url in arguments.url or data.create_databases())
    print(f'The highest ratio is {highest:.2f}; the limit is {MAX_RATIO}.')
    return highest > MAX_RATIO


if __name__ == '__main__':
    sys.exit(main())
