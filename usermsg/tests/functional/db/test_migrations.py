# SPDX-License-Identifier: Apache-2.0
"""Schema: models, migrations and databases agree."""

from concurrent import futures
import signal
import subprocess
import sys
import threading
import time

import alembic.autogenerate
import alembic.command
import alembic.migration
import alembic.script
import fixtures
import sqlalchemy as sa

from usermsg.cmd import db as db_command
from usermsg.db import migration
from usermsg.db import models
from usermsg.db import revision
from usermsg import exception
from usermsg.objects import message
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import samples

_TABLES = ("('messages', 'source_keys', 'leases', 'dead_letters', "
           "'observations', 'resource_states', 'forget_requests', "
           "'import_positions', 'read_marks')")

# Columns of these tables.
_TIMES = ('arrived_at', 'carried_out_at', 'created_at', 'expires_at',
          'observed_at', 'read_until', 'received_at', 'requested_at', 'until')

# The full definition of the tables, including parts that alembic doesn't
# compare.
_CATALOGUE = {
    'sqlite': f'''
        SELECT name, sql FROM sqlite_master WHERE tbl_name IN {_TABLES}
        ORDER BY 1''',
    'mysql': f'''
        SELECT table_name, column_name, ordinal_position, column_type,
               character_set_name, collation_name, is_nullable,
               column_default, datetime_precision
        FROM information_schema.columns
        WHERE table_schema = database() AND table_name IN {_TABLES}
        UNION ALL
        SELECT table_name, index_name, seq_in_index, column_name, non_unique,
               collation, sub_part, index_type, NULL
        FROM information_schema.statistics
        WHERE table_schema = database() AND table_name IN {_TABLES}
        UNION ALL
        SELECT table_name, engine, table_collation, 0, 0, 0, 0, 0, 0
        FROM information_schema.tables
        WHERE table_schema = database() AND table_name IN {_TABLES}
        ORDER BY 1, 2, 3''',
    'postgresql': f'''
        SELECT attrelid::regclass::text, attname, attnum::text,
               format_type(atttypid, atttypmod), attnotnull::text,
               attcollation::regcollation::text
        FROM pg_attribute
        WHERE attrelid::regclass::text IN {_TABLES} AND attnum > 0
        UNION ALL
        SELECT tablename, indexname, indexdef, '', '', '' FROM pg_indexes
        WHERE tablename IN {_TABLES}
        UNION ALL
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid),
               '', '', ''
        FROM pg_constraint WHERE conrelid::regclass::text IN {_TABLES}
        ORDER BY 1, 2, 3'''}

# Rows of each table as of the revision that creates it.
_ROWS = {'0001': {
    'messages': [
        samples.row(user_id='a user', request_id=samples.REQUEST,
                    action_id='001', detail_id='002'),
        samples.row(resource_type=None, resource_uuid=None)],
    'source_keys': [
        {'project_id': samples.PROJECT, 'source_id': 'a key',
         'message_id': '0' * 36, 'digest': '0' * 64,
         'expires_at': samples.START.replace(tzinfo=None)}]},
    '0002': {'leases': [
        {'name': 'a lease', 'owner': 'an owner',
         'until': samples.START.replace(tzinfo=None)}]},
    '0003': {'outbox': [
        {'id': '0' * 36, 'driver': 'rabbit', 'shard': 31, 'set_aside': 0,
         'event_type': 'image.create', 'priority': 'INFO',
         'publisher_id': 'host', 'subject': 'an image',
         'occurred_at': samples.START.replace(tzinfo=None),
         'content': '{"name": "\u00e9"}' + ' ' * 70000,
         'queued_at': samples.START.replace(tzinfo=None), 'attempts': 0,
         'due_at': None, 'reason': None}]},
    '0005': {'dead_letters': [
        {'id': '0' * 36, 'digest': '0' * 64, 'transport': 'default',
         'publisher_id': None, 'event_type': 'image.create',
         'reason': 'The content is not JSON.', 'body': '\u00e9' * 70000,
         'received_at': samples.START.replace(tzinfo=None),
         'expires_at': samples.START.replace(tzinfo=None)}]},
    '0006': {
        'observations': [
            {'ident': 'an ident', 'shard': 31, 'kind': 'cause',
             'correlation': 'image-upload', 'rule': 'a-rule',
             'publisher_id': 'image.host', 'resource': None,
             'project_id': None,
             'observed_at': samples.START.replace(tzinfo=None),
             'arrived_at': samples.START.replace(tzinfo=None),
             'expires_at': samples.START.replace(tzinfo=None),
             'claimed': 1, 'content': '{}'}],
        'resource_states': [
            {'correlation': 'image-upload', 'publisher_id': '',
             'resource': 'an image', 'status': '',
             'since': samples.START.replace(tzinfo=None),
             'observed_at': samples.START.replace(tzinfo=None),
             'expires_at': samples.START.replace(tzinfo=None)}]},
    '0007': {'forget_requests': [
        {'kind': 'project', 'id': samples.PROJECT, 'carried_out_at': None,
         'requested_at': samples.START.replace(tzinfo=None)}]},
    '0008': {'import_positions': [
        {'source': 'volume:0123456789abcdef',
         'read_until': samples.START.replace(tzinfo=None)}]},
    '0010': {'read_marks': [
        {'project_id': samples.PROJECT, 'user_id': 'a user',
         'message_id': '0' * 36,
         'expires_at': samples.START.replace(tzinfo=None)}]}}

_SYNC = '''
import sys
from usermsg import config
from usermsg.db import migration
from usermsg import service
database = service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]])).db
print('ready', flush=True)
input()
print(*migration.sync(database))
'''

PASSWORD = 'hunter2'

HEAD = revision.HEAD


def _upgrade(database, number):
    with database.engine().connect() as connection:
        alembic.command.upgrade(migration._config(connection), number)
        connection.commit()


class TestSchema(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.db = self.runtime(tables=False).db

    def catalogue(self):
        with self.db.reader() as connection:
            return [tuple(row) for row in connection.execute(
                sa.text(_CATALOGUE[self.db.dialect]))]

    def test_migrations_and_models_agree(self):
        migration.sync(self.db)
        with self.db.reader() as connection:
            context = alembic.migration.MigrationContext.configure(
                connection, opts={'compare_type': True,
                                  'compare_server_default': True})
            self.assertEqual([], alembic.autogenerate.compare_metadata(
                context, models.metadata))
        migrated = self.catalogue()
        models.metadata.drop_all(self.db.engine())
        models.metadata.create_all(self.db.engine())
        self.assertEqual(self.catalogue(), migrated)

    def test_identifiers_have_binary_ascii_collation(self):
        migration.sync(self.db)
        for row in self.catalogue():
            if self.db.dialect == 'mysql' and 'varchar' in str(row[3]):
                self.assertEqual(('ascii', 'ascii_bin'), row[4:6], row)
            elif self.db.dialect == 'postgresql' and 'character' in row[3]:
                self.assertEqual('"C"', row[5], row)
            elif self.db.dialect == 'sqlite':
                self.assertNotIn('COLLATE', row[1] or '')

    def test_times_have_microseconds(self):
        migration.sync(self.db)
        types = {row[1]: row[3] for row in self.catalogue()
                 if str(row[1]).endswith(('_at', 'until'))}
        if self.db.dialect == 'mysql':
            self.assertEqual(
                dict.fromkeys(_TIMES, 'datetime(6)'), types)
        elif self.db.dialect == 'postgresql':
            self.assertEqual(
                dict.fromkeys(_TIMES, 'timestamp without time zone'), types)

    def test_nullable_columns_match_models(self):
        migration.sync(self.db)
        optional = {'user_id', 'request_id', 'resource_type',
                    'resource_uuid', 'action_id', 'detail_id'}
        for table, columns in ((models.messages, optional),
                               (models.source_keys, set()),
                               (models.leases, set())):
            self.assertEqual(columns, {
                column.name for column in table.c if column.nullable})
            self.assertEqual(columns, {
                column['name'] for column in
                sa.inspect(self.db.engine()).get_columns(table.name)
                if column['nullable']})

    def test_rows_survive_each_upgrade(self):
        kept = {}
        scripts = list(migration._scripts().walk_revisions())
        self.assertEqual(HEAD, scripts[0].revision)
        for script in reversed(scripts):
            _upgrade(self.db, script.revision)
            metadata = sa.MetaData()
            metadata.reflect(self.db.engine())
            for name, rows in _ROWS.get(script.revision, {}).items():
                samples.insert(self.db, rows, metadata.tables[name])
                kept[name] = rows
        self.assertEqual(HEAD, migration.version(self.db))
        self.assertNotEqual({}, kept)
        for name, rows in kept.items():
            for row in samples.stored(self.db, models.metadata.tables[name]):
                self.assertIn({column: row[column] for column in rows[0]},
                              rows)

    def test_sync_keeps_rows(self):
        self.assertEqual((None, HEAD), migration.sync(self.db))
        samples.insert(self.db, [samples.row()])
        self.assertEqual((HEAD, HEAD), migration.sync(self.db))
        self.assertEqual(1, len(samples.stored(self.db)))

    def test_concurrent_syncs_succeed(self):
        config = str(self.home / 'usermsg.conf')
        for before in (None, '0003'):
            if before:
                models.metadata.drop_all(self.db.engine())
                with self.db.engine().begin() as connection:
                    connection.execute(sa.text('DROP TABLE alembic_version'))
                _upgrade(self.db, before)
                samples.insert(self.db, [samples.row() for _ in range(5000)])
            ends = processes.run_at_once(_SYNC, [[config]] * 2)
            self.assertEqual([0] * 2, [status for status, _, _ in ends], ends)
            self.assertEqual(sorted([f'{HEAD} {HEAD}', f'{before} {HEAD}']),
                             sorted(output.strip() for _, output, _ in ends))
        self.assertEqual(HEAD, migration.version(self.db))


class TestLocks(databases.TestCase):
    """Upgrades that wait for a lock of another connection."""

    # On SQLite it is the lock of any writer.
    scenarios = databases.SCENARIOS[1:]

    def setUp(self):
        super().setUp()
        self.db = self.runtime(tables=False).db

    def sync(self):
        error = self.assertRaises(exception.DatabaseUnavailable,
                                  migration.sync, self.db, timeout=1)
        return db_command.unusable_reason(error)

    def test_concurrent_upgrade_times_out(self):
        with self.db.engine().connect() as other:
            migration._LOCKS[self.db.dialect](other, 1)
            self.assertIn('another process is upgrading it', self.sync())
            other.invalidate()
        self.assertEqual((None, HEAD), migration.sync(self.db))

    def test_locked_table_times_out(self):
        migration.sync(self.db)
        with self.db.engine().connect() as other:
            other.execute(sa.text(
                'LOCK TABLES alembic_version WRITE'
                if self.db.dialect == 'mysql' else
                'LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE'))
            self.assertRegex(self.sync(), '^[^\n]*[Ll]ock[^\n]* timeout')
            other.invalidate()


class TestSlow(databases.TestCase):
    """Upgrades that wait for a response, here because of a lock."""

    scenarios = [databases.SCENARIOS[1]]

    def setUp(self):
        super().setUp()
        migration.sync(self.runtime(tables=False).db)
        self.other = sa.create_engine(self.url).connect()
        self.addCleanup(self.other.invalidate)
        self.other.execute(sa.text('LOCK TABLES alembic_version WRITE'))

    def sync(self, **database):
        threads = futures.ThreadPoolExecutor(1)
        self.addCleanup(threads.shutdown)
        return threads.submit(commands.manage, 'db', 'sync',
                              config=self.config_file(database=database))

    def wait_for_connection(self, milliseconds=0):
        """Return the id of the connection once it has waited long enough."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if connection_id := self.other.scalar(sa.text(
                    'SELECT id FROM information_schema.processlist WHERE '
                    "db = database() AND time_ms > :time AND state LIKE "
                    "'%table metadata lock'"), {'time': milliseconds}):
                return connection_id
        self.fail('no connection waits for the lock')

    def assertUpToDate(self, end):
        self.assertEqual(
            (0, f'The database is already at {HEAD}.\n', ''),
            (end.result().returncode, end.result().stdout,
             end.result().stderr))

    def test_sync_is_not_bounded_by_read_timeout_of_url(self):
        end = self.sync(connection=f'{self.url}&read_timeout=1')
        self.wait_for_connection(milliseconds=1500)
        self.other.execute(sa.text('UNLOCK TABLES'))
        self.assertUpToDate(end)

    def test_sync_is_not_bounded_by_connection_parameters(self):
        end = self.sync(connection=self.url, connection_parameters=(
            'read_timeout=1&write_timeout=9'))
        self.wait_for_connection(milliseconds=1500)
        self.other.execute(sa.text('UNLOCK TABLES'))
        self.assertUpToDate(end)

    def test_lost_connection_is_reported(self):
        end = self.sync(connection=self.url)
        self.other.execute(sa.text(f'KILL {self.wait_for_connection()}'))
        self.assertEqual(1, end.result().returncode)
        self.assertRegex(
            end.result().stderr,
            '^The database cannot be used: [^\n]*Lost connection[^\n]*\n$')


class Indexes(databases.TestCase):
    """Upgrades that create indexes on a table with rows."""

    ROWS = 5000
    NAMES = {'messages_project_resource_idx', 'messages_project_request_idx',
             'messages_project_level_idx'}

    def setUp(self):
        super().setUp()
        self.db = self.runtime(tables=False).db
        _upgrade(self.db, '0003')
        samples.insert(self.db, [samples.row(request_id=f'req-{number}')
                                 for number in range(self.ROWS)])

    def indexes(self):
        indexes = sa.inspect(self.db.engine()).get_indexes('messages')
        return self.NAMES & {index['name'] for index in indexes}

    def assertUpgraded(self):
        self.assertEqual(HEAD, migration.version(self.db))
        self.assertEqual(self.NAMES, self.indexes())
        [newest] = message.MessageList.get_page(
            self.db, {'project_id': samples.PROJECT,
                      'request_id': f'req-{self.ROWS - 1}'}, limit=3).objects
        self.assertEqual(samples.VOLUME, newest.resource_uuid)


class TestIndexes(Indexes):

    def test_table_is_readable_and_writable_during_build(self):
        done = threading.Event()

        def work():
            number = 0
            while not done.is_set() or not number:
                row = models.MessageRow(**samples.row(
                    request_id=f'req-new-{number}'))
                message.MessageList.record(self.db, [message.NewMessage(row)])
                message.Message.get(self.db, row.id, samples.PROJECT)
                number += 1
            return number

        with futures.ThreadPoolExecutor(1) as threads:
            written = threads.submit(work)
            try:
                self.assertEqual(('0003', HEAD), migration.sync(self.db))
            finally:
                done.set()
            written = written.result()
        self.assertUpgraded()
        for number in (0, written - 1):
            self.assertEqual(1, len(message.MessageList.get_page(
                self.db, {'project_id': samples.PROJECT,
                          'request_id': f'req-new-{number}'},
                limit=3).objects))

    def test_command_reports_index_builds(self):
        end = commands.manage('db', 'sync',
                              config=str(self.home / 'usermsg.conf'))
        lines = [f'Building the index {name} of messages.'
                 for name in ('messages_project_resource_idx',
                              'messages_project_request_idx',
                              'messages_project_level_idx')]
        self.assertEqual(
            [*lines, f'The database was upgraded from 0003 to {HEAD}.'],
            end.stdout.splitlines(), end)

    def test_query_before_upgrade_reports_missing_index(self):
        log = self.useFixture(fixtures.FakeLogger())

        def read():
            return message.MessageList.get_page(
                self.db, {'project_id': samples.PROJECT,
                          'request_id': 'req-1'}, limit=3).objects

        if self.db.dialect == 'mysql':
            self.assertRaises(exception.DatabaseUnavailable, read)
            self.assertIn('Run "usermsg-manage db sync".', log.output)
        else:
            self.assertEqual(1, len(read()))
        migration.sync(self.db)
        self.assertEqual(1, len(read()))

    def test_index_of_interrupted_upgrade_is_kept(self):
        with self.db.engine().begin() as connection:
            # SQLite rolls back an interrupted upgrade.
            if self.db.dialect != 'sqlite':
                connection.execute(sa.text(
                    'CREATE INDEX messages_project_resource_idx ON messages '
                    '(project_id, resource_uuid, id)'))
        self.assertEqual(('0003', HEAD), migration.sync(self.db))
        self.assertUpgraded()


class TestBlockedIndexes(Indexes):
    """Index builds that wait for a transaction of another connection."""

    scenarios = databases.SCENARIOS[1:]

    WAITING = {
        'mysql': 'SELECT count(*) FROM information_schema.processlist WHERE '
                 "db = database() AND state LIKE '%metadata lock'",
        'postgresql': 'SELECT count(*) FROM pg_stat_activity WHERE datname = '
                      "current_database() AND query LIKE 'CREATE INDEX%' "
                      "AND wait_event_type = 'Lock'"}
    #: Statement timeout of the server, in seconds.
    LIMIT = 1
    LIMITS = {'mysql': f'init_command=SET max_statement_time={LIMIT}',
              'postgresql': f'options=-cstatement_timeout%3D{LIMIT}s'}

    def setUp(self):
        super().setUp()
        self.observer = sa.create_engine(
            self.url, isolation_level='AUTOCOMMIT').connect()
        self.addCleanup(self.observer.invalidate)
        self.other = sa.create_engine(
            self.url, isolation_level='REPEATABLE READ').connect()
        self.addCleanup(self.other.invalidate)
        self.other.execute(sa.text('SELECT 1 FROM messages LIMIT 1'))

    def waits(self):
        return self.observer.scalar(sa.text(self.WAITING[self.db.dialect]))

    def wait_for(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def start(self, *parameters):
        """Start ``db sync``, and return the process once it waits."""
        config = self.config_file(database={
            'connection': self.url,
            'connection_parameters': '&'.join(parameters)})
        process = subprocess.Popen(
            [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file',
             config, 'db', 'sync'], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_for(self.waits)
        return process

    def test_build_is_not_bounded_by_statement_timeout(self):
        process = self.start(self.LIMITS[self.db.dialect])
        time.sleep(self.LIMIT + 0.5)
        self.other.rollback()
        self.assertIn(f'The database was upgraded from 0003 to {HEAD}.\n',
                      process.communicate()[0])
        self.assertUpgraded()

    def test_interrupted_build_is_safe_to_repeat(self):
        process = self.start()
        process.send_signal(signal.SIGINT)
        self.assertEqual(-signal.SIGINT, process.wait(30))
        # Its connection is closed, which releases the lock.
        self.wait_for(lambda: not self.waits())
        self.assertEqual('0003', migration.version(self.db))
        self.assertLess(self.indexes(), self.NAMES)
        self.other.rollback()
        self.assertEqual(('0003', HEAD), migration.sync(self.db))
        self.assertUpgraded()
        if self.db.dialect == 'postgresql':
            self.assertEqual(0, self.observer.scalar(sa.text(
                'SELECT count(*) FROM pg_index WHERE NOT indisvalid')))


class Commands:

    def manage(self, command, status, pattern, url):
        """Run a command and match its only line of output."""
        config = self.config_file(database={'connection': url})
        end = commands.manage('db', command, config=config)
        self.assertEqual(status, end.returncode, end)
        self.assertRegex(end.stdout + end.stderr, f'^{pattern}\n$')


class TestCommands(Commands, databases.TestCase):

    # The tests of SQLite follow.
    scenarios = databases.SCENARIOS[1:]

    def test_sync_creates_tables(self):
        self.manage('sync', 0, 'The tables were created; the database is at '
                    f'{HEAD}.', self.url)

    def test_wrong_password_is_not_logged(self):
        url = sa.make_url(self.url).set(password=PASSWORD)
        self.manage('sync', 1, 'The database cannot be used: '
                    f'((?!{PASSWORD}).)*([Aa]ccess denied|'
                    f'authentication failed)((?!{PASSWORD}).)*',
                    url.render_as_string(False))


class TestSqliteCommands(Commands, base.TestCase):
    """Behaviour that is independent of the database."""

    def test_check_before_and_after_sync(self):
        for command, status, pattern in (
                ('check', 1, 'The database has no tables yet, this release '
                 f'needs {HEAD}. Run "usermsg-manage db sync".'),
                ('sync', 0, 'The tables were created; the database is at '
                 f'{HEAD}.'),
                ('sync', 0, f'The database is already at {HEAD}.'),
                ('version', 0, HEAD),
                ('check', 0, f'The database is up to date: {HEAD}.')):
            self.manage(command, status, pattern, self.sqlite_url())

    def test_schema_of_newer_release_is_reported(self):
        database = self.runtime(tables=False).db
        migration.sync(database)
        with database.engine().begin() as connection:
            connection.execute(sa.text(
                "UPDATE alembic_version SET version_num = '9999'"))
        config = str(self.home / 'usermsg.conf')
        check = commands.manage('db', 'check', config=config)
        self.assertEqual(1, check.returncode)
        self.assertIn('9999', check.stdout)
        self.assertNotIn('sync', check.stdout)
        sync = commands.manage('db', 'sync', config=config)
        self.assertEqual(1, sync.returncode)
        self.assertRegex(sync.stderr, '^[^\n]*9999[^\n]*\n$')

    def test_invalid_url_is_reported_without_password(self):
        for url, reason in (
                ('', 'is not set'),
                (PASSWORD, 'is not a valid database URL'),
                (f'oracle://u:{PASSWORD}@h/x', 'oracle is not supported'),
                (f'nosuch://u:{PASSWORD}@h/x',
                 "unknown database driver 'nosuch'"),
                (f'mysql+pymysql://u:a@{PASSWORD}@h/x', 'as %40')):
            error = self.assertRaises(
                exception.ConfigurationError, self.runtime,
                database={'connection': url})
            self.assertIn(reason, str(error))
            self.assertIn('[database] connection', str(error))
            self.assertNotIn(PASSWORD, str(error))
        end = commands.manage('db', 'check',
                              config=str(self.home / 'usermsg.conf'))
        self.assertEqual((1, '', f'{error}\n'),
                         (end.returncode, end.stdout, end.stderr))
