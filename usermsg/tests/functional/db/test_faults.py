# SPDX-License-Identifier: Apache-2.0
"""Recording while the database is unavailable: the caller continues."""

import atexit
import contextlib
import functools
import sqlite3
import threading
import time

import fixtures
import sqlalchemy as sa
import testscenarios

from usermsg.concurrency import bounded_call
from usermsg.db import models
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

#: Seconds: the record_timeout of an API that gives up soon, and the margin of
#: a slow machine. Drivers would wait for 30.
TIMEOUT = 1
MARGIN = 25

# Values of a recorded message that must not be logged.
PRIVATE = ('a private user', 'a-private-project', 'a-private-key')

_EXIT = '''
import sys
from usermsg import config
from usermsg.message import api as message_api
from usermsg import service
from usermsg.tests.fixtures import samples
runtime = service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]]))
assert samples.record(message_api.API(runtime))
runtime.conf.set_override('record_timeout', float(sys.argv[2]), 'messages')
api = message_api.API(runtime)
print('ready', flush=True)
input()
print(samples.record(api))
'''

# Reads as a list does, and logs as a process of usermsg.
_READ = '''
import sys
from usermsg.concurrency import backend
backend.use_threads()
from usermsg import service
runtime = service.prepare(['--config-file', sys.argv[1]])
with runtime.db.reader() as connection:
    connection.connection.cursor().execute('SELECT 1')
    print('ready', flush=True)
    input()
'''

# Files can't grow beyond the limit, as on a full disk.
_FULL_DISK = '''
import resource, sys
from usermsg import config
from usermsg.message import api as message_api
from usermsg import service
from usermsg.tests.fixtures import samples
api = message_api.API(service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]])))
print('ready', flush=True)
input()
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
stored = []
while stored[-1:] != [None] and len(stored) < 1000:
    stored.append(samples.record(api))
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
print(*[message and message.id for message in stored + [samples.record(api)]])
'''


# The only slot is in use by a thread that the child doesn't have.
_FORK = '''
import os, threading
from usermsg.concurrency import bounded_call
bound = bounded_call.Deadline(60, max_calls=1)
held, release = threading.Event(), threading.Event()
def hold():
    held.set()
    release.wait()
thread = threading.Thread(target=bound.run, args=(hold,))
thread.start()
held.wait()
print('ready', flush=True)
input()
child = os.fork()
if child == 0:
    os._exit(bound.run(lambda: 7))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
release.set()
thread.join()
'''


@functools.cache
def _start_server(factory):
    """Return a server that the tests of this module may kill and freeze."""
    server = factory(fast=True)
    atexit.register(server.stop)
    return server


class TestRecovery(databases.TestCase):

    def test_database_that_works_again_is_logged_once(self):
        runtime = self.runtime(tables=False)
        log = self.useFixture(fixtures.FakeLogger())
        api = message_api.API(runtime)
        for _call in range(2):
            self.assertRaises(exception.DatabaseUnavailable, api.get_all,
                              samples.request())
        self.assertNotIn('again', log.output)
        models.metadata.create_all(runtime.db.engine())
        for _call in range(2):
            api.get_all(samples.request())
            samples.record(api)
        self.assertEqual(
            1, log.output.count('The database can be used again.'))


class TestUrl(testscenarios.WithScenarios, base.TestCase):
    """URL parameters that only the driver can validate."""

    scenarios = [
        ('mariadb', {'url': 'mysql+pymysql://u:secret@127.0.0.1:1/x'}),
        ('postgresql', {'url': 'postgresql+psycopg2://u:secret@127.0.0.1:1/x'
                        }),
    ]

    def test_unknown_url_parameter_is_logged_without_password(self):
        log = self.useFixture(fixtures.FakeLogger())
        runtime = self.runtime(
            tables=False, database={'connection': f'{self.url}?unknown=1'})
        api = message_api.API(runtime)
        self.assertRaises(exception.DatabaseUnavailable, api.get_all,
                          samples.request())
        self.assertIsNone(samples.record(api))
        self.assertIn('unknown', log.output)
        self.assertNotIn('secret', log.output)

    def test_invalid_ca_file_is_logged_without_password(self):
        log = self.useFixture(fixtures.FakeLogger())
        name = 'ssl_ca' if 'mysql' in self.url else 'sslrootcert'
        path = self.write('ca.pem', 'no certificate')
        runtime = self.runtime(tables=False, database={
            'connection': f'{self.url}?{name}={path}'})
        self.assertRaises(exception.DatabaseUnavailable,
                          message_api.API(runtime).get_all, samples.request())
        self.assertNotIn('secret', log.output)


class Faults:

    def use(self, runtime):
        self.log = self.useFixture(fixtures.FakeLogger())
        self.service = runtime
        # This API has time for calls that must succeed. The other one gives
        # up soon, with the same connections.
        self.api = message_api.API(runtime)
        runtime.conf.set_override('record_timeout', TIMEOUT, 'messages')
        self.short_timeout_api = message_api.API(runtime)
        self.failed = 0

    def record(self, api=None):
        context = samples.request()
        context.user_id, project, key = PRIVATE
        return samples.record(
            api or self.api, context=context, project_id=project,
            source_id=f'{key}-{time.monotonic_ns()}')

    def assertFails(self, pattern='', api=None):
        before = time.monotonic()
        self.assertIsNone(self.record(api))
        self.assertLess(time.monotonic() - before, TIMEOUT + MARGIN)
        self.failed += 1
        self.assertEqual(self.failed,
                         samples.counted(self.service, 'not_recorded'))
        self.assertRegex(
            self.log.output, rf'\[{samples.REQUEST}] The message '
            f'VOLUME_000002 for VOLUME {samples.VOLUME} could not be '
            f'recorded: [^\n]*{pattern}')
        self.assertNothingPrivate(self.log.output)

    def assertGivenUp(self, pattern):
        self.assertFails(f'{pattern} within {TIMEOUT:.1f} seconds',
                         self.short_timeout_api)

    def assertNothingPrivate(self, text):
        for word in (*PRIVATE, self.password()):
            self.assertNotIn(word, text)

    def password(self):
        return sa.make_url(
            self.service.conf.database.connection).password or 'a password'

    def assertWorks(self):
        message = self.record()
        self.assertIsNotNone(message, self.log.output)
        self.assertIn(message.id, [
            row['id'] for row in samples.stored(self.service.db)])

    def assertUnavailable(self):
        for call in (
                functools.partial(self.api.get, samples.request(),
                                  samples.VOLUME),
                functools.partial(self.api.get_all, samples.request()),
                functools.partial(self.api.delete, samples.request(),
                                  samples.VOLUME),
                self.api.cleanup_expired_messages):
            self.assertRaises(exception.DatabaseUnavailable, call)
        self.assertNothingPrivate(self.log.output)


class TestServer(Faults, databases.TestCase):

    scenarios = [
        ('mariadb', {'factory': servers.MariaDB}),
        ('postgresql', {'factory': servers.PostgreSQL})]

    def setUp(self):
        super().setUp()
        self.database_server = servers.require(
            functools.partial(_start_server, self.factory))
        url = self.database_server.create_database()
        self.addCleanup(self.database_server.drop_database, url)
        self.use(self.runtime(database={'connection': url}))

    @contextlib.contextmanager
    def frozen(self):
        self.database_server.freeze()
        try:
            yield
        finally:
            self.database_server.thaw()

    def wait_until_it_works(self):
        """Wait for the server, which is slow after it was frozen."""
        end = time.monotonic() + 120
        while (message := self.record()) is None:
            self.assertLess(time.monotonic(), end, self.log.output)
        self.assertIsNotNone(message)

    def test_server_that_never_ran_is_reported(self):
        url = sa.make_url(self.service.conf.database.connection).set(
            port=servers.free_port())
        self.use(self.runtime(
            tables=False,
            database={'connection': url.render_as_string(False)}))
        self.assertFails('The service cannot reach its database')
        self.assertFails()
        self.assertRegex(self.log.output, '127.0.0.1.*refused')
        self.assertUnavailable()

    def test_recording_works_after_server_restart(self):
        self.assertWorks()
        self.database_server.kill()
        try:
            self.assertFails('The service cannot reach its database')
            self.assertUnavailable()
        finally:
            self.database_server.start()
        self.assertWorks()

    def test_open_reader_survives_server_kill(self):
        try:
            (status, output, errors), = processes.run_at_once(
                _READ, [[str(self.home / 'usermsg.conf')]],
                self.database_server.kill)
        finally:
            self.database_server.kill()
            self.database_server.start()
        # The rows were read already. The next reader gets the error.
        self.assertEqual((0, '', ''), (status, output, errors))

    def test_restart_between_two_messages_loses_none(self):
        self.assertWorks()
        self.database_server.kill()
        self.database_server.start()
        self.assertWorks()

    def test_call_times_out_if_server_freezes(self):
        self.assertWorks()
        with self.frozen():
            self.assertGivenUp('no response')
        self.wait_until_it_works()

    def test_first_connection_times_out_if_server_is_frozen(self):
        self.service.db.dispose()
        with self.frozen():
            self.assertGivenUp('no response')
        self.wait_until_it_works()

    def test_call_fails_if_all_threads_wait_for_frozen_server(self):
        self.assertWorks()
        # Threads of other APIs remain.
        others = set(threading.enumerate())
        with self.frozen():
            threads = [threading.Thread(target=self.record,
                                        args=(self.short_timeout_api,),
                                        daemon=True)
                       for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.failed = 16
            self.assertGivenUp('no free thread')
            self.assertEqual(16, sum(
                thread.name == 'usermsg-record'
                for thread in set(threading.enumerate()) - others))
        self.wait_until_it_works()

    def test_process_with_pending_call_can_exit(self):
        try:
            (status, output, errors), = processes.run_at_once(
                _EXIT, [[str(self.home / 'usermsg.conf'), str(TIMEOUT)]],
                before=self.database_server.freeze)
        finally:
            self.database_server.thaw()
        self.assertEqual((0, 'None'), (status, output.strip()), errors)
        self.assertIn('no response within', errors)
        self.assertNothingPrivate(errors)


class TestTables(Faults, databases.TestCase):

    def test_missing_tables_are_reported(self):
        self.use(self.runtime(tables=False))
        self.assertFails('The service cannot reach its database')
        self.assertIn('usermsg-manage db sync', self.log.output)
        self.assertUnavailable()
        models.metadata.create_all(self.service.db.engine())
        self.assertWorks()


class TestFile(Faults, base.TestCase):
    """Files of SQLite."""

    def test_locked_file_blocks_only_writers(self):
        self.use(self.runtime())
        self.assertWorks()
        other = sqlite3.connect(self.home / 'usermsg.sqlite',
                                isolation_level=None)
        self.addCleanup(other.close)
        other.execute('BEGIN IMMEDIATE')
        self.assertGivenUp('no response')
        # Readers are not blocked.
        self.assertEqual([], self.api.get_all(samples.request()).objects)
        other.execute('ROLLBACK')
        self.assertWorks()

    def test_missing_directory_is_reported(self):
        url = f'sqlite:///{self.home}/later/usermsg.sqlite'
        self.use(self.runtime(tables=False, database={'connection': url}))
        self.assertFails('The service cannot reach its database')
        self.assertIn(
            f'unable to open database file {self.home}/later/usermsg.sqlite '
            f'([database] connection)', self.log.output)
        self.assertUnavailable()
        (self.home / 'later').mkdir()
        models.metadata.create_all(self.service.db.engine())
        self.assertWorks()

    def test_read_only_file_can_be_read(self):
        self.runtime()
        path = self.home / 'usermsg.sqlite'
        self.use(self.runtime(tables=False, database={
            'connection': f'sqlite:///file:{path}?mode=ro&uri=true'}))
        self.assertFails('The service cannot reach its database')
        self.assertIn('readonly database', self.log.output)
        self.assertEqual([], self.api.get_all(samples.request()).objects)

    def test_file_that_is_not_a_database_is_reported(self):
        self.write('usermsg.sqlite', 'a' * 10000)
        self.use(self.runtime(tables=False))
        self.assertFails('The service cannot reach its database')
        self.assertUnavailable()

    def test_full_disk_loses_no_stored_message(self):
        self.use(self.runtime())
        (status, output, errors), = processes.run_at_once(
            _FULL_DISK, [[str(self.home / 'usermsg.conf')]])
        self.assertEqual(0, status, errors)
        *stored, failed, last = output.split()
        self.assertEqual('None', failed)
        self.assertNotEqual('None', last)
        self.assertIn('could not be recorded', errors)
        self.assertNothingPrivate(errors)
        self.assertEqual([*stored, last], [
            row['id'] for row in samples.stored(self.service.db)])


class TestDeadline(base.TestCase):

    def setUp(self):
        super().setUp()
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def hang(self):
        self.release.wait(60)

    def test_call_returns_result_or_raises_error(self):
        bound = bounded_call.Deadline(60)
        self.assertEqual('a result', bound.run(lambda: 'a result'))
        for error in (ValueError, SystemExit):
            self.assertRaises(error, bound.run, functools.partial(
                self.fail_with, error))

    def fail_with(self, error):
        raise error()

    def test_call_that_hangs_times_out(self):
        bound = bounded_call.Deadline(0.1)
        self.assertRaises(bounded_call.CallTimeout, bound.run, self.hang)

    def test_threads_are_free_after_late_completion(self):
        bound = bounded_call.Deadline(0.1, max_calls=2)
        for _ in range(2):
            self.assertRaises(bounded_call.CallTimeout, bound.run, self.hang)
        error = self.assertRaises(bounded_call.CallTimeout, bound.run,
                                  lambda: 1)
        self.assertIn('no free thread', str(error))
        self.release.set()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(bounded_call.CallTimeout):
                return self.assertEqual(1, bound.run(lambda: 1))
        self.fail('no thread was freed')

    def test_forked_child_has_free_threads(self):
        (status, output, errors), = processes.run_at_once(_FORK, [[]])
        self.assertEqual((0, '7\n', ''), (status, output, errors))

    def test_thread_that_cannot_start_uses_no_slot(self):
        bound = bounded_call.Deadline(10, max_calls=1)
        size = threading.stack_size(1 << 46)
        try:
            self.assertRaises(RuntimeError, bound.run, lambda: 1)
        finally:
            threading.stack_size(size)
        self.assertEqual(1, bound.run(lambda: 1))
