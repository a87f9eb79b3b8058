# SPDX-License-Identifier: Apache-2.0
"""Databases with many messages."""

import contextlib
import datetime
import functools
import itertools
import pathlib
import random
import sys
import tempfile
import uuid

import sqlalchemy as sa

from usermsg import config
from usermsg.db import migration
from usermsg.db import models
from usermsg.objects import ids
from usermsg import service
from usermsg.tests.fixtures import servers

PROJECT = '6c430ede947641288838' + '8d3929ced223'
OTHER_PROJECTS = 1000


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

    def store_ids(rows):
        for row in rows:
            if row['project_id'] == PROJECT:
                message_ids.append(row['id'])
            yield row

    insert(database, store_ids(make_rows(count, other_count)))
    message_ids.reverse()
    analyze(database)
    return message_ids


def insert(database, rows):
    """Insert rows, dicts of all columns in their order, as fast as possible.

    On MariaDB the URL must have the parameter ``local_infile=1``.
    """
    rows = (tuple(row.values()) for row in rows)
    connection = database.engine().raw_connection()
    try:
        cursor = connection.cursor()
        while batch := list(itertools.islice(rows, _BATCH)):
            _INSERTS[database.dialect](cursor, batch)
            connection.commit()
    finally:
        connection.close()


_BATCH = 50_000


def _insert_sqlite(cursor, rows):
    marks = ', '.join('?' * len(models.messages.c))
    cursor.executemany(f'INSERT INTO messages VALUES ({marks})', (
        [value.isoformat(' ', 'microseconds')
         if isinstance(value, datetime.datetime) else value for value in row]
        for row in rows))


def _insert_mariadb(cursor, rows):
    with _write(rows) as file:
        cursor.execute(f"LOAD DATA LOCAL INFILE '{file.name}' "
                       'INTO TABLE messages')


def _insert_postgresql(cursor, rows):
    with _write(rows) as file:
        cursor.copy_expert('COPY messages FROM STDIN', file)


_INSERTS = {'sqlite': _insert_sqlite, 'mysql': _insert_mariadb,
            'postgresql': _insert_postgresql}


@contextlib.contextmanager
def _write(rows):
    """Yield a file of rows in the format that both servers read."""
    with tempfile.NamedTemporaryFile('w+', suffix='.tsv') as file:
        file.writelines(
            '\t'.join('\\N' if value is None else str(value)
                      for value in row) + '\n' for row in rows)
        file.flush()
        file.seek(0)
        yield file


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


class _SQLite(tempfile.TemporaryDirectory):
    """Directory of databases."""

    def __enter__(self):
        super().__enter__()
        return self

    def create_database(self):
        path = pathlib.Path(self.name, f'{uuid.uuid4()}.sqlite')
        return f'sqlite:///{path}'


class _MariaDB(servers.MariaDB):

    def create_database(self):
        return f'{super().create_database()}&local_infile=1'


def _start_mariadb(buffer):
    return _MariaDB(options=[
        f'--innodb-buffer-pool-size={buffer}G',
        # The default is 96 MiB, the pages of a few seconds of writing.
        '--innodb-log-file-size=1G',
        '--innodb-sort-buffer-size=64M',
        # Of pages that are created together with an index: by default they
        # are full, and each of the first messages would split some. Those of
        # a table that grew are as full as this.
        '--innodb-fill-factor=70'])


def _start_postgresql(buffer):
    return servers.PostgreSQL(options=[
        f'--shared_buffers={buffer}GB', '--max_wal_size=4GB',
        '--maintenance_work_mem=512MB'])


#: Name -> function that starts a server with a buffer of some GB. It returns
#: a context manager, which yields an object with ``create_database``.
SERVERS = {'SQLite': lambda _buffer: _SQLite(), 'MariaDB': _start_mariadb,
           'PostgreSQL': _start_postgresql}


@contextlib.contextmanager
def _database(name):
    with SERVERS[name](1) as server:
        yield server.create_database()


#: Name -> context manager that yields the URL of an empty database.
DATABASES = {name: functools.partial(_database, name) for name in SERVERS}


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
