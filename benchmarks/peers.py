# SPDX-License-Identifier: Apache-2.0
"""Requests per second of usermsg, beside the messages APIs of other services.

    python benchmarks/peers.py [--json FILE] [--graph FILE]

The real Cinder and Manila, each in an environment of its own, usermsg and
``bare.py`` have the same messages on SQLite, and receive requests in turns.
README.rst explains the results.
"""

import argparse
import contextlib
import dataclasses
import functools
import itertools
import json
import sqlite3
import statistics
import sys

import api
import chart
import data

from usermsg import config
from usermsg.db import migration
from usermsg.db import models
from usermsg import service
from usermsg.tests.fixtures import cinder
from usermsg.tests.fixtures import manila
from usermsg.tests.fixtures import servers

LIST_10 = 'list(10)'
CASES = (LIST_10, 'list(100)', 'list(1000)', 'show')


@dataclasses.dataclass(frozen=True)
class Kind:
    """Kind of messages: those of a peer.

    :param peer: class of :mod:`usermsg.tests.fixtures`
    :param path: of its list of messages; that of the facade has a prefix
    :param prefix: of the facade
    :param version: header, a line
    :param values: of columns of usermsg, which other messages don't have
    :param columns: of the peer's table that others don't have -> those of
        usermsg
    :param deleted: value of the peer's column ``deleted``
    """

    peer: type
    path: str
    prefix: str
    version: str
    values: dict
    columns: dict
    deleted: object

    @property
    def name(self):
        return self.peer.__name__


KINDS = (
    Kind(cinder.Cinder, '/v3/messages', '/volume',
         'OpenStack-API-Version: volume 3.70', {},
         {'resource_uuid': 'resource_uuid', 'event_id': 'event_id'}, 0),
    Kind(manila.Manila, '/v2/messages', '/share',
         'X-OpenStack-Manila-API-Version: 2.40',
         {'prefix': 'SHARE', 'resource_type': 'SHARE',
          'event_id': 'SHARE_SHARE_001_003'},
         {'resource_id': 'resource_uuid'}, 'False'))

#: Columns that all services have.
_COLUMNS = ('id', 'project_id', 'request_id', 'resource_type',
            'message_level', 'created_at', 'expires_at', 'detail_id',
            'action_id')


@dataclasses.dataclass(frozen=True)
class Stage:
    """Number of messages, and the cases that are measured with them.

    :param rows: number of messages of the project whose messages are read
    :param other_rows: number of messages of 1,000 other projects
    """

    rows: int
    other_rows: int
    cases: tuple = CASES

    @property
    def total(self):
        return self.rows + self.other_rows


#: The project has all messages, or a hundred among those of 1,000 projects.
TABLE = (Stage(2000, 0), Stage(100, 99_900, (LIST_10,)))
#: The project has a tenth of the messages.
GRAPH = tuple(Stage(total // 10, total - total // 10, (LIST_10,))
              for total in (1000, 10_000, 100_000, 1_000_000))


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Service that is measured.

    :param path: of the list of messages
    :param headers: of each request, lines
    :param server: an object with ``rate``
    """

    name: str
    path: str
    headers: tuple
    server: object

    def case(self, name, message_id):
        """Return a case for this service, an :class:`api.Case`."""
        target = (f'{self.path}/{message_id}' if name == 'show' else
                  f'{self.path}?limit={name[5:-1]}')
        return api.Case(name, '\r\n'.join([
            f'GET {target} HTTP/1.1', 'Host: 127.0.0.1',
            'Accept: application/json', *self.headers, '', '']).encode())


class PeerServer(api.Server):
    """Server of another service, which is measured like usermsg's."""

    def __init__(self, peer):
        self.port = peer.port


def fill_peer(peer, kind, rows):
    """Insert rows of the table of usermsg, dicts, into that of a peer."""
    columns = {**{name: name for name in _COLUMNS}, **kind.columns}
    statement = (
        f'INSERT INTO messages (deleted, {", ".join(columns)}) '
        f'VALUES (?{", ?" * len(columns)})')
    with contextlib.closing(sqlite3.connect(
            peer.path('db.sqlite'))) as connection, connection:
        connection.executemany(statement, (
            (kind.deleted, *(str(row[name]) for name in columns.values()))
            for row in rows))
        connection.execute('ANALYZE')


@contextlib.contextmanager
def start(kind, stage):
    """Start all services with the messages of a stage.

    :returns: a list of :class:`Contestant`, usermsg first, and the id of a
        message
    """
    rows = [{**row, **kind.values}
            for row in data.make_rows(stage.rows, stage.other_rows)]
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(data.DATABASES['SQLite']())
        directory = stack.enter_context(servers.Process())
        path = api.configure(url, directory)
        runtime = service.make_runtime(
            config.load_config(['--config-file', path]))
        migration.sync(runtime.db)
        with runtime.db.engine().begin() as connection:
            for first in range(0, len(rows), 5000):
                connection.execute(models.messages.insert(),
                                   rows[first:first + 5000])
        data.analyze(runtime.db)
        runtime.db.dispose()
        env, bare_env = api.make_environments(url, path, runtime, directory)
        usermsg = stack.enter_context(
            api.Server('usermsg.wsgi.api:application', env))
        bare = stack.enter_context(api.Server('bare:application', bare_env))
        peer = kind.peer(None, '--http11-socket')
        stack.callback(peer.stop)
        fill_peer(peer, kind, rows)
        identity = (f'X-Project-Id: {data.PROJECT}', 'X-Roles: member,reader',
                    'X-User-Id: 9f0b6f6e1c0c4f64a3f0b1a4d2c6e7f8')
        yield [
            Contestant('usermsg', '/v3/messages', identity, usermsg),
            Contestant('facade', f'{kind.prefix}{kind.path}',
                       (*identity, kind.version), usermsg),
            Contestant('bare', '/v3/messages', identity, bare),
            Contestant(kind.name, kind.path, (*identity, kind.version),
                       PeerServer(peer)),
        ], next(row['id'] for row in reversed(rows)
                if row['project_id'] == data.PROJECT)


def check(contestants, case_name, message_id, stage):
    """Check that all services respond with the same messages.

    With messages of other projects only their number is compared, since
    Cinder lists those of all projects.

    :raises api.Mismatch: they don't
    """
    responses = set()
    for contestant in contestants:
        status, content, _length = contestant.server.content(
            contestant.case(case_name, message_id), itertools.count())
        if status != 200:
            raise api.Mismatch(
                f'{case_name}: {contestant.name} responds {status} {content}')
        messages = content.get('messages') or [content.get('message', {})]
        responses.add(len(messages) if stage.other_rows else
                      tuple(sorted(message['id'] for message in messages)))
    if len(responses) != 1:
        raise api.Mismatch(f'{case_name}: the services respond with different '
                           'messages')


def measure(kinds, stages, rounds, seconds):
    """Measure all services; generate a dict for each stage and case."""
    for kind, stage in itertools.product(kinds, stages):
        api.log(f'{kind.name}, {stage.total:,} messages')
        with start(kind, stage) as (contestants, message_id):
            for name in stage.cases:
                check(contestants, name, message_id, stage)
                yield {'peer': kind.name, 'rows': stage.total, 'case': name,
                       **measure_case(contestants, name, message_id, rounds,
                                      seconds)}


def measure_case(contestants, name, message_id, rounds, seconds):
    """Return the median rates, and ratios of medians of rounds."""
    rates = {contestant.name: [] for contestant in contestants}
    order = list(contestants)
    for _ in range(rounds):
        for contestant in order:
            rates[contestant.name].append(contestant.server.rate(
                contestant.case(name, message_id).requests(
                    itertools.count()), seconds))
        order.reverse()
    usermsg, facade, bare, peer = rates.values()

    def ratio(numbers, others):
        # Of turns of the same round, which are not far apart.
        return round(statistics.median(
            number / other for number, other in zip(numbers, others)), 3)

    return {
        **{name: round(statistics.median(values), 1) for name, values in zip(
            ('usermsg', 'facade', 'bare', 'other'), rates.values())},
        'ratio': ratio(usermsg, peer), 'facade_ratio': ratio(facade, peer),
        'of_bare': ratio(usermsg, bare),
        'facade_of_bare': ratio(facade, bare)}


def print_table(results):
    """Print the results as a table."""
    print(f'{"":<29}{"requests/s":>30}{"x the peer":>18}{"of bare":>16}')
    print(f'{"peer":<8}{"messages":>9} {"case":<11}{"usermsg":>8}{"facade":>8}'
          f'{"bare":>7}{"peer":>7}{"usermsg":>10}{"facade":>8}{"usermsg":>9}'
          f'{"facade":>7}')
    for row in results:
        print('{peer:<8}{rows:>9,} {case:<11}{usermsg:>8.0f}{facade:>8.0f}'
              '{bare:>7.0f}{other:>7.0f}{ratio:>10.1f}{facade_ratio:>8.1f}'
              '{of_bare:>9.2f}{facade_of_bare:>7.2f}'.format(**row))


def draw(results):
    """Return a graph of the requests per second against the messages."""
    lines = {'usermsg': 'usermsg', 'volume facade': 'facade',
             'Cinder': 'other'}
    return chart.draw(
        'Lists of 10 messages per second', 'messages in the database', {
            name: [(row['rows'], row[column]) for row in results]
            for name, column in lines.items()})


def main():
    parser = argparse.ArgumentParser(
        description='Compare usermsg to Cinder and Manila.')
    parser.add_argument('--rounds', type=api.positive(int), default=9,
                        help='number of turns of each service (default: 9)')
    parser.add_argument('--seconds', type=api.positive(float), default=0.5,
                        help='duration of a turn (default: 0.5)')
    parser.add_argument('--short', action='store_true',
                        help='measure 2,000 messages only')
    parser.add_argument('--json', metavar='FILE',
                        help='write the results to this file as well')
    parser.add_argument('--graph', metavar='FILE',
                        help='measure more numbers of messages, and draw the '
                        'results to this SVG file')
    arguments = parser.parse_args()
    run = functools.partial(measure, rounds=arguments.rounds,
                            seconds=arguments.seconds)
    try:
        table = list(run(KINDS, TABLE[:1] if arguments.short else TABLE))
        print_table(table)
        graph = list(run(KINDS[:1], GRAPH)) if arguments.graph else []
        if graph:
            print_table(graph)
    except (api.Mismatch, servers.Missing) as error:
        sys.exit(f'The benchmark failed: {error}')
    if arguments.json:
        with open(arguments.json, 'w', encoding='utf-8') as file:
            json.dump({'table': table, 'graph': graph}, file, indent=2)
    if graph:
        with open(arguments.graph, 'w', encoding='utf-8') as file:
            file.write(draw(graph))
    return 0


if __name__ == '__main__':
    sys.exit(main())
