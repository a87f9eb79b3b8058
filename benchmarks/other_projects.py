# SPDX-License-Identifier: Apache-2.0
"""Time of a project's lists next to another project with many messages.

    python benchmarks/other_projects.py [--rounds N] [--url URL ...]

The other project has many messages of one resource and of one request. A small
project and an empty one list the messages of that resource and request, with
the filters of the native API and of the facades. The time is compared to that
of the same lists before the other project had any messages.

Without ``--url`` the script starts SQLite, MariaDB and PostgreSQL with their
default settings, and removes them afterwards. A database that is given by URL
must be empty; its tables are kept.
"""

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

FREQUENT = {'resource_uuid': '0' * 32, 'request_id': 'req-' + '0' * 32}

#: Name -> filters.
FILTERS = {
    **{name: {name: value} for name, value in FREQUENT.items()},
    **{f'{name}, facade': {name: value, 'prefix': 'VOLUME'}
       for name, value in FREQUENT.items()},
}


def insert(database, rows):
    with database.engine().begin() as connection:
        while batch := list(itertools.islice(rows, 5000)):
            connection.execute(models.messages.insert(), batch)


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
        insert(runtime.db, ({**row, 'project_id': SMALL}
                            for row in data.make_rows(1000, 0)))
        data.analyze(runtime.db)
        alone = measure(runtime.db, rounds)
        insert(runtime.db, ({**row, **FREQUENT}
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
    return data.compare(
        run, 'Compare lists of a project before and after another project '
        f'has {OTHER_ROWS:,} messages.',
        f'{"database":<11}{"filters":<23}{"project":<8}{"alone, ms":>9}'
        f'{"beside, ms":>11}{"ratio":>8}', rounds=101)


if __name__ == '__main__':
    sys.exit(main())
