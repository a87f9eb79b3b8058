# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks read: databases with many messages in them."""

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


def rows(count, other_count):
    """Rows of one large project among many small ones, as time goes by."""
    chance = random.Random(1)
    projects = [PROJECT] * count + [
        f'{number % OTHER_PROJECTS:032x}' for number in range(other_count)]
    chance.shuffle(projects)
    step = datetime.timedelta(days=30) / len(projects)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for number, project in enumerate(projects):
        made = now - step * (len(projects) - number)
        naive = made.replace(tzinfo=None)
        yield {
            'id': ids.mint(made),
            'prefix': 'VOLUME',
            'project_id': project,
            'user_id': f'{chance.getrandbits(128):032x}',
            'request_id': f'req-{chance.getrandbits(128):032x}',
            'resource_type': 'VOLUME',
            'resource_uuid': f'{chance.getrandbits(128):032x}',
            'event_id': 'VOLUME_VOLUME_001_003',
            'action_id': '001',
            'detail_id': '003',
            'message_level': 'ERROR',
            'created_at': naive,
            'expires_at': naive + datetime.timedelta(days=30),
        }


def fill(database, count, other_count):
    """Insert the rows; the ids of the large project, newest first."""
    found = []
    stream = rows(count, other_count)
    with database.engine().begin() as connection:
        while batch := list(itertools.islice(stream, 5000)):
            found += [row['id'] for row in batch
                      if row['project_id'] == PROJECT]
            connection.execute(models.messages.insert(), batch)
    found.reverse()
    analyze(database)
    return found


def analyze(database):
    """Let the database know what is in its table of messages."""
    with database.engine().connect() as connection:
        connection = connection.execution_options(
            isolation_level='AUTOCOMMIT')
        connection.execute(sa.text(
            'ANALYZE TABLE messages' if database.dialect == 'mysql' else
            'ANALYZE messages'))
        if database.dialect == 'postgresql':
            # What autovacuum does sooner or later: otherwise the first
            # reader of each row pays for marking it as visible.
            connection.execute(sa.text('VACUUM messages'))


@contextlib.contextmanager
def sqlite():
    """The address of an empty database, removed in the end; so the next."""
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


#: What it is called -> a context that gives the address of an empty one
DATABASES = {'SQLite': sqlite, 'MariaDB': mariadb, 'PostgreSQL': postgresql}


def addresses():
    """Of empty databases of our own, one after the other."""
    for start in DATABASES.values():
        with start() as url:
            yield url


@contextlib.contextmanager
def opened(url):
    """A runtime on an empty database with its tables, and its configuration.

    :returns: the database's name, the runtime and the path of the file
    """
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(f'[database]\nconnection = {url}\n')
        file.flush()
        runtime = service.make_runtime(
            config.load_config(['--config-file', file.name]))
        migration.sync(runtime.db)
        with runtime.db.reader() as connection:
            if connection.execute(sa.select(models.messages).limit(1)).first():
                sys.exit('The database is not empty.')
        yield _NAMES[runtime.db.dialect], runtime, file.name
        runtime.db.dispose()


_NAMES = {'mysql': 'MariaDB', 'postgresql': 'PostgreSQL', 'sqlite': 'SQLite'}
