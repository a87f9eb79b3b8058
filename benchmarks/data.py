# SPDX-License-Identifier: Apache-2.0
"""Databases with many messages, and the command line of comparisons."""

import argparse
import contextlib
import datetime
import itertools
import pathlib
import random
import sys
import tempfile

import sqlalchemy as sa

from usermsg import config
from usermsg.db import migration
from usermsg.db import models
from usermsg.objects import ids
from usermsg import service
from usermsg.tests.fixtures import servers

PROJECT = '6c430ede947641288838' + '8d3929ced223'
OTHER_PROJECTS = 1000
#: Maximum ratio of a comparison; the benchmark fails above it.
MAX_RATIO = 1.5


def make_rows(count, other_count):
    """Generate rows of a large project among many small ones.

    They are ordered by time, spread over the last 30 days.
    """
    generator = random.Random(1)
    projects = [PROJECT] * count + [
        f'{number % OTHER_PROJECTS:032x}' for number in range(other_count)]
    generator.shuffle(projects)
    step = datetime.timedelta(days=30) / len(projects)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for number, project in enumerate(projects):
        created_at = now - step * (len(projects) - number)
        naive = created_at.replace(tzinfo=None)
        yield {
            'id': ids.mint(created_at),
            'prefix': 'VOLUME',
            'project_id': project,
            'user_id': f'{generator.getrandbits(128):032x}',
            'request_id': f'req-{generator.getrandbits(128):032x}',
            'resource_type': 'VOLUME',
            'resource_uuid': f'{generator.getrandbits(128):032x}',
            'event_id': 'VOLUME_VOLUME_001_003',
            'action_id': '001',
            'detail_id': '003',
            'message_level': 'ERROR',
            'created_at': naive,
            'expires_at': naive + datetime.timedelta(days=30),
        }


def fill(database, count, other_count):
    """Insert the rows; return ids of the large project, newest first."""
    message_ids = []
    rows = make_rows(count, other_count)
    with database.engine().begin() as connection:
        while batch := list(itertools.islice(rows, 5000)):
            message_ids += [row['id'] for row in batch
                            if row['project_id'] == PROJECT]
            connection.execute(models.messages.insert(), batch)
    message_ids.reverse()
    analyze(database)
    return message_ids


def analyze(database):
    """Update the statistics of the table of messages."""
    with database.engine().connect() as connection:
        connection = connection.execution_options(
            isolation_level='AUTOCOMMIT')
        connection.execute(sa.text(
            'ANALYZE TABLE messages' if database.dialect == 'mysql' else
            'ANALYZE messages'))
        if database.dialect == 'postgresql':
            # As autovacuum does sooner or later: otherwise the first reader
            # of each row has the cost of marking it as visible.
            connection.execute(sa.text('VACUUM messages'))


@contextlib.contextmanager
def sqlite():
    """Yield the URL of an empty SQLite database, which is removed later."""
    with tempfile.TemporaryDirectory() as directory:
        yield f'sqlite:///{pathlib.Path(directory, "benchmark.sqlite")}'


@contextlib.contextmanager
def mariadb():
    with servers.MariaDB() as server:
        yield server.create_database()


@contextlib.contextmanager
def postgresql():
    with servers.PostgreSQL() as server:
        yield server.create_database()


#: Name -> context manager that yields the URL of an empty database.
DATABASES = {'SQLite': sqlite, 'MariaDB': mariadb, 'PostgreSQL': postgresql}


def create_databases():
    """Generate the URLs of empty databases, one server after the other."""
    for start in DATABASES.values():
        with start() as url:
            yield url


@contextlib.contextmanager
def open_database(url, options=''):
    """Create the tables of an empty database, and a runtime for it.

    :param options: further lines of the configuration file
    :returns: the database's name, the runtime and the path of the
        configuration file
    """
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(f'[database]\nconnection = {url}\n{options}')
        file.flush()
        runtime = service.make_runtime(
            config.load_config(['--config-file', file.name]))
        migration.sync(runtime.db)
        with runtime.db.reader() as connection:
            if connection.execute(sa.select(models.messages).limit(1)).first():
                sys.exit(f'The table messages of {runtime.db.dialect} is not '
                         'empty; --url must be the URL of an empty database.')
        yield NAMES[runtime.db.dialect], runtime, file.name
        runtime.db.dispose()


NAMES = {'mysql': 'MariaDB', 'postgresql': 'PostgreSQL', 'sqlite': 'SQLite'}


def compare(run, description, header, rounds):
    """Run the command of a benchmark that compares two medians.

    :param run: function of a URL and of the number of rounds; it measures one
        database, prints the results and returns the highest ratio
    :param header: of the printed results
    :param rounds: default of ``--rounds``
    :returns: whether a ratio exceeds :data:`MAX_RATIO`
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--url', action='append',
                        help='an empty database; may be given several times')
    parser.add_argument('--rounds', type=int, default=rounds,
                        help='number of times that each list is read '
                        f'(default: {rounds})')
    arguments = parser.parse_args()
    print(header, flush=True)
    ratios = [run(url, arguments.rounds)
              for url in arguments.url or create_databases()]
    print(f'The highest ratio is {max(ratios):.2f}; the limit is '
          f'{MAX_RATIO}.')
    return max(ratios) > MAX_RATIO
