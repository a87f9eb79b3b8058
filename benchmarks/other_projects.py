# SPDX-License-Identifier: Apache-2.0
"""Lists of a project next to another project with many messages.

    python benchmarks/other_projects.py [--rounds N] [--url URL ...]

The other project has that many messages of one resource and of one request,
and a small project and an empty one ask for these, with the filters of the
native API and of the facades. Compared to the same lists before the other
project had any.

Without ``--url`` it starts SQLite, MariaDB and PostgreSQL by itself, with
their default settings, and removes them again. A database that a URL names
must be empty; its tables stay.
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

from usermsg.db import models  # noqa: E402
from usermsg.objects import message  # noqa: E402

OTHER_ROWS = 300_000
SMALL, EMPTY = f'{1:032x}', f'{2:032x}'
LIMIT = 100
TARGET = 1.5

FREQUENT = {'resource_uuid': '0' * 32, 'request_id': 'req-' + '0' * 32}

#: What it is called -> filters.
FILTERS = {
    **{name: {name: value} for name, value in FREQUENT.items()},
    **{f'{name}, facade': {name: value, 'prefix': 'VOLUME'}
       for name, value in FREQUENT.items()},
}


def fill(database, rows):
    with database.engine().begin() as connection:
        while batch := list(itertools.islice(rows, 5000)):
            connection.execute(models.messages.insert(), batch)


def measure(database, rounds):
    """(filters, project) -> the median of seconds of a list."""
    seconds = collections.defaultdict(list)
    for number in range(-2, rounds):  # the first two only warm up
        for (name, filters), project, ascending in itertools.product(
                FILTERS.items(), (SMALL, EMPTY), (False, True)):
            before = time.perf_counter()
            message.MessageList.get_page(
                database, {**filters, 'project_id': project}, limit=LIMIT,
                ascending=ascending)
            spent = time.perf_counter() - before
            if number >= 0:
                seconds[
                    name, 'small' if project == SMALL else 'empty'
                ].append(spent)
    return {case: statistics.median(each) for case, each in seconds.items()}


def run(url, rounds):
    """Measure one database and print its figures; the worst ratio."""
    with data.opened(url) as (name, runtime, _path):
        fill(runtime.db, ({**row, 'project_id': SMALL}
                          for row in data.rows(1000, 0)))
        data.analyze(runtime.db)
        alone = measure(runtime.db, rounds)
        fill(runtime.db, ({**row, **FREQUENT}
                          for row in data.rows(OTHER_ROWS, 0)))
        data.analyze(runtime.db)
        beside = measure(runtime.db, rounds)
    for (filters, project), median in alone.items():
        other = beside[filters, project]
        print(f'{name:<11}{filters:<23}{project:<8}{median * 1000:>9.2f}'
              f'{other * 1000:>11.2f}{other / median:>8.2f}', flush=True)
    return max(beside[case] / alone[case] for case in alone)


def main():
    parser = argparse.ArgumentParser(
        description='Compare lists of a project before and after another '
        f'project has {OTHER_ROWS:,} messages.')
    parser.add_argument('--url', action='append',
                        help='an empty database; may be given several times')
    parser.add_argument('--rounds', type=int, default=101,
                        help='how often each list is read (default: 101)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"filters":<23}{"project":<8}{"alone, ms":>9}'
          f'{"beside, ms":>11}{"ratio":>8}', flush=True)
    ratios = [run(url, arguments.rounds)
              for url in arguments.url or data.addresses()]
    print(f'The worst ratio is {max(ratios):.2f}; at most {TARGET} is meant '
          f'to be.')
    return max(ratios) > TARGET


if __name__ == '__main__':
    sys.exit(main())
