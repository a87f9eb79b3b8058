# SPDX-License-Identifier: Apache-2.0
"""CPU time of a request in the API and in the database, and bytes a message.

    python benchmarks/capacity.py [--rows NUMBER] [--json FILE]

A process or a server with C cores handles C divided by that time a second.
README.rst explains the results.
"""

import argparse
import itertools
import json
import sys

import api
import data
import sqlalchemy as sa

from usermsg import config
from usermsg import service
from usermsg.tests.fixtures import servers

CASES = ('list(10)', 'list(100)', 'list(1000)', 'show', 'create(1)',
         'create(100)')

#: Seconds of CPU time of the API for which each case is measured.
SECONDS = 2

#: SELECT of the bytes of the table of messages, and of its indexes.
SIZES = {
    'MariaDB': 'SELECT data_length, index_length '
               'FROM information_schema.tables '
               "WHERE table_schema = DATABASE() AND table_name = 'messages'",
    'PostgreSQL': "SELECT pg_table_size('messages'), "
                  "pg_indexes_size('messages')"}


def measure_case(case, process, server, numbers):
    """Return the milliseconds of CPU time of a request: API, database."""
    requests = case.requests(numbers)
    with api.Client(process.port) as client:
        for request in itertools.islice(requests, api.WARM_UP):
            client.send(request)
        count = 0
        start = spent = process.cpu(), server.cpu()
        while spent[0] < start[0] + SECONDS:
            for request in itertools.islice(requests, 20):
                client.send(request)
                if client.status() >= 300:
                    raise api.Mismatch(
                        f'{case.name}: the status is {client.status()}')
                count += 1
            spent = process.cpu(), server.cpu()
    return tuple(1000 * (after - before) / count
                 for before, after in zip(start, spent))


def measure(name, rows):
    """Measure one database; yield a result for each case, a dict.

    :param rows: number of messages of the project that reads
    """
    numbers = itertools.count()
    with data.SERVERS[name](1) as server, servers.Process() as directory:
        path = api.configure(server.create_database(), directory)
        runtime = service.make_runtime(
            config.load_config(['--config-file', path]))
        api.log(f'{name}: writing {rows * 4 // 3:,} rows')
        cases = api.make_cases(api.prepare(runtime, rows))
        with runtime.db.reader() as connection:
            sizes = connection.execute(sa.text(SIZES[name])).one()
        runtime.db.dispose()
        with api.Server('usermsg.wsgi.api:application', {
                config.CONFIG_FILES_VARIABLE: path}) as process:
            for case in cases:
                if case.name in CASES:
                    own, other = measure_case(case, process, server, numbers)
                    yield {'database': name, 'case': case.name,
                           'api_ms': round(own, 3),
                           'database_ms': round(other, 3),
                           'message_bytes': round(sizes[0] / (rows * 4 // 3)),
                           'index_bytes': round(sizes[1] / (rows * 4 // 3))}


def main():
    parser = argparse.ArgumentParser(
        description='Measure the CPU time of requests.')
    parser.add_argument('--rows', type=api.positive(int), default=300_000,
                        help='number of messages of the project that reads; '
                        'other projects have a third as many (default: '
                        '300000)')
    parser.add_argument('--json', metavar='FILE',
                        help='write the results to this file as well')
    arguments = parser.parse_args()
    results = []
    print('database    case          API, ms  database, ms  '
          'bytes: table  indexes', flush=True)
    try:
        for name in SIZES:
            for row in measure(name, arguments.rows):
                results.append(row)
                print('{database:<12}{case:<12}{api_ms:>9.3f}'
                      '{database_ms:>14.3f}{message_bytes:>14}'
                      '{index_bytes:>9}'.format(**row), flush=True)
    except (api.Mismatch, servers.Missing) as error:
        sys.exit(f'The benchmark failed: {error}')
    if arguments.json:
        with open(arguments.json, 'w', encoding='utf-8') as file:
            json.dump(results, file, indent=2)
    return 0


if __name__ == '__main__':
    sys.exit(main())
