# SPDX-License-Identifier: Apache-2.0
"""Periodic imports, by the class and by ``usermsg-worker`` as a process."""

import datetime
import signal
import subprocess
import sys
import threading
import urllib.request

import fixtures
from usermsg.db import lease
from usermsg.db import models
from usermsg import exception
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import import_sources
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.worker import importer

COMMAND = (sys.executable, '-m', 'usermsg.cmd.worker', '--config-file')

RUNNING = threading.Event()

STOPPED = threading.Event()
STOPPED.set()


def naive_now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def old_row(**values):
    """Return a row that was created an hour ago."""
    return import_sources.volume_row(
        created_at=naive_now() - datetime.timedelta(hours=1), **values)


class TestCase(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(nuke_handlers=False))
        self.source = (
            import_sources.on_mariadb('cinder')
            if self.url.startswith('mysql') else
            import_sources.cinder_on_sqlite(self.home))

    def prepare(self, url=None, **options):
        self.service = self.runtime(
            metrics={'worker_port': self.listened_port},
            import_volume={'connection': url or self.source.url, **options})
        self.db = self.service.db
        return self.load()

    listened_port = 0

    def load(self):
        [only] = importer.load(self.service)
        return only

    def resources(self):
        return sorted(row['resource_uuid']
                      for row in samples.stored(self.db))

    def metric(self, name, **labels):
        return self.service.metrics.registry.get_sample_value(
            f'usermsg_import_{name}', {'source': 'volume', **labels})


class TestImporter(TestCase):

    def test_new_and_deleted_rows_are_imported_incrementally(self):
        self.source.insert(old_row(resource_uuid='1'),
                           import_sources.volume_row(resource_uuid='2'))
        imports = self.prepare(batch_size=1)
        self.service.metrics.registry.register(
            importer.Collector([imports]))
        self.assertEqual(
            0, self.metric('last_success_timestamp_seconds'))
        self.assertTrue(imports.import_new(RUNNING))
        self.assertEqual(['1', '2'], self.resources())
        self.assertLess(0, self.metric('last_success_timestamp_seconds'))
        # A row of a time that has been read is not read again.
        self.source.insert(old_row(resource_uuid='3'),
                           import_sources.volume_row(resource_uuid='4'))
        self.source.execute(self.source.table.update().where(
            self.source.table.c.resource_uuid == '1').values(
            deleted=True, deleted_at=naive_now()))
        self.assertTrue(imports.import_new(RUNNING))
        self.assertEqual(['2', '4'], self.resources())
        self.assertTrue(imports.import_new(RUNNING))
        self.assertEqual(['2', '4'], self.resources())
        for result, number in (
                ('imported', 3), ('deleted', 1), ('skipped', None)):
            self.assertEqual(number, self.metric('rows_total', result=result))

    def test_another_process_waits_for_the_lease_and_resumes(self):
        self.source.insert(import_sources.volume_row(resource_uuid='1'))
        first, second = self.prepare(), self.load()
        self.assertTrue(first.import_new(RUNNING))
        self.source.insert(old_row(resource_uuid='2'),
                           import_sources.volume_row(resource_uuid='3'))
        self.assertFalse(second.import_new(RUNNING))
        self.assertEqual(['1'], self.resources())
        first.run(STOPPED)
        self.assertTrue(second.import_new(RUNNING))
        self.assertEqual(['1', '3'], self.resources())

    def test_lost_lease_ends_import_and_keeps_batches(self):
        self.source.insert(
            *(import_sources.volume_row() for _number in range(5)))
        imports = self.prepare(batch_size=2)

        class Stop:

            def wait(stop, _timeout):
                with self.db.engine().begin() as connection:
                    connection.execute(models.leases.update().values(
                        owner='another'))

        self.assertRaises(lease.LeaseLost, imports.import_new, Stop())
        self.assertEqual(2, len(self.resources()))
        self.assertEqual(2, self.metric('rows_total', result='imported'))
        self.assertEqual([], samples.stored(
            self.db, models.import_positions))

    def test_another_source_database_is_read_from_its_beginning(self):
        imports = self.prepare()
        self.assertTrue(imports.import_new(RUNNING))
        imports.run(STOPPED)
        directory = self.home / 'another'
        directory.mkdir()
        other = import_sources.cinder_on_sqlite(directory)
        other.insert(old_row(resource_uuid='1'))
        self.assertTrue(self.prepare(other.url).import_new(RUNNING))
        self.assertEqual(['1'], self.resources())
        self.assertEqual(2, len(samples.stored(
            self.db, models.import_positions)))


class TestErrors(TestCase):

    scenarios = databases.SCENARIOS[:1]

    def test_unavailable_source_is_logged_once_and_imported_later(self):
        self.source.insert(import_sources.volume_row(resource_uuid='1'))
        path = self.home / 'cinder.sqlite'
        hidden = path.rename(self.home / 'hidden')
        imports = self.prepare()
        for _number in range(3):
            self.assertFalse(imports.import_new(RUNNING))
        self.assertEqual(3, self.metric('failures_total'))
        self.assertEqual(1, self.log.output.count(
            '[import_volume] connection, cannot be imported'))
        hidden.rename(path)
        for _number in range(2):
            self.assertTrue(imports.import_new(RUNNING))
        self.assertEqual(['1'], self.resources())
        self.assertEqual(1, self.log.output.count('is imported again'))
        path.rename(hidden)
        self.assertFalse(imports.import_new(RUNNING))
        self.assertEqual(2, self.log.output.count('cannot be imported'))

    def test_unsupported_revision_needs_any_revision(self):
        self.source.insert(import_sources.volume_row(resource_uuid='1'))
        self.source.execute('DELETE FROM alembic_version')
        imports = self.prepare()
        self.assertFalse(imports.import_new(RUNNING))
        self.assertIn('Its revision is unknown', self.log.output)
        imports.run(STOPPED)
        self.assertTrue(self.prepare(any_revision=True).import_new(RUNNING))
        self.assertEqual(['1'], self.resources())

    def test_skipped_rows_are_logged_once(self):
        self.source.insert(
            import_sources.volume_row(message_level='LOUD', id='x'))
        imports = self.prepare()
        for _number in range(3):
            self.assertTrue(imports.import_new(RUNNING))
        self.assertEqual(1, self.log.output.count(
            'Rows of block storage were skipped: 1: message_level: must be '
            'one of INFO, WARN, ERROR. Ids: x'))
        self.assertEqual(3, self.metric('rows_total', result='skipped'))

    def test_unavailable_database_and_defects_do_not_end_the_thread(self):
        imports = self.prepare()
        errors = [exception.DatabaseUnavailable(), KeyError('a secret')]

        class Stop(threading.Event):

            def wait(self, _timeout):
                if not errors:
                    self.set()

        def fail(_stop):
            raise errors.pop(0)

        imports.import_new = fail
        imports.run(Stop())
        self.assertIn('The import from block storage failed: KeyError at',
                      self.log.output)
        self.assertNotIn('a secret', self.log.output)


class TestWorker(TestCase):

    def worker(self):
        worker = servers.Process([*COMMAND, str(self.home / 'usermsg.conf')],
                                 env={'HOME': str(self.home)})
        self.addCleanup(worker.stop)
        worker.start()
        return worker

    def keys(self):
        """Return the ids of messages that have a key of their row."""
        return {row['message_id'] for row in samples.stored(
            self.db, models.source_keys)
            if row['source_id'].startswith('import:')}

    def test_worker_ends_after_a_batch_and_another_resumes(self):
        self.source.insert(*(import_sources.volume_row(resource_uuid=f'{n}')
                             for n in range(600)))
        self.listened_port = servers.free_port()
        self.prepare(batch_size=2, interval=1)
        worker = self.worker()
        listening.wait_for(self.resources)
        worker._popen.send_signal(signal.SIGTERM)
        self.assertEqual(0, worker._popen.wait(120), worker.log())
        self.assertNotIn('Traceback', worker.log())
        first = self.keys()
        self.assertEqual(0, len(first) % 2)
        self.assertLess(len(first), 600)
        second = self.worker()
        listening.wait_for(lambda: len(self.resources()) == 600)
        self.assertEqual(600, len(self.keys()))
        self.assertLess(first, self.keys())
        self.source.insert(import_sources.volume_row(resource_uuid='late'))
        listening.wait_for(lambda: 'late' in self.resources())
        listening.wait_for(lambda: (
            f'usermsg_import_rows_total{{result="imported",source="volume"}} '
            f'{601 - len(first)}.0') in self.scrape())
        self.assertIn('usermsg_import_last_success_timestamp_seconds{'
                      'source="volume"}', self.scrape())
        self.assertNotIn('Traceback', second.log())

    def scrape(self):
        with urllib.request.urlopen(
                f'http://127.0.0.1:{self.listened_port}/',
                timeout=60) as response:
            return response.read().decode()


class TestStart(TestCase):

    scenarios = databases.SCENARIOS[:1]

    def test_start_with_unusable_url_names_option_without_password(self):
        self.runtime(import_volume={
            'connection': 'mysql+pymysql://c:hunter2@x@host/cinder'})
        end = subprocess.run([*COMMAND, str(self.home / 'usermsg.conf')],
                             text=True, timeout=120, capture_output=True)
        self.assertEqual(1, end.returncode)
        self.assertIn('usermsg-worker cannot start: [import_volume] '
                      'connection: an @ in the password must be written as '
                      '%40.', end.stderr)
        self.assertNotIn('hunter2', end.stderr)
