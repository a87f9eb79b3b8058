# SPDX-License-Identifier: Apache-2.0
"""Connections that were lost, and the statements that a SELECT sends."""

from concurrent import futures
import threading
import time

import fixtures
import sqlalchemy as sa

from usermsg.db import engine
from usermsg.db import models
from usermsg.db import statement
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples

_KILL = {
    'mysql': 'SELECT ID FROM information_schema.PROCESSLIST '
             'WHERE DB = DATABASE() AND ID <> CONNECTION_ID()',
    'postgresql': 'SELECT pg_terminate_backend(pid, 10000) '
                  'FROM pg_stat_activity WHERE datname = '
                  'current_database() AND pid <> pg_backend_pid()'}


class TestCase(databases.TestCase):

    # SQLite has no server.
    scenarios = databases.SCENARIOS[1:]

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.db = self.service.db
        self.api = message_api.API(self.service)
        self.other = sa.create_engine(self.url, poolclass=sa.pool.NullPool)

    def get_all(self):
        return [item.id for item in self.api.get_all(samples.request())]


class TestLostConnections(TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def open(self, number):
        """Leave a number of connections in the pool."""
        connections = [self.db.engine().connect() for _ in range(number)]
        for connection in connections:
            connection.close()

    def kill(self):
        """Let the server close all connections of the service."""
        with self.other.connect() as connection:
            rows = connection.exec_driver_sql(_KILL[self.db.dialect]).all()
            if self.db.dialect == 'mysql':
                for number, in rows:
                    connection.exec_driver_sql(f'KILL {number}')
        self.assertNotEqual([], rows)

    def test_reads_use_a_new_connection(self):
        stored = samples.record(self.api)
        self.open(3)
        for _round in range(2):
            self.kill()
            self.assertEqual([stored.id], self.get_all())
            self.assertEqual([stored.id], self.get_all())
            self.kill()
            self.assertEqual([stored.id], [
                row['id'] for row in samples.stored(self.db)])
        self.assertNotIn('cannot be used', self.log.output)

    def test_threads_that_lose_connections_keep_their_pool(self):
        # Another pool would leave new connections open in the former one.
        stored = samples.record(self.api)
        self.open(4)
        pool = self.db.engine().pool
        self.kill()
        barrier = threading.Barrier(4)

        def read(_number):
            barrier.wait()
            return self.get_all()

        with futures.ThreadPoolExecutor(4) as threads:
            self.assertEqual([[stored.id]] * 4, list(
                threads.map(read, range(4))))
        self.assertIs(pool, self.db.engine().pool)
        self.db.dispose()
        self.assertEqual(0, pool.checkedout())

    def test_writes_use_a_new_connection(self):
        self.open(3)
        for _round in range(2):
            self.kill()
            self.assertIsNotNone(samples.record(self.api), self.log.output)
            self.assertIsNotNone(samples.record(self.api), self.log.output)
        self.assertEqual(4, len(self.get_all()))
        self.assertNotIn('cannot be used', self.log.output)

    def test_transaction_in_which_the_connection_is_lost_is_not_repeated(
            self):
        calls = []

        def work(connection):
            calls.append(connection)
            connection.execute(models.messages.insert(), samples.row())
            self.kill()
            connection.execute(models.messages.insert(), samples.row())

        self.assertRaises(
            exception.DatabaseUnavailable, self.db.write, work)
        self.assertEqual(1, len(calls))
        self.assertEqual([], self.get_all())


class TestKeptConnections(TestCase):

    scenarios = databases.SCENARIOS

    def setUp(self):
        super().setUp()
        samples.record(self.api)
        self.returned = []
        sa.event.listen(self.db.engine(), 'checkin', lambda *arguments:
                        self.returned.append(arguments))

    def test_reads_use_the_same_connection_without_the_pool(self):
        for _read in range(3):
            self.assertEqual(1, len(self.get_all()))
        self.assertEqual([], self.returned)

    def test_connection_is_returned_after_a_while(self):
        self.get_all()
        time.sleep(engine.KEPT + 0.05)
        self.get_all()
        self.assertEqual(1, len(self.returned))

    def test_connection_is_returned_after_another_was_lost(self):
        self.get_all()
        with self.db.engine().connect() as connection:
            connection.invalidate()
        del self.returned[:]
        self.get_all()
        self.assertEqual(1, len(self.returned))

    def test_connection_is_kept_after_many_were_open(self):
        number = self.db.engine().pool.size() + 1
        connections = [self.db.engine().connect() for _ in range(number)]
        self.get_all()
        for connection in connections:
            connection.close()
        samples.record(self.api)
        self.get_all()
        del self.returned[:]
        self.get_all()
        self.assertEqual([], self.returned)

    def test_transaction_needs_no_further_connection(self):
        self.get_all()
        samples.record(self.api)
        pool = self.db.engine().pool
        self.assertEqual(
            (1, 0), (pool.checkedin(), pool.checkedout()))

    def test_disposal_closes_it(self):
        self.get_all()
        pool = self.db.engine().pool
        self.db.dispose()
        self.assertEqual(0, pool.checkedout())

    def test_small_pool_keeps_none_from_other_threads(self):
        service = self.runtime(database={
            'max_pool_size': 1, 'max_overflow': 0, 'pool_timeout': 1})
        self.addCleanup(service.db.dispose)
        api = message_api.API(service)
        with futures.ThreadPoolExecutor(4) as threads:
            results = list(threads.map(
                lambda number: samples.record(api) if number % 2 else
                api.get_all(samples.request()), range(40)))
        self.assertNotIn(None, results)

    def test_failed_statement_keeps_none(self):
        self.get_all()
        query = statement.Select(sa.text('SELECT nothing').columns(
            sa.column('nothing', sa.String)))
        self.assertRaises(
            exception.DatabaseUnavailable, self.db.select, query, {})
        self.assertEqual(0, self.db.engine().pool.checkedout())


#: SELECT of the statements that this session has sent, and of the last one.
_SENT = {
    'mysql': 'SELECT VARIABLE_VALUE, NULL '
             'FROM information_schema.SESSION_STATUS '
             'WHERE VARIABLE_NAME = \'QUESTIONS\'',
    'postgresql': 'SELECT 0, query FROM pg_stat_activity '
                  'WHERE datname = current_database() AND '
                  'pid <> pg_backend_pid()'}


class TestTransactions(TestCase):

    def test_list_is_one_statement(self):
        self.get_all()
        if self.db.dialect == 'mysql':
            query = statement.Select(sa.text(_SENT['mysql']).columns(
                sa.column('number', sa.String), sa.column('none', sa.String)))
            [[before, _none]] = self.db.select(query, {})
            self.get_all()
            [[after, _none]] = self.db.select(query, {})
            self.assertEqual(int(before) + 2, int(after))
        else:
            # Neither a test of the connection nor the end of a transaction
            # follows.
            with self.other.connect() as connection:
                [[_number, last]] = connection.exec_driver_sql(
                    _SENT['postgresql']).all()
            self.assertRegex(last, '^SELECT messages')

    def test_read_sees_what_others_have_committed_since(self):
        for _round in range(3):
            samples.insert(self.db, [samples.row()])
            self.assertEqual(1, len(self.get_all()))
            with self.other.begin() as connection:
                connection.execute(sa.text('DELETE FROM messages'))
            self.assertEqual([], self.get_all())

    def test_transaction_that_fails_is_rolled_back(self):
        def work(connection):
            connection.execute(models.messages.insert(), samples.row())
            raise ZeroDivisionError()

        self.assertRaises(ZeroDivisionError, self.db.write, work)
        self.assertEqual([], self.get_all())
        with self.other.connect() as connection:
            self.assertEqual([], connection.execute(
                sa.select(models.messages)).all())

    def test_connection_that_is_not_committed_is_rolled_back(self):
        connection = self.db.engine().connect()
        connection.execute(models.messages.insert(), samples.row())
        connection.connection.close()
        self.assertEqual([], self.get_all())
        # Nor does a later transaction commit it.
        samples.record(self.api)
        self.assertEqual(1, len(self.get_all()))

    def test_isolation_level_of_one_use_ends_with_it(self):
        for _use in range(2):
            with self.db.engine().connect().execution_options(
                    isolation_level='AUTOCOMMIT') as connection:
                connection.execute(models.messages.insert(), samples.row())
            self.assertNotEqual([], self.get_all())
        self.assertRaises(
            ZeroDivisionError, self.db.write, lambda connection:
            connection.execute(models.messages.delete()) and 1 / 0)
        self.assertEqual(2, len(self.get_all()))
