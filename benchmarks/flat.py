# SPDX-License-Identifier: Apache-2.0
"""Times with many messages, compared to the times with 10,000.

    python benchmarks/flat.py [--rows N] [--database NAME ...] [--json FILE]

A server has two databases, one of 10,000 messages and one of many; in each a
large project has a fifth of them, and 1,000 others the rest. The operations
of ``usermsg.objects`` are measured on both alternately, after the tables and
their indexes have been read once. The exit status is 1 if one takes more than
1.3 times as long with many messages.
"""

import argparse
import contextlib
import datetime
import json
import random
import statistics
import sys
import time
import uuid

from usermsg.concurrency import backend

backend.use_threads()

import data  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from usermsg.db import clock  # noqa: E402
from usermsg.db import index_scan  # noqa: E402
from usermsg.db import models  # noqa: E402
from usermsg.objects import ids  # noqa: E402
from usermsg.objects import message  # noqa: E402
from usermsg.objects import message_summary  # noqa: E402
from usermsg.objects import removal  # noqa: E402

SMALL = 10_000
#: The large project has this part of the messages.
PART = 5
#: Average number of messages of a resource and of a request. A fifth of them
#: are of the large project.
REPEATED = 20
#: Number of messages of the large project that are shown, or whose resource
#: or request is the filter of a list.
SAMPLES = 1000
GOAL = 1.3
WARM_UP = 5
#: Rounds of the removal of expired messages. Each makes the databases smaller.
REMOVALS = 11
TABLE = models.messages
_ODD = 0x9e3779b97f4a7c15f39cc0605cedc835


class Messages:
    """Database with messages, and operations on those of the large project.

    Each operation returns a function of which the time is measured.

    :param runtime: of an empty database
    :param number: of messages
    """

    def __init__(self, runtime, number):
        self.db = runtime.db
        self._random = random.Random(2)
        self._ids = []
        self._samples = []
        start = time.perf_counter()
        with self.db.without_statement_timeout() as database:
            self._fill(database, number)
            _read_all(database)
        log(f'{self.db.dialect}: {number:,} rows in '
            f'{time.perf_counter() - start:.0f} s')
        # All messages expire within 30 days. Each batch continues there.
        self._removal = removal.remove(self.db, removal.expired(
            datetime.datetime.now(datetime.timezone.utc) +
            datetime.timedelta(days=60)))

    def _fill(self, database, number):
        # It takes much longer to insert rows into indexes.
        for index in TABLE.indexes:
            database.write(index.drop)
        data.insert(database, self._make_rows(number))
        for index in TABLE.indexes:
            database.write(index.create)
        data.analyze(database)

    def _make_rows(self, number):
        count = number // PART
        for row in data.make_rows(count, number - count):
            row['resource_uuid'] = self._make_id(number // REPEATED)
            row['request_id'] = f'req-{self._make_id(number // REPEATED)}'
            if row['project_id'] == data.PROJECT:
                self._ids.append(row['id'])
                if not len(self._ids) % (count // SAMPLES):
                    self._samples.append(row)
            yield row

    def _make_id(self, number):
        """Return one of a number of ids that look random."""
        return f'{self._random.randrange(number) * _ODD % 2**128:032x}'

    def _sample(self, *names):
        row = self._random.choice(self._samples)
        return {name: row[name] for name in names}

    def page(self, limit, ascending=False, deep=False):
        ordered = self._ids if ascending else self._ids[::-1]
        start = len(ordered) // 2 if deep else 0

        def get_page():
            return message.MessageList.get_page(
                self.db, {'project_id': data.PROJECT}, limit=limit,
                marker=ordered[start - 1] if deep else None,
                ascending=ascending)

        if [row[0] for row in get_page().rows] != ordered[
                start:start + limit]:
            raise AssertionError('the page has other messages')
        return get_page

    def filtered(self, *names):
        return lambda: message.MessageList.get_page(
            self.db, self._sample('project_id', *names), limit=50)

    def poll(self):
        return lambda: message.MessageList.get_ids(
            self.db, {'project_id': data.PROJECT}, limit=50)

    def summary(self):
        return lambda: message_summary.count(
            self.db, {'project_id': data.PROJECT})

    def show(self):
        return lambda: message.Message.get(
            self.db, self._sample('id')['id'], data.PROJECT)

    def create(self, number):
        def record():
            now = datetime.datetime.now(datetime.timezone.utc)
            row = models.MessageRow(**self._samples[0])._replace(
                request_id=f'req-{uuid.uuid4()}', created_at=clock.naive(now),
                expires_at=clock.naive(now + datetime.timedelta(days=30)))
            message.MessageList.record(self.db, [
                message.NewMessage(row._replace(
                    id=ids.mint(now), resource_uuid=str(uuid.uuid4())))
                for _ in range(number)])
        return record

    def expire(self):
        return lambda: next(self._removal)


def _read_all(database):
    """Read the table and its indexes into the buffer of the server."""
    key = [TABLE.c.id]
    scans = [('PRIMARY', key, TABLE.c.user_id), *(
        (index.name, [*index.columns, *key], TABLE.c.id)
        for index in TABLE.indexes)]
    with database.reader() as connection:
        for index, columns, column in scans:
            rows = index_scan.force_index(
                sa.select(*columns, column.label('value')), TABLE, index
            ).order_by(*columns).subquery()
            connection.execute(sa.select(sa.func.max(rows.c.value)))


#: Case -> method and parameters.
CASES = {
    'list(50)': ('page', 50),
    'list(1000)': ('page', 1000),
    'list(50) at depth': ('page', 50, False, True),
    'list(1000) at depth': ('page', 1000, False, True),
    'list(50) from the oldest': ('page', 50, True),
    'list(50) from the oldest, at depth': ('page', 50, True, True),
    'list(50) of a resource': ('filtered', 'resource_uuid'),
    'list(50) of a request': ('filtered', 'request_id'),
    'list(50) of a resource, facade': ('filtered', 'resource_uuid', 'prefix'),
    'poll(50)': ('poll',),
    'summary': ('summary',),
    'show': ('show',),
    'create(1)': ('create', 1),
    'create(100)': ('create', 100),
    'expire(500)': ('expire',),
}


def measure(case, small, large, rounds):
    """Return the medians of both in milliseconds, and their ratio."""
    name, *parameters = CASES[case]
    functions = [getattr(messages, name)(*parameters)
                 for messages in (small, large)]
    seconds = [], []
    for number in range(-WARM_UP, rounds):
        # The first one changes each time.
        for index in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            functions[index]()
            elapsed = time.perf_counter() - start
            if number >= 0:
                seconds[index].append(elapsed)
    medians = [statistics.median(times) * 1000 for times in seconds]
    return *medians, medians[1] / medians[0]


def run(name, arguments):
    """Measure a database; generate the results, dicts."""
    log(f'{name}: buffer of {arguments.buffer} GB')
    with (data.SERVERS[name](arguments.buffer) as server,
          contextlib.ExitStack() as stack):
        small, large = [
            Messages(stack.enter_context(data.open_database(
                server.create_database()))[1], number)
            for number in (SMALL, arguments.rows)]
        for case in CASES:
            small_ms, large_ms, ratio = measure(
                case, small, large,
                REMOVALS if case == 'expire(500)' else arguments.rounds)
            print(f'{name:<12}{case:<36}{small_ms:>8.2f}{large_ms:>10.2f}'
                  f'{ratio:>7.2f}', flush=True)
            yield {'database': name, 'case': case, 'rows': arguments.rows,
                   'small_ms': round(small_ms, 3),
                   'large_ms': round(large_ms, 3), 'ratio': round(ratio, 3)}


def log(text):
    print(f'# {text}', file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--database', action='append', choices=data.SERVERS,
                        help='default: all')
    parser.add_argument('--rows', type=int, default=1_000_000,
                        help='number of messages (default: 1000000)')
    parser.add_argument('--buffer', type=int, default=2,
                        help='innodb_buffer_pool_size and shared_buffers in '
                        'GB (default: 2); 10,000,000 messages need 16')
    parser.add_argument('--rounds', type=int, default=101,
                        help='number of times of each operation '
                        '(default: 101)')
    parser.add_argument('--json', type=argparse.FileType('w'), metavar='FILE',
                        help='write the results to a file as well')
    arguments = parser.parse_args()
    print(f'{"database":<12}{"case":<36}{"small":>8}{"large, ms":>10}'
          f'{"ratio":>7}', flush=True)
    results = [result for name in arguments.database or data.SERVERS
               for result in run(name, arguments)]
    if arguments.json:
        json.dump(results, arguments.json, indent=2)
    return any(result['ratio'] > GOAL for result in results)


if __name__ == '__main__':
    sys.exit(main())
