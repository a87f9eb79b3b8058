# SPDX-License-Identifier: Apache-2.0
"""Time of a page deep inside a project, compared to its first page.

    python benchmarks/deep_pages.py [--rounds N] [--url URL ...]

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

from usermsg.objects import message  # noqa: E402

ROWS = 300_000
OTHER_ROWS = 100_000
DEPTH = 200_000
LIMITS = (100, 1000)


def measure(database, message_ids, rounds):
    """Measure first and deep pages.

    :param message_ids: of the project, newest first
    :returns: (order, limit) -> times of first and of deep pages in seconds,
        two lists
    """
    seconds = collections.defaultdict(lambda: ([], []))
    for number in range(-2, rounds):  # the first two are a warm-up
        for ascending, limit, deep in itertools.product(
                (False, True), LIMITS, (0, 1)):
            ordered = message_ids[::-1] if ascending else message_ids
            marker = ordered[DEPTH - 1] if deep else None
            start = time.perf_counter()
            page = message.MessageList.get_page(
                database, {'project_id': data.PROJECT}, marker=marker,
                limit=limit, ascending=ascending)
            elapsed = time.perf_counter() - start
            offset = DEPTH if deep else 0
            if [item.id for item in page.objects] != ordered[
                    offset:offset + limit]:
                raise AssertionError('the page has other messages')
            if number >= 0:
                order = 'oldest first' if ascending else 'newest first'
                seconds[order, limit][deep].append(elapsed)
    return seconds


def run(url, rounds):
    """Measure one database, print the results; return the highest ratio."""
    with data.open_database(url) as (name, runtime, _path):
        start = time.perf_counter()
        message_ids = data.fill(runtime.db, ROWS, OTHER_ROWS)
        print(f'# {name}: {ROWS + OTHER_ROWS:,} rows in '
              f'{time.perf_counter() - start:.0f} s', file=sys.stderr)
        seconds = measure(runtime.db, message_ids, rounds)
    highest = 0
    for (order, limit), (first, deep) in seconds.items():
        first, deep = statistics.median(first), statistics.median(deep)
        highest = max(highest, deep / first)
        print(f'{name:<11}{order:<13}{limit:>6}{first * 1000:>12.2f}'
              f'{deep * 1000:>12.2f}{deep / first:>8.2f}', flush=True)
    return highest


def main():
    return data.compare(
        run, f'Compare the page at a depth of {DEPTH:,} of {ROWS:,} rows to '
        'the first one.',
        f'{"database":<11}{"order":<13}{"limit":>6}{"first, ms":>12}'
        f'{"deep, ms":>12}{"ratio":>8}', rounds=31)


if __name__ == '__main__':
    sys.exit(main())
