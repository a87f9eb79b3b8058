# SPDX-License-Identifier: Apache-2.0
"""Database servers that are not supported.

A MariaDB that reports another version stands for them.
"""

import os
import subprocess
import sys

import fixtures
import pymysql
import sqlalchemy as sa

from usermsg import config
from usermsg import exception
from usermsg.message import api as message_api
from usermsg import service
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import upgrade


class Server(servers.MariaDB):

    def __init__(self, version):
        super().__init__(fast=True, options=[f'--version={version}'])

    def _execute(self, *statements, timeout=60, login=None):
        # SQLAlchemy asks a server with the version of MySQL 8 for settings
        # that MariaDB lacks.
        url = sa.make_url(self.url('', login))
        with pymysql.connect(
                host=url.host, port=url.port, user=url.username,
                password=url.password, autocommit=True,
                connect_timeout=timeout, read_timeout=timeout) as connection:
            for statement in statements:
                connection.cursor().execute(statement)


class TestServerVersions(base.TestCase):

    def start_server(self, version):
        """Start a server; return the path of a configuration file."""
        server = servers.require(lambda: Server(version))
        self.addCleanup(server.stop)
        return self.config_file(
            database={'connection': server.create_database()},
            api={'auth_strategy': 'noauth', **base.EXPOSED})

    def reason(self, server):
        return (f'[database] connection: the server is {server}, which is '
                f'not supported; use MariaDB 10.3 or later, or PostgreSQL')

    def test_mysql_is_refused_with_its_version(self):
        path = self.start_server('8.0.36')
        reason = self.reason('MySQL 8.0.36')
        for name in ('api', 'worker'):
            process = commands.run(name, config=path)
            self.assertEqual((1, f'usermsg-{name} cannot start: {reason}.\n'),
                             (process.returncode, process.stderr))
        process = subprocess.run(
            [sys.executable, '-c', 'import usermsg.wsgi.api'], text=True,
            capture_output=True, timeout=120,
            env={**os.environ, config.CONFIG_FILES_VARIABLE: path})
        self.assertEqual((1, f'usermsg cannot start: {reason}.\n'),
                         (process.returncode, process.stderr))
        result = upgrade.run_check(path)
        self.assertEqual([upgrade.FAILURE] * 2, result.codes[:2])
        self.assertEqual(f'{reason}.', result.details['Database driver'])

    def test_old_mariadb_is_refused_when_it_is_used(self):
        path = self.start_server('10.1.48-MariaDB')
        reason = (f'The database cannot be used: ConfigurationError: '
                  f'{self.reason("MariaDB 10.1.48")}')
        process = commands.manage('db', 'sync', config=path)
        self.assertEqual((1, f'{reason}\n'),
                         (process.returncode, process.stderr))
        self.assertEqual(
            reason, upgrade.run_check(path).details['Schema'])
        # As in a process that starts while the database is unavailable.
        log = self.useFixture(fixtures.FakeLogger())
        runtime = service.make_runtime(config.load_config(
            ['--config-file', path]))
        self.addCleanup(runtime.db.dispose)
        self.assertRaises(exception.DatabaseUnavailable,
                          runtime.db.reader().__enter__)
        self.assertIn(f'{reason}.\n', log.output)
        self.assertIsNone(samples.record(message_api.API(runtime)))
