# SPDX-License-Identifier: Apache-2.0
"""Databases of block storage and shared file systems, as those make them.

Their schema comes from their own programs, and rows from their own code. To
make one takes seconds, so it is made once for each test process and emptied
for each test.
"""

import atexit
import datetime
import functools
import json
import pathlib
import shutil
import subprocess
import uuid

import sqlalchemy as sa
from sqlalchemy import pool

from usermsg.tests.functional import environments
from usermsg.tests.functional import servers

#: What the services wrote for a user "red", as their own lists have it.
_CINDER_WRITES = '''
import json
import sys

from oslo_config import cfg

from cinder.common import config
from cinder import context
from cinder.message import api
from cinder.message import message_field

cfg.CONF([], project='cinder', default_config_files=[sys.argv[1]])
red = context.RequestContext('user', 'red', request_id='req-1', is_admin=True)
messages = api.API()
for number, (action, detail) in enumerate(zip(
        message_field.Action.ALL, message_field.Detail.ALL)):
    messages.create(red, action, detail=detail,
                    resource_uuid=None if number == 3 else f'v{number}')
messages.create(red, message_field.Action.BACKUP_CREATE,
                resource_type=message_field.Resource.VOLUME_BACKUP,
                resource_uuid='b1', level='WARNING')
messages.create(red, message_field.Action.BACKUP_DELETE,
                resource_uuid='deleted')
for one in messages.get_all(red, {'resource_uuid': 'deleted'}):
    messages.delete(red, one['id'])
print(json.dumps([dict(one) for one in messages.get_all(red)], default=str))
'''

_MANILA_WRITES = '''
import json
import sys

from oslo_config import cfg

from manila.common import config
from manila import context
from manila.db.sqlalchemy import api as db_api
from manila.db.sqlalchemy import models
from manila.message import api
from manila.message import message_field

cfg.CONF([], project='manila', default_config_files=[sys.argv[1]])
# Its own migrations do not run on SQLite.
models.Message.__table__.create(
    db_api.context_manager.writer.get_engine(), checkfirst=True)
red = context.RequestContext('user', 'red', request_id='req-1', is_admin=True)
messages = api.API()
for number, detail in enumerate(message_field.Detail.ALL):
    messages.create(
        red, message_field.Action.ALL[number % len(message_field.Action.ALL)],
        'red', resource_type=message_field.Resource.SHARE_REPLICA
        if number % 2 else message_field.Resource.SHARE,
        resource_id=f's{number}', detail=detail)
messages.create(red, message_field.Action.CREATE, 'red',
                resource_type='SHARE', resource_id='deleted')
for one in messages.get_all(red, {'resource_id': 'deleted'},
                            sort_key='created_at', sort_dir='desc'):
    messages.delete(red, one)
print(json.dumps([dict(one) for one in messages.get_all(
    red, sort_key='created_at', sort_dir='desc')], default=str))
'''


class Origin:
    """The database of a service.

    :param service: ``cinder`` or ``manila``
    """

    def __init__(self, service, url, directory):
        self.service = service
        self.url = url
        self.config = str(pathlib.Path(directory, f'{service}.conf'))
        pathlib.Path(self.config).write_text(
            f'[database]\nconnection = {url}\n'
            f'[oslo_concurrency]\nlock_path = {directory}\n',
            encoding='utf-8')
        self._environment = environments.get(service)
        self.engine = sa.create_engine(url, poolclass=pool.NullPool)

    def _run(self, *command):
        done = subprocess.run(
            command, env=self._environment.variables(), text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        if done.returncode:
            raise AssertionError(f'{command[0]}: {done.stdout[-2000:]}'
                                 f'{done.stderr[-2000:]}')
        return done.stdout

    def sync(self):
        self._run(self._environment.program(f'{self.service}-manage'),
                  '--config-file', self.config, 'db', 'sync')

    def write(self):
        """Let the service write messages; returns what it then lists."""
        output = self._run(
            self._environment.program('python'), '-c',
            {'cinder': _CINDER_WRITES, 'manila': _MANILA_WRITES}[
                self.service], self.config)
        return json.loads(output.splitlines()[-1])

    @functools.cached_property
    def table(self):
        return sa.Table('messages', sa.MetaData(), autoload_with=self.engine)

    def execute(self, *statements):
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(
                    statement, str) else statement)

    def insert(self, *rows):
        with self.engine.begin() as connection:
            connection.execute(self.table.insert(), list(rows))

    def rows(self):
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(
                sa.select(self.table).order_by(self.table.c.id)).mappings()]


def volume_row(**values):
    """A row of block storage's table, of some minutes ago."""
    made = datetime.datetime.now(datetime.timezone.utc).replace(
        tzinfo=None, microsecond=0) - datetime.timedelta(minutes=5)
    return {'id': str(uuid.uuid4()), 'project_id': 'red',
            'request_id': 'req-2', 'resource_type': 'VOLUME',
            'resource_uuid': 'v', 'event_id': 'VOLUME_VOLUME_002_021',
            'action_id': '002', 'detail_id': '021',
            'message_level': 'ERROR', 'created_at': made,
            'updated_at': None, 'deleted_at': None, 'deleted': False,
            'expires_at': made + datetime.timedelta(days=30), **values}


@functools.cache
def _cinder_file():
    """An empty database of block storage in a file, to be copied."""
    # Only a directory that goes with the process.
    home = servers.Process()
    atexit.register(home.stop)
    path = home.path('cinder.sqlite')
    Origin('cinder', f'sqlite:///{path}', home.directory).sync()
    return path


@functools.cache
def _on_mariadb(service):
    home = servers.Process()
    atexit.register(home.stop)
    origin = Origin(service, servers.mariadb().create_database(),
                    home.directory)
    origin.sync()
    return origin


def cinder_on_sqlite(directory):
    """An empty one, as a file in a directory."""
    path = shutil.copy(_cinder_file(), directory)
    return Origin('cinder', f'sqlite:///{path}', directory)


def on_mariadb(service):
    """An empty one of this process; each test gets the same."""
    servers.require(servers.mariadb)
    origin = _on_mariadb(service)
    origin.execute(origin.table.delete())
    return origin


def manila_on_sqlite(directory):
    """One whose table is there when the service has written."""
    path = pathlib.Path(directory, 'manila.sqlite')
    return Origin('manila', f'sqlite:///{path}', directory)
