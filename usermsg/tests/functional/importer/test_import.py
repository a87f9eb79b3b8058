# SPDX-License-Identifier: Apache-2.0
"""Tests of ``usermsg-manage import`` with databases of the real services."""

import collections
import contextlib
import datetime
import hashlib
import io
import itertools
import os
import pathlib
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import types
import uuid

import sqlalchemy as sa
from sqlalchemy import pool

from usermsg.cmd import importer
from usermsg.db import models
from usermsg.db import url as urls
from usermsg import exception
from usermsg.importer import conversion
from usermsg.importer import revisions
from usermsg.importer import source as import_source
from usermsg.importer import store
from usermsg.message import api as message_api
from usermsg.objects import ids
from usermsg.objects import message
from usermsg.objects import removal
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import environments
from usermsg.tests.fixtures import import_sources
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

MANAGE = (sys.executable, '-m', 'usermsg.cmd.manage', '--config-file')
RED = samples.request('red')

#: Revision of a migration, and the revision it follows.
_REVISION = re.compile(
    r"""^((?:down_)?revision) = ["'](\w+)["']$""", re.MULTILINE)


def number_of(line):
    return int(line.split()[0].replace(',', ''))


class ImportMixin:
    """Mixin of tests with ``self.service``: runs the command in-process."""

    def import_from(self, source, *arguments, kind='volume'):
        """Run an import; return the lines of its output.

        Checks that each row is counted in one category of the report, and
        that the exit status shows whether rows were skipped.
        """
        output = io.StringIO()
        command = {'volume': importer.Volume, 'share': importer.Share}[
            kind](types.SimpleNamespace(conf=self.service.conf,
                                        stdout=output), None)
        status = command.run(command.get_parser('import').parse_args(
            ['--from', source.url, *arguments]))
        lines = output.getvalue().splitlines()
        skipped = any('rows were skipped' in line for line in lines)
        self.assertEqual(importer.SKIPPED if skipped else 0, status)
        self.assertEqual(number_of(lines[0]), sum(
            number_of(line) for line in lines[1:]
            if not line.startswith('  ') and 'an event that' not in line),
            lines)
        return lines


class TestCase(ImportMixin, databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.db = self.service.db
        self.api = message_api.API(self.service)
        self.config = str(self.home / 'usermsg.conf')

    def cinder_database(self):
        """Return a database of cinder; on MariaDB if usermsg uses it."""
        if self.db.dialect == 'mysql':
            return import_sources.on_mariadb('cinder')
        return import_sources.cinder_on_sqlite(self.home)

    def messages(self):
        return self.api.get_all(RED).objects

    def start(self, source, *arguments, **streams):
        process = subprocess.Popen(
            [*MANAGE, self.config, 'import', 'volume', '--from',
             source.url, *arguments],
            env={**os.environ, 'COLUMNS': '100'}, **{
                'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE,
                **streams})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_first_message(self, process):
        end = time.monotonic() + 120
        while not samples.stored(self.db):
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def check_keys(self):
        """Check that each message has its key; return the messages' ids."""
        ids = {row['id'] for row in samples.stored(self.db)}
        self.assertEqual(ids, {row['message_id'] for row in samples.stored(
            self.db, models.source_keys)})
        return ids


class TestVolume(TestCase):

    def test_messages_of_cinder_are_listed_as_cinder_does(self):
        source = self.cinder_database()
        listed = source.write()
        before = source.rows()
        lines = self.import_from(source)
        self.assertEqual(before, source.rows())
        self.assertEqual(['18 rows, revision 9c74c1c6971f.',
                          '17 messages have been imported.',
                          '1 rows were ignored, because they are deleted.'],
                         lines)
        imported = self.messages()
        self.assertEqual(
            [(one['event_id'], one['action_id'], one['detail_id'],
              one['resource_type'], one['resource_uuid'], one['request_id'],
              one['message_level'].replace('WARNING', 'WARN'),
              one['created_at'], one['expires_at']) for one in listed],
            [(one.event_id, one.action_id, one.detail_id, one.resource_type,
              one.resource_uuid, one.request_id, one.message_level,
              str(one.created_at.replace(tzinfo=None)),
              str(one.expires_at.replace(tzinfo=None))) for one in imported])
        self.assertEqual([], self.api.get_all(samples.request('blue')).objects)
        for one in imported:
            self.service.catalogue.find(one.event_id)
            self.assertEqual((uuid.UUID(one.id).version, 'red', None),
                             (7, one.project_id, one.user_id))
        [message] = self.api.get_all(
            RED, {'created_since': imported[3].created_at,
                  'resource_uuid': 'v15'}).objects
        self.assertEqual('VOLUME_VOLUME_016_016', message.event_id)

    def test_second_import_adds_new_rows_and_deletes_removed_ones(self):
        source = self.cinder_database()
        rows = [import_sources.volume_row(project_id=f'p{number % 7}')
                for number in range(40)]
        red_rows = [import_sources.volume_row() for _number in range(3)]
        source.insert(*rows, *red_rows)
        self.assertIn('43 messages have been imported.',
                      self.import_from(source, '--batch-size', '10'))
        first = samples.stored(self.db)
        self.assertEqual(
            ['43 rows, revision 9c74c1c6971f.',
             '0 messages have been imported.',
             '43 messages were imported before.'], self.import_from(source))
        self.assertEqual(first, samples.stored(self.db))

        # One message is deleted here, the row of another is deleted, and a
        # row is added.
        here, there, _both = self.messages()
        self.api.delete(RED, here.id)
        number, = (index for index, row in enumerate(sorted(
            red_rows, key=lambda row: row['id'], reverse=True))
            if self.messages()[0].id != here.id and index == 1)
        deleted = sorted(red_rows, key=lambda row: row['id'],
                         reverse=True)[number]
        source.execute(source.table.update().where(
            source.table.c.id == deleted['id']).values(deleted=True))
        source.insert(import_sources.volume_row(resource_uuid='late'))
        expected = ['44 rows, revision 9c74c1c6971f.',
                    '1 messages would be imported.',
                    '41 messages were imported before.',
                    '1 messages were imported before, and deleted here '
                    'since.',
                    '1 messages would be deleted here, because their rows '
                    'have been deleted.']
        self.assertEqual(expected, self.import_from(source, '--dry-run'))
        self.assertEqual([line.replace('would be', 'have been')
                          for line in expected], self.import_from(source))
        remaining = {one.id for one in self.messages()}
        self.assertEqual(2, len(remaining))
        self.assertNotIn(here.id, remaining)
        self.assertNotIn(there.id, remaining)
        self.assertIn('42 messages were imported before.',
                      self.import_from(source))

    def test_rows_of_one_second_with_consecutive_ids(self):
        source = self.cinder_database()
        rows = [import_sources.volume_row(id=str(uuid.UUID(int=number)),
                                          project_id=f'p{number % 3}')
                for number in range(1, 22)]
        source.insert(*rows)
        self.assertIn('21 messages have been imported.', self.import_from(
            source, '--batch-size', '10'))
        self.assertEqual(21, len(self.check_keys()))
        self.assertIn('21 messages were imported before.',
                      self.import_from(source))
        source.execute(source.table.update().where(
            source.table.c.id == rows[4]['id']).values(deleted=True))
        self.assertIn('1 messages have been deleted here, because their '
                      'rows have been deleted.', self.import_from(source))
        self.assertEqual({'p0': 7, 'p1': 7, 'p2': 6}, collections.Counter(
            row['project_id'] for row in samples.stored(self.db)))

    def test_row_with_the_same_new_id_is_skipped(self):
        source = self.cinder_database()
        made = datetime.datetime.now(datetime.timezone.utc).replace(
            tzinfo=None, microsecond=0)
        # Found by trial: both ids have the same first 30 bits, and the same
        # 32 bits of the hash.
        first, other = (
            import_sources.volume_row(id=f'00000000-0000-4000-8000-{end}',
                                      created_at=made, project_id=project_id)
            for end, project_id in (('000000000d14', 'red'),
                                    ('000000030d59', 'blue')))
        source.insert(first, other)
        skipped = ['1 rows were skipped:',
                   f'  1: id: another row of the same time has the same new '
                   f'id. Ids: {other["id"]}']
        for size in '2', '1':
            # In a dry run of batches of one row, the first row isn't stored
            # when the second is converted.
            if size == '2':
                self.assertEqual(skipped, self.import_from(
                    source, '--batch-size', size, '--dry-run')[-2:])
            self.assertEqual(skipped, self.import_from(
                source, '--batch-size', size)[-2:])
            self.assertEqual(['1 messages were imported before.', *skipped],
                             self.import_from(source)[2:])
            with self.db.engine().begin() as connection:
                for table in (models.messages, models.source_keys):
                    if size == '2':
                        connection.execute(table.delete())
        # Deleting the row without a message doesn't affect the other row's
        # message.
        source.execute(source.table.update().where(
            source.table.c.id == other['id']).values(deleted=True))
        self.assertEqual(
            ['1 messages were imported before.',
             '1 rows were ignored, because they are deleted.'],
            self.import_from(source)[2:])
        self.assertEqual(1, len(self.check_keys()))
        source.execute(source.table.update().where(
            source.table.c.id == first['id']).values(deleted=True))
        self.import_from(source)
        self.assertEqual([], samples.stored(self.db))

    def test_killed_import_is_completed_by_the_next(self):
        source = self.cinder_database()
        source.insert(*(import_sources.volume_row() for _number in range(600)))
        process = self.start(source, '--batch-size', '2')
        self.wait_for_first_message(process)
        process.kill()
        process.wait()
        before = self.check_keys()
        self.assertLess(len(before), 600)
        self.assertEqual(0, len(before) % 2)
        lines = self.import_from(source)
        self.assertIn(f'{len(before):,} messages were imported before.', lines)
        self.assertIn(f'{600 - len(before):,} messages have been imported.',
                      lines)
        after = self.check_keys()
        self.assertEqual(600, len(after))
        self.assertLess(before, after)

    def test_concurrent_imports_and_readers(self):
        source = self.cinder_database()
        made = datetime.datetime(2026, 1, 31, 12)
        source.insert(*(import_sources.volume_row(
            created_at=made + datetime.timedelta(seconds=number // 2),
            expires_at=datetime.datetime(2126, 1, 1)) for number in
            range(600)))
        several = [self.start(source, '--batch-size', '20')
                   for _number in range(2)]
        ended = threading.Event()
        pages = []

        def read():
            while not ended.is_set():
                page = self.api.get_all(RED, limit=100).objects
                ids = [one.id for one in page]
                self.assertEqual(sorted(set(ids), reverse=True), ids)
                pages.append(len(ids))
                time.sleep(0.01)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            outputs = [process.communicate(timeout=120)
                       for process in several]
        finally:
            ended.set()
            reader.join()
        self.assertEqual([(0, b'')] * 2, [
            (process.returncode, errors)
            for process, (_output, errors) in zip(several, outputs)])
        self.assertEqual(600, len(self.check_keys()))
        self.assertGreater(len(pages), 0)
        times = [one.created_at for one in self.api.get_all(
            RED, limit=600).objects]
        self.assertEqual(sorted(times, reverse=True), times)
        # A slow import writes lines of progress before.
        new = [number_of(line) for output, _errors in outputs
               for line in output.decode().splitlines()
               if line.endswith(' messages have been imported.')]
        self.assertEqual((2, 600), (len(new), sum(new)), outputs)


class TestVolumeOnSqlite(TestCase):
    """Behaviour that doesn't depend on the database."""

    scenarios = databases.SCENARIOS[:1]

    def test_evicted_messages_are_not_imported_again(self):
        source = self.cinder_database()
        source.insert(*(import_sources.volume_row() for _number in range(5)))
        self.import_from(source)
        self.assertEqual(3, sum(removal.remove(
            self.db, removal.over_limit(self.db, 'red', 2))))
        self.assertIn('3 messages were imported before, and deleted here '
                      'since.',
                      self.import_from(source))
        self.assertEqual(2, len(self.messages()))

    def test_changed_row_is_not_imported_again(self):
        source = self.cinder_database()
        source.insert(*(import_sources.volume_row() for _number in range(3)))
        self.import_from(source)
        before = samples.stored(self.db)
        source.execute(source.table.update().values(message_level='WARN'))
        for arguments in ('--dry-run',), ():
            self.assertEqual('3 messages were imported before.',
                             self.import_from(source, *arguments)[-1])
        self.assertEqual(before, samples.stored(self.db))

    def test_dry_run_reports_the_same_and_stores_no_message(self):
        source = self.cinder_database()
        long_ago = datetime.datetime(2020, 1, 1)
        source.insert(
            *(import_sources.volume_row() for _number in range(20)),
            import_sources.volume_row(deleted=True),
            import_sources.volume_row(expires_at=long_ago),
            import_sources.volume_row(created_at=long_ago, expires_at=None),
            import_sources.volume_row(event_id='VOLUME_VOLUME_777_888'),
            import_sources.volume_row(message_level='LOUD'))
        planned = self.import_from(source, '--dry-run', '--batch-size', '7')
        self.assertEqual([], samples.stored(self.db))
        self.assertEqual([], samples.stored(self.db, models.source_keys))
        self.assertEqual(
            [line.replace('would be', 'have been') for line in planned],
            self.import_from(source))
        self.assertEqual('21 messages would be imported.', planned[1])
        self.assertIn('2 rows were ignored, because they have expired.',
                      planned)

    def test_old_and_unknown_event_ids_are_imported(self):
        source = self.cinder_database()
        source.insert(*(import_sources.volume_row(
            event_id=event_id, action_id=None, detail_id=None,
            resource_uuid=str(number), request_id=None)
            for number, event_id in enumerate((
                '000002', 'VOLUME_000003', 'VOLUME_VOLUME_777_888',
                '000777'))))
        self.assertIn(
            '2 messages have an event that is not in the catalogue, and are '
            'shown with a general text: ', ' '.join(self.import_from(source)))
        self.assertEqual(
            {'0': ('VOLUME_000002', None, None),
             '1': ('VOLUME_000003', None, None),
             '2': ('VOLUME_VOLUME_777_888', '777', '888'),
             '3': ('VOLUME_000777', None, None)},
            {one.resource_uuid: (one.event_id, one.action_id, one.detail_id)
             for one in self.messages()})
        self.assertTrue(self.service.catalogue.describe(
            'VOLUME_VOLUME_777_888').text.startswith('The result'))

    def test_exit_status_shows_skipped_rows(self):
        source = self.cinder_database()
        source.insert(import_sources.volume_row(project_id=''))
        for arguments in (), ('--dry-run',):
            end = commands.manage('import', 'volume', '--from', source.url,
                                  *arguments, config=self.config)
            self.assertEqual((3, ''), (end.returncode, end.stderr))
            self.assertIn('1 rows were skipped:', end.stdout)

    def test_invalid_rows_are_skipped_and_listed(self):
        source = self.cinder_database()
        bad = [import_sources.volume_row(**values) for values in (
            {'project_id': 'x' * 65}, {'project_id': ''},
            {'project_id': 'r\u00f6t'}, {'request_id': 'x' * 65},
            {'resource_uuid': ' a'}, {'resource_type': 'a-b'},
            {'event_id': 'SHARE_SHARE_001_001'}, {'event_id': ''},
            {'event_id': 'volume_000002'},
            {'resource_type': 'VOLUME_BACKUP'},
            {'message_level': 'LOUD'}, {'created_at': None})]
        more = [import_sources.volume_row(message_level='LOUDER')
                for _number in range(7)]
        source.insert(*bad, *more, import_sources.volume_row())
        lines = self.import_from(source)
        self.assertEqual('1 messages have been imported.', lines[1])
        self.assertEqual('19 rows were skipped:', lines[2])
        report = '\n'.join(lines[3:])
        for row in bad:
            if row['message_level'] != 'LOUD':
                self.assertIn(row['id'], report)
        self.assertRegex(lines[3], r'^  8: message_level: must be one of '
                         r'INFO, WARN, ERROR\. Ids: ([0-9a-f-]{36}, ){5}'
                         r'\.\.\.$')
        for reason in (
                'project_id: must not be longer than 64 characters.',
                'project_id: must not be empty.',
                'project_id: must be printable ASCII without leading or '
                'trailing spaces.',
                'request_id: must not be longer than 64 characters.',
                'resource_uuid: must be printable ASCII',
                'resource_type: is not a valid resource type.',
                'event_id: is not a valid event id of block storage.',
                'event_id: contains another type than resource_type.',
                'created_at: is required.'):
            self.assertIn(reason, report)
        self.assertEqual(1, len(self.check_keys()))

    def test_sigterm_ends_the_import_after_the_current_batch(self):
        source = self.cinder_database()
        source.insert(*(import_sources.volume_row() for _number in range(600)))
        process = self.start(source, '--batch-size', '2')
        self.wait_for_first_message(process)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=120)
        self.assertEqual((130, b''), (process.returncode, errors), output)
        stored = len(self.check_keys())
        self.assertLess(stored, 600)
        self.assertIn(f'Interrupted after {stored:,} of about 600 rows. '
                      f'The same command continues from there.\n'
                      f'{stored:,} messages have been imported.\n',
                      output.decode())


class TestShare(ImportMixin, databases.TestCase):

    scenarios = databases.SCENARIOS[:2]

    def test_messages_of_manila_are_listed_as_manila_does(self):
        self.service = self.runtime()
        source = (import_sources.manila_on_sqlite(self.home)
                  if self.service.db.dialect == 'sqlite' else
                  import_sources.on_mariadb('manila'))
        listed = source.write()
        # Manila's migrations do not run on SQLite, so there is no revision.
        arguments = ('--any-revision',) * (
            self.service.db.dialect == 'sqlite')
        lines = self.import_from(source, *arguments, kind='share')
        self.assertIn(f'{len(listed)} messages have been imported.', lines)
        self.assertEqual('1 rows were ignored, because they are deleted.',
                         lines[2])
        imported = message_api.API(self.service).get_all(RED).objects
        self.assertEqual(
            [(f'SHARE_{one["resource_type"]}_{one["action_id"]}_'
              f'{one["detail_id"]}', one['action_id'], one['detail_id'],
              one['resource_type'], one['resource_id'], one['request_id'],
              one['message_level'], one['created_at'], one['expires_at'])
             for one in listed],
            [(one.event_id, one.action_id, one.detail_id, one.resource_type,
              one.resource_uuid, one.request_id, one.message_level,
              str(one.created_at.replace(tzinfo=None)),
              str(one.expires_at.replace(tzinfo=None))) for one in imported])
        self.assertEqual({'SHARE'}, {one.prefix for one in imported})
        self.assertIn(f'{len(listed)} messages were imported before.',
                      self.import_from(source, *arguments, kind='share'))


class StoreTestCase(databases.TestCase):

    CREATED_AT = datetime.datetime(
        2026, 1, 31, 12, tzinfo=datetime.timezone.utc)

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def new_message(self, number, source_id=None, **values):
        row = {**samples.row(), 'id': ids.derive(self.CREATED_AT, str(number)),
               **values}
        return message.NewMessage(models.MessageRow(**row),
                                  source_id or f'import:volume:{number}',
                                  'x' * 64)


class TestOtherWriters(StoreTestCase):
    """Other writers between a look-up and the transaction after it."""

    def store(self, new_messages, others):
        """Store new messages after another writer has stored others."""
        database = types.SimpleNamespace(reader=self.db.reader)

        def write(work):
            database.write = self.db.write
            message.MessageList.record(self.db, others)
            return self.db.write(work)

        database.write = write
        return store.store(database, new_messages, [], ())

    def test_id_stored_by_another_writer_is_a_clash(self):
        new_messages = [self.new_message(number) for number in range(5)]
        other = self.new_message(3, 'another', project_id='blue')
        self.assertEqual(
            ({'new': 4, 'imported_before': 0, 'merged': 0,
              'deleted_here': 0, 'deleted_there': 0},
             [new_messages[3]]), self.store(new_messages, [other]))
        self.assertEqual(
            {new_message.row.id for new_message in new_messages},
            {row['id'] for row in samples.stored(self.db)})

    def test_message_stored_by_another_import_is_not_new(self):
        new_messages = [self.new_message(number) for number in range(5)]
        self.assertEqual(
            ({'new': 3, 'imported_before': 2, 'merged': 0,
              'deleted_here': 0, 'deleted_there': 0},
             []), self.store(new_messages, new_messages[2:4]))
        self.assertEqual(5, len(samples.stored(self.db)))

    def test_message_stored_between_the_look_ups_is_not_a_clash(self):
        new_messages = [self.new_message(number) for number in range(5)]
        readers = itertools.count()

        def reader():
            # The first look-up is that of the keys.
            if next(readers) == 1:
                message.MessageList.record(self.db, new_messages[2:4])
            return self.db.reader()

        counts, clashes = store.store(types.SimpleNamespace(
            reader=reader, write=self.db.write), new_messages, [], ())
        self.assertEqual((3, 2, []), (
            counts['new'], counts['imported_before'], clashes))
        self.assertEqual(5, len(samples.stored(self.db)))


class TestTakenIds(StoreTestCase):

    scenarios = databases.SCENARIOS[:1]

    def test_persistent_duplicate_ids_raise_ids_in_use(self):
        with self.db.engine().begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER taken BEFORE INSERT ON messages BEGIN SELECT "
                "RAISE(ABORT, 'UNIQUE constraint failed: messages.id'); END")
        new_messages = [self.new_message(number) for number in range(2)]
        error = self.assertRaises(exception.IdsInUse, store.store, self.db,
                                  new_messages, [], ())
        for new_message in new_messages:
            self.assertIn(new_message.row.id, str(error))
        self.assertEqual([], samples.stored(self.db, models.source_keys))


class TestSourceDatabase(ImportMixin, base.TestCase):
    """Connection to the source database, its errors and its snapshot."""

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.config = str(self.home / 'usermsg.conf')

    def open(self, source, converter_class=conversion.Volume,
             any_revision=False):
        return import_source.connect(
            urls.parse_url(getattr(source, 'url', source), '--from'),
            converter_class, any_revision)

    def assert_refused(self, source, reason,
                       converter_class=conversion.Volume,
                       any_revision=False):
        try:
            with self.open(source, converter_class, any_revision):
                self.fail(source)
        except (exception.SourceDatabaseError,
                exception.ConfigurationError) as error:
            self.assertIn(reason, str(error))
            self.assertNotIn('cret', str(error))

    def test_unusable_url_is_an_error_without_the_password(self):
        for url, reason in (
                ('secret', '--from is not a valid database URL.'),
                ('', '--from is not set'),
                ('mysql+pymysql://cinder:se@cret@host/cinder',
                 '--from: an @ in the password must be written as %40.'),
                ('oracle://cinder:secret@host/cinder', '--from: '),
                (f'sqlite:///{self.home}/nothing', 'There is no such file.'),
                ('sqlite://', 'There is no such file.'),
                (f'sqlite:///{self.config}', 'file is not a database'),
                (f'mysql+pymysql://c:secret@127.0.0.1:{servers.free_port()}'
                 f'/c', "Can't connect to MySQL server"),
                (f'postgresql+psycopg2://c:secret@127.0.0.1:'
                 f'{servers.free_port()}/c', 'Connection refused'),
                ('mysql+pymysql://c:secret@127.0.0.1/c?colour=red',
                 'colour')):
            self.assert_refused(url, reason)
        self.assertFalse((self.home / 'nothing').exists())

    def test_wrong_password_is_an_error(self):
        for server in (servers.mariadb, servers.postgresql):
            server = servers.require(server)
            url = sa.make_url(server.create_database())
            self.addCleanup(server.drop_database, url)
            self.assert_refused(
                url.set(password='a-secret').render_as_string(False),
                'Error: ')

    def test_command_error_is_one_line_without_the_password(self):
        server = servers.require(servers.mariadb)
        url = sa.make_url(server.create_database())
        self.addCleanup(server.drop_database, url)
        source = import_sources.SourceDatabase('cinder', url.set(
            password='a-secret').render_as_string(False), self.home)
        for options, where in (
                ((), ('--from', source.url)),
                (('--debug', '-vv'), ('--from-config', source.config))):
            end = commands.manage(*options, 'import', 'volume', *where,
                                  config=self.config)
            self.assertEqual((1, ''), (end.returncode, end.stdout))
            self.assertNotIn('a-secret', end.stderr)
            self.assertIn('The database of block storage cannot be used: '
                          'OperationalError: (1045, ', end.stderr)
            if not options:
                self.assertEqual(1, len(end.stderr.splitlines()))

    def test_missing_or_unknown_tables_and_columns_are_refused(self):
        source = import_sources.cinder_on_sqlite(self.home)
        self.assert_refused(
            source, 'is not the table of shared file systems: it has '
            'no resource_id (revision 9c74c1c6971f).', conversion.Share)
        for statement, reason in (
                ('ALTER TABLE messages ADD COLUMN audience TEXT',
                 'has columns that this release does not support: audience '
                 '(revision 9c74c1c6971f).'),
                ('ALTER TABLE messages DROP COLUMN event_id',
                 'it has no event_id (revision 9c74c1c6971f).'),
                ('DELETE FROM alembic_version', 'it has no event_id.'),
                ('DROP TABLE alembic_version', 'it has no event_id.'),
                ('DROP TABLE messages',
                 'It has no table "messages". Is it the database of block '
                 'storage, created by "cinder-manage db sync"?')):
            source.execute(statement)
            self.assert_refused(source, reason)
        # usermsg's own database has another table of the same name.
        self.assert_refused(self.sqlite_url(), 'it has no deleted.')

    def test_supported_revisions_match_the_services_migrations(self):
        for service, folder, supported in (
                ('cinder', 'versions', revisions.VOLUME),
                ('manila', 'alembic/versions', revisions.SHARE)):
            folder, = environments.get(service).directory.glob(
                f'lib/*/site-packages/{service}/db/migrations/{folder}')
            after = {}
            for path in folder.glob('*.py'):
                names = dict(_REVISION.findall(
                    path.read_text(encoding='utf-8')))
                if names:
                    after[names.get('down_revision')] = names['revision']
            order = [supported[0]]
            while order[-1] in after:
                order.append(after[order[-1]])
            self.assertEqual(tuple(order), supported)
            first, = folder.glob(f'{supported[0]}_*.py')
            self.assertRegex(first.read_text(encoding='utf-8'),
                             r"""(?m)^ +["']messages["'],$""")

    def test_unsupported_revision_needs_any_revision(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.insert(import_sources.volume_row())
        unknown = (' is not a revision of block storage that this release '
                   'supports. A newer release of usermsg may support it. ')
        missing = 'Its revision is unknown: '
        for statement, shown, reason in (
                ("UPDATE alembic_version SET version_num = 'ffffffffffff'",
                 'ffffffffffff', f'Its revision ffffffffffff{unknown}'),
                ("UPDATE alembic_version SET version_num = CAST(x'ff' AS "
                 "TEXT)", '\\udcff', f'Its revision \\udcff{unknown}'),
                # A revision of the other service.
                (f"UPDATE alembic_version SET version_num = "
                 f"'{revisions.SHARE[-1]}'", revisions.SHARE[-1],
                 f'Its revision {revisions.SHARE[-1]}{unknown}'),
                ("INSERT INTO alembic_version VALUES ('921e1a36b076')",
                 f'921e1a36b076, {revisions.SHARE[-1]}', unknown),
                ('DELETE FROM alembic_version', 'unknown', missing),
                ('DROP TABLE alembic_version', 'unknown', missing)):
            source.execute(statement)
            self.assert_refused(source, reason)
            end = commands.manage('import', 'volume', '--from', source.url,
                                  config=self.config)
            self.assertEqual((1, ''), (end.returncode, end.stdout))
            self.assertIn(reason, end.stderr)
            self.assertEqual(1, len(end.stderr.splitlines()))
            self.assertEqual([], samples.stored(self.service.db))
            self.assertEqual(
                [f'1 rows, revision {shown}.',
                 '1 messages would be imported.'],
                self.import_from(source, '--any-revision', '--dry-run'))
        source.execute('ALTER TABLE messages ADD COLUMN audience TEXT')
        self.assert_refused(source, 'audience', any_revision=True)

    def test_every_supported_revision_is_imported(self):
        source = import_sources.cinder_on_sqlite(self.home)
        for revision in revisions.VOLUME:
            source.execute(f"UPDATE alembic_version SET version_num = "
                           f"'{revision}'")
            self.assertEqual([f'0 rows, revision {revision}.',
                              '0 messages have been imported.'],
                             self.import_from(source))

    def test_table_of_the_first_releases_is_imported(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.execute('ALTER TABLE messages DROP COLUMN action_id',
                       'ALTER TABLE messages DROP COLUMN detail_id')
        row = import_sources.volume_row(event_id='000002')
        del row['action_id'], row['detail_id']
        source.insert(row)
        self.assertIn('1 messages have been imported.',
                      self.import_from(source))

    def test_import_without_tables_of_usermsg_is_an_error(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.insert(import_sources.volume_row())
        models.metadata.drop_all(self.service.db.engine())
        end = commands.manage('import', 'volume', '--from', source.url,
                              config=self.config)
        self.assertEqual(1, end.returncode)
        self.assertIn('no such table', end.stderr)

    def test_table_dropped_during_import_is_an_error(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.insert(*(import_sources.volume_row() for _number in range(10)))

        def read():
            with self.open(source) as table:
                batches = table.batches(2)
                self.assertEqual(2, len(next(batches)))
                source.execute('DROP TABLE messages')
                list(batches)

        self.assertIn('no such table', str(
            self.assertRaises(exception.SourceDatabaseError, read)))

    def test_sqlite_file_can_be_written_during_import(self):
        source = import_sources.cinder_on_sqlite(self.home)
        rows = sorted((import_sources.volume_row() for _number in range(9)),
                      key=lambda row: row['id'])
        source.insert(*rows[:8])
        seen = []
        with self.open(source) as table:
            for batch in table.batches(3):
                seen += [row.id for row in batch]
                if len(seen) == 3:
                    source.execute(source.table.delete().where(
                        source.table.c.id == rows[4]['id']))
                    source.insert(rows[8])
        self.assertEqual([row['id'] for row in rows[:4] + rows[5:]], seen)

    def test_sqlite_file_is_not_changed(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.insert(*(import_sources.volume_row() for _number in range(9)))
        path = pathlib.Path(sa.make_url(source.url).database)
        before = hashlib.sha256(path.read_bytes()).digest()
        self.assertRaises(exception.SourceDatabaseError, self.delete, source,
                          source.table)
        self.assertIn('9 messages have been imported.',
                      self.import_from(source))
        self.assertEqual(before, hashlib.sha256(path.read_bytes()).digest())

    def files(self, path):
        # The -shm file is only the shared-memory index of the log.
        return {file.name: file.read_bytes()
                for file in path.parent.glob(f'{path.name}*')
                if not file.name.endswith('-shm')}

    def test_write_ahead_log_of_sqlite_file_is_not_changed(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.insert(import_sources.volume_row())
        path = pathlib.Path(sa.make_url(source.url).database)
        # The files of a crashed service: no other process has them open.
        copy = self.home / 'a %3f?#b' / 'cinder.sqlite'
        copy.parent.mkdir()
        with contextlib.closing(sqlite3.connect(path)) as service:
            service.execute('PRAGMA journal_mode = WAL').close()
            service.execute('INSERT INTO messages SELECT upper(id) || "-", '
                            + ', '.join(name for name in source.table.c.keys()
                                        if name != 'id')
                            + ' FROM messages').close()
            service.commit()
            for end in '', '-wal':
                shutil.copy(f'{path}{end}', f'{copy}{end}')
        for opened, number in (copy, 2), (path, 1):
            before = self.files(opened)
            self.assertEqual(number, len(before))
            source.url = sa.URL.create(
                'sqlite', database=str(opened)).render_as_string(False)
            for arguments in ('--dry-run',), ():
                self.assertEqual('2 rows, revision 9c74c1c6971f.',
                                 self.import_from(source, *arguments)[0])
                self.assertEqual(before, self.files(opened))
        self.assertFalse(pathlib.Path(f'{path}-shm').exists())

    def delete(self, source, table):
        with self.open(source, any_revision=True) as opened:
            opened._connection.execute(table.delete())

    def test_mariadb_import_is_a_read_only_snapshot(self):
        source = import_sources.on_mariadb('cinder')
        rows = sorted((import_sources.volume_row() for _number in range(9)),
                      key=lambda row: row['id'])
        source.insert(*rows[:8])
        with self.open(source) as table:
            self.assertEqual(8, table.count())
            batches = table.batches(3)
            seen = [row.id for row in next(batches)]
            source.execute(source.table.delete().where(
                source.table.c.id == rows[4]['id']))
            source.insert(rows[8])
            seen += [row.id for batch in batches for row in batch]
        self.assertEqual([row['id'] for row in rows[:8]], seen)
        error = self.assertRaises(exception.SourceDatabaseError, self.delete,
                                  source, source.table)
        self.assertIn('READ ONLY', str(error))
        self.assertEqual(8, len(source.rows()))

    def test_lost_connection_is_an_error(self):
        source = import_sources.on_mariadb('cinder')
        source.insert(*(import_sources.volume_row() for _number in range(9)))

        def read():
            with self.open(source) as table:
                batches = table.batches(3)
                next(batches)
                source.execute('KILL %s' % table._connection.scalar(
                    sa.text('SELECT connection_id()')))
                list(batches)

        self.assertIn('OperationalError: (', str(
            self.assertRaises(exception.SourceDatabaseError, read)))

    def test_values_that_only_sqlite_stores_are_skipped(self):
        source = import_sources.cinder_on_sqlite(self.home)
        good = import_sources.volume_row()
        source.insert(
            *(import_sources.volume_row() for _number in range(6)), good)
        others = [row['id'] for row in source.rows()
                  if row['id'] != good['id']]
        source.execute(*(
            f'UPDATE messages SET {change} WHERE id = "{row_id}"'
            for row_id, change in zip(others, (
                "created_at = 'yesterday'", "expires_at = 17",
                "project_id = x'ff00'", "deleted = 'perhaps'",
                "project_id = CAST(x'ff' AS TEXT)",
                "id = x'ff'"))))
        self.assertEqual(
            ['1 messages have been imported.',
             '1 rows were ignored, because they are deleted.',
             '5 rows were skipped:'], self.import_from(source)[1:4])

    def test_ids_that_are_not_utf_8_are_skipped(self):
        source = import_sources.cinder_on_sqlite(self.home)
        good = [import_sources.volume_row(id=old_id) for old_id in (
            'a', 'b', '\u00e9', '\U0010ffff')]
        bad = [import_sources.volume_row(id=f'{number}')
               for number in range(3)]
        source.insert(*good[:2], *bad)
        # One of the three ids sorts among the ASCII ids, the other two after
        # all other ids.
        source.execute(*(
            f"UPDATE messages SET id = CAST(x'{data}' AS TEXT) "
            f"WHERE id = '{number}'"
            for number, data in enumerate(('61ff', 'ff61', 'ff6200'))))
        source.insert(*good[2:])
        for size in '1', '2', '3', '500':
            lines = self.import_from(source, '--batch-size', size)
            self.assertEqual('7 rows, revision 9c74c1c6971f.', lines[0])
            self.assertEqual('5 rows were skipped:', lines[-2])
            for shown in ('a\\udcff', '\\udcffa', '\\udcffb\\x00',
                          '\\xe9', '\\U0010ffff'):
                self.assertIn(shown, lines[-1])
            self.assertEqual(2, len(samples.stored(self.service.db)))

    def test_import_from_postgresql(self):
        server = servers.require(servers.postgresql)
        url = server.create_database()
        self.addCleanup(server.drop_database, url)
        engine = sa.create_engine(url, poolclass=pool.NullPool)
        like = import_sources.cinder_on_sqlite(self.home).table
        table = sa.Table('messages', sa.MetaData(), *(
            sa.Column(column.name, column.type.as_generic(),
                      primary_key=column.primary_key)
            for column in like.columns))
        with engine.begin() as connection:
            table.create(connection)
            connection.execute(table.insert(), [
                import_sources.volume_row(deleted=number % 4 == 0)
                for number in range(20)])
        with self.open(url, any_revision=True) as opened:
            self.assertEqual('30s', opened._connection.scalar(
                sa.text('SHOW statement_timeout')))
            now = datetime.datetime.now(datetime.timezone.utc)
            for minutes, number in (10, 20), (1, 0):
                since = now - datetime.timedelta(minutes=minutes)
                self.assertEqual(number, sum(
                    map(len, opened.batches(3, since))))
        path = self.write('cinder.conf', f'[database]\nconnection = {url}\n')
        end = commands.manage(
            'import', 'volume', '--from-config', path, '--batch-size', '3',
            '--any-revision', config=self.config)
        self.assertEqual(
            (0, '', '20 rows, revision unknown.\n'
             '15 messages have been imported.\n'
             '5 rows were ignored, because they are deleted.\n'),
            (end.returncode, end.stderr, end.stdout))
        self.assertIn('read-only transaction', str(self.assertRaises(
            exception.SourceDatabaseError, self.delete, url, table)))

    def test_progress_bar_is_shown_on_a_terminal(self):
        source = import_sources.cinder_on_sqlite(self.home)
        source.insert(
            *(import_sources.volume_row() for _number in range(3000)))
        terminal, terminal_end = pty.openpty()
        process = subprocess.Popen(
            [*MANAGE, self.config, 'import', 'volume', '--from', source.url,
             '--batch-size', '5'], stdout=terminal_end, stderr=subprocess.PIPE,
            env={**os.environ, 'COLUMNS': '100'})
        os.close(terminal_end)
        self.addCleanup(process.kill)
        output = b''
        try:
            while read := os.read(terminal, 4096):
                output += read
        except OSError:
            pass  # the command has closed the terminal
        os.close(terminal)
        self.assertEqual(b'', process.communicate(timeout=120)[1])
        self.assertRegex(output.decode(), r'\r\[#* *\] [\d,]+ of 3,000 rows, '
                         r'\d+ %, ')
        self.assertIn('3,000 messages have been imported.', output.decode())
