# SPDX-License-Identifier: Apache-2.0
"""What a page deep inside a project costs, compared to its first page.

    python benchmarks/deep_pages.py [--rounds N] [--url URL ...]

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

from usermsg.objects import message  # noqa: E402

ROWS = 300_000
OTHER_ROWS = 100_000
DEPTH = 200_000
LIMITS = (100, 1000)
TARGET = 1.5


def measure(database, found, rounds):
    """(order, limit) -> the seconds of each first and of each deep page."""
    seconds = collections.defaultdict(lambda: ([], []))
    for number in range(-2, rounds):  # the first two only warm up
        for ascending, limit, deep in itertools.product(
                (False, True), LIMITS, (0, 1)):
            ordered = found[::-1] if ascending else found
            marker = ordered[DEPTH - 1] if deep else None
            before = time.perf_counter()
            page = message.MessageList.get_page(
                database, {'project_id': data.PROJECT}, marker=marker,
                limit=limit, ascending=ascending)
            spent = time.perf_counter() - before
            start = DEPTH if deep else 0
            if [item.id for item in page.objects] != ordered[
                    start:start + limit]:
                raise AssertionError('not the right page')
            if number >= 0:
                order = 'oldest first' if ascending else 'newest first'
                seconds[order, limit][deep].append(spent)
    return seconds


def run(url, rounds):
    """Fill one database and print its figures; the worst ratio."""
    with data.opened(url) as (name, runtime, _path):
        before = time.perf_counter()
        found = data.fill(runtime.db, ROWS, OTHER_ROWS)
        print(f'# {name}: {ROWS + OTHER_ROWS:,} rows in '
              f'{time.perf_counter() - before:.0f} s', file=sys.stderr)
        seconds = measure(runtime.db, found, rounds)
    worst = 0
    for (order, limit), (first, deep) in seconds.items():
        first, deep = statistics.median(first), statistics.median(deep)
        worst = max(worst, deep / first)
        print(f'{name:<11}{order:<13}{limit:>6}{first * 1000:>12.2f}'
              f'{deep * 1000:>12.2f}{deep / first:>8.2f}', flush=True)
    return worst


def main():
    parser = argparse.ArgumentParser(
        description='Compare the page at a depth of '
        f'{DEPTH:,} of {ROWS:,} rows to the first one.')
    parser.add_argument('--url', action='append',
                        help='an empty database; may be given several times')
    parser.add_argument('--rounds', type=int, default=31,
                        help='how often each page is read (default: 31)')
    arguments = parser.parse_args()
    print(f'{"database":<11}{"order":<13}{"limit":>6}{"first, ms":>12}'
          f'{"deep, ms":>12}{"ratio":>8}', flush=True)
    ratios = [run(url, arguments.rounds)
              for url in arguments.url or data.addresses()]
    print(f'The worst ratio is {max(ratios):.2f}; at most {TARGET} is meant '
          f'to be.')
    return max(ratios) > TARGET


if __name__ == '__main__':
    sys.exit(main())
