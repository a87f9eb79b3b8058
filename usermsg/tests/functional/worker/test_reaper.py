# SPDX-License-Identifier: Apache-2.0
"""The reaper: what it removes, and how it keeps out of others' way."""

from concurrent import futures
import datetime
import threading
import time

import fixtures
from prometheus_client import core
import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import index_scan
from usermsg.db import lease
from usermsg.db import models
from usermsg.message import api as message_api
from usermsg.objects import removal
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import samples
from usermsg.worker import reaper


#: Seconds; far longer than anything here takes.
LONG = 120

#: More than two batches.
MANY = 1200


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            'usermsg', format='%(levelname)s %(message)s'))
        self.stop = threading.Event()

    def reaper(self, tables=False, limit=0, **options):
        """One, as on a host of its own; its runtime is ``self.service``."""
        self.service = self.runtime(
            tables=tables, reaper={'batch_delay': 0, **options},
            messages={'max_per_project': limit})
        return reaper.Reaper(self.service)

    def run_it(self, reap):
        """Let it reap, in a thread, until the test has ended."""
        thread = threading.Thread(target=reap.run, args=(self.stop,))
        thread.start()
        self.addCleanup(thread.join, LONG)
        self.addCleanup(self.stop.set)
        return thread

    def wait_until(self, condition, thread):
        """Wait for what a reaper in a thread does."""
        end = time.monotonic() + LONG
        while not condition():
            self.assertTrue(thread.is_alive())
            self.assertLess(time.monotonic(), end, self.log.output)
            time.sleep(0.01)

    def ids(self):
        return [row['id'] for row in samples.stored(self.service.db)]

    def counted(self, name):
        return self.service.metrics.registry.get_sample_value(
            f'usermsg_{name}_total')


class TestRound(TestCase):

    def test_it_removes_counts_and_says_so(self):
        reap = self.reaper(tables=True)
        kept = expiry.rows(3, expiry.DAY)
        samples.insert(self.service.db, expiry.rows(
            MANY, 31 * expiry.DAY) + kept)
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(self.service.db, [
            expiry.key('old', now - expiry.SECOND),
            expiry.key('new', now + expiry.DAY)], models.source_keys)
        self.assertEqual({'expired': MANY, 'evicted': 0,
                          'expired_source_keys': 1}, reap.reap(self.stop))
        self.assertEqual([row['id'] for row in kept], self.ids())
        self.assertEqual(['new'], [row['source_id'] for row in samples.stored(
            self.service.db, models.source_keys)])
        self.assertEqual(
            (MANY, 0, 1), (self.counted('messages_expired'),
                           self.counted('messages_evicted'),
                           self.counted('source_keys_expired')))
        self.assertIn(f'INFO Removed {MANY} expired messages, 0 messages '
                      f'beyond max_per_project and 1 expired source keys',
                      self.log.output)

    def test_it_shows_when_it_last_finished_a_round(self):
        other, reap = self.reaper(tables=True), self.reaper(batch_size=100)
        samples.insert(self.service.db, expiry.rows(150, 31 * expiry.DAY))
        self.assertEqual(0, self.shown(reap))
        # A round that something ended early isn't one.
        self.stop.set()
        reap.reap(self.stop)
        self.assertEqual(0, self.shown(reap))
        self.stop.clear()
        before = time.time()
        reap.reap(self.stop)
        self.assertTrue(before <= self.shown(reap) <= time.time())
        # It was another's.
        other.reap(self.stop)
        self.assertEqual(0, self.shown(other))

    def shown(self, reap):
        registry = core.CollectorRegistry()
        registry.register(reap)
        return registry.get_sample_value(
            'usermsg_reaper_last_success_timestamp_seconds')

    def test_no_transaction_removes_more_than_a_batch(self):
        reap = self.reaper(tables=True, batch_size=100)
        samples.insert(self.service.db, expiry.rows(250, 31 * expiry.DAY))
        seen = []
        sa.event.listen(
            self.service.db.engine(), 'after_cursor_execute',
            lambda connection, cursor, statement, *_:
            statement.startswith('DELETE') and seen.append(cursor.rowcount))
        reap.reap(self.stop)
        self.assertEqual([100, 100, 50], seen)

    def test_looking_at_many_projects_writes_nothing(self):
        reap = self.reaper(tables=True, limit=1)
        samples.insert(self.service.db, [
            samples.row(datetime.datetime.now(datetime.timezone.utc),
                        project_id=f'p{number}') for number in range(200)])
        seen = []
        sa.event.listen(
            self.service.db.engine(), 'after_cursor_execute',
            lambda connection, cursor, statement, *_:
            statement.startswith('UPDATE') and seen.append(statement))
        reap.reap(self.stop)
        self.assertLess(len(seen), 10)

    def test_it_stops_after_a_batch_and_goes_on_later(self):
        reap = self.reaper(tables=True, batch_size=100)
        samples.insert(self.service.db, expiry.rows(250, 31 * expiry.DAY))
        self.stop.set()
        self.assertEqual(100, reap.reap(self.stop)['expired'])
        self.stop.clear()
        self.assertEqual(150, reap.reap(self.stop)['expired'])
        self.assertEqual([], self.ids())

    def test_the_clock_of_the_database_decides(self):
        reap = self.reaper(tables=True)
        now = clock.read(self.service.db)
        samples.insert(self.service.db, [
            samples.row(now - 30 * expiry.DAY - expiry.SECOND),
            samples.row(now - 30 * expiry.DAY + 300 * expiry.SECOND)])
        self.assertEqual(1, reap.reap(self.stop)['expired'])


class TestSeveral(TestCase):

    busy_timeout = 30

    def test_only_one_reaps(self):
        first = self.reaper(tables=True)
        second = self.reaper()
        samples.insert(self.service.db, expiry.rows(3, 31 * expiry.DAY))
        self.assertEqual(3, first.reap(self.stop)['expired'])
        samples.insert(self.service.db, expiry.rows(3, 31 * expiry.DAY))
        self.assertIsNone(second.reap(self.stop))
        self.assertEqual(3, len(self.ids()))
        self.assertEqual(3, first.reap(self.stop)['expired'])

    def test_two_at_once_remove_each_row_once(self):
        reapers = [self.reaper(tables=True), self.reaper()]
        samples.insert(self.service.db, expiry.rows(MANY, 31 * expiry.DAY))
        ready = threading.Barrier(2)

        def reap(one):
            ready.wait(60)
            return one.reap(self.stop)

        with futures.ThreadPoolExecutor(2) as threads:
            found = list(threads.map(reap, reapers))
        self.assertIn(None, found)
        self.assertEqual([MANY], [one['expired'] for one in found if one])
        self.assertEqual([], self.ids())

    def test_another_takes_over_from_one_that_has_ended(self):
        first, second = self.reaper(tables=True), self.reaper(interval=3600)
        thread = self.run_it(second)
        self.wait_until(lambda: 'reaps' in self.log.output, thread)
        self.assertIsNone(first.reap(threading.Event()))
        self.stop.set()
        thread.join(LONG)
        self.assertFalse(thread.is_alive())
        self.assertIsNotNone(first.reap(threading.Event()))

    def test_who_loses_the_lease_removes_nothing_more(self):
        reap = self.reaper(tables=True, batch_size=100)
        other = lease.Lease(self.service.db, 'reaper', 300)
        samples.insert(self.service.db, expiry.rows(250, 31 * expiry.DAY))
        seen = []

        def freeze(_connection, _cursor, statement, *_):
            # As if time had passed and another had taken over meanwhile,
            # before the second batch is chosen.
            if statement.startswith('SELECT messages'):
                seen.append(statement)
                if len(seen) == 2:
                    with self.service.db.engine().begin() as connection:
                        connection.execute(models.leases.update().values(
                            until=clock.now(self.service.db.dialect, -1)))
                    self.assertTrue(other.acquire())

        sa.event.listen(self.service.db.engine(), 'before_cursor_execute',
                        freeze)
        self.assertRaises(lease.LeaseLost, reap.reap, self.stop)
        self.assertEqual(150, len(self.ids()))
        self.assertEqual(100, self.counted('messages_expired'))
        self.assertIn('Removed 100 expired', self.log.output)

    def test_a_failed_round_is_not_the_end(self):
        reap = self.reaper(interval=1)  # before there are tables
        thread = self.run_it(reap)
        self.wait_until(
            lambda: 'The database cannot be used' in self.log.output, thread)
        models.metadata.create_all(self.service.db.engine())
        samples.insert(self.service.db, expiry.rows(3, 31 * expiry.DAY))
        self.wait_until(lambda: not self.ids(), thread)
        self.assertNotIn('Traceback', self.log.output)


class TestLimit(TestCase):

    def test_the_newest_stay(self):
        reap = self.reaper(tables=True, limit=10, batch_size=7)
        many, few = expiry.rows(35, expiry.DAY), expiry.rows(
            10, expiry.DAY, project_id='few')
        samples.insert(self.service.db, many + few)
        self.assertEqual(25, reap.reap(self.stop)['evicted'])
        self.assertEqual(sorted(row['id'] for row in many[25:] + few),
                         self.ids())
        self.assertEqual(25, self.counted('messages_evicted'))
        self.assertEqual(0, reap.reap(self.stop)['evicted'])

    def test_no_limit_is_no_limit(self):
        reap = self.reaper(tables=True)
        samples.insert(self.service.db, expiry.rows(30, expiry.DAY))
        self.assertEqual(0, reap.reap(self.stop)['evicted'])
        self.assertEqual(30, len(self.ids()))

    def test_what_has_expired_goes_first(self):
        reap = self.reaper(tables=True, limit=10)
        kept = expiry.rows(10, expiry.DAY)
        samples.insert(self.service.db, expiry.rows(
            20, 31 * expiry.DAY) + kept)
        removed = reap.reap(self.stop)
        self.assertEqual((20, 0), (removed['expired'], removed['evicted']))
        self.assertEqual([row['id'] for row in kept], self.ids())

    def test_every_project_in_every_place_of_a_step(self):
        self.useFixture(fixtures.MonkeyPatch('usermsg.db.index_scan.STEP', 7))
        reap = self.reaper(tables=True, limit=3)
        numbers = [1, 3, 4, 2, 20, 7, 1, 8, 3, 14, 6, 5]
        made = [expiry.rows(number, expiry.DAY,
                            project_id=f'project-{index:02}')
                for index, number in enumerate(numbers)]
        samples.insert(self.service.db, sum(made, []))
        self.assertEqual(sum(max(0, number - 3) for number in numbers),
                         reap.reap(self.stop)['evicted'])
        self.assertEqual(
            sorted(row['id'] for each in made for row in each[-3:]),
            self.ids())

    def test_what_is_recorded_meanwhile_does_not_count(self):
        self.reaper(tables=True)
        database = self.service.db
        old = expiry.rows(5, expiry.DAY)
        samples.insert(database, old)
        found = removal.over_limit(database, samples.PROJECT, 3)
        new = expiry.rows(5, expiry.SECOND)
        samples.insert(database, new)
        self.assertEqual(2, sum(removal.remove(database, found)))
        self.assertEqual([row['id'] for row in old[2:] + new], self.ids())
        self.assertIsNone(removal.over_limit(database, samples.PROJECT, 8))


class TestPlans(TestCase):

    def test_an_index_leads_to_all_that_goes(self):
        self.reaper(tables=True)
        database = self.service.db
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(database, expiry.rows(3000, 31 * expiry.DAY))
        samples.insert(database, [expiry.key(str(number), now - expiry.DAY)
                                  for number in range(3000)],
                       models.source_keys)
        for found, index in (
                (removal.expired(now), 'messages_expires_at_idx'),
                (removal.expired(now, samples.PROJECT),
                 'messages_project_id_idx|messages_project_prefix_id_idx'),
                (removal.older_than(now), 'PRIMARY|messages_pkey|messages_1'),
                (removal.older_than(now, samples.PROJECT),
                 'messages_project_id_idx'),
                (removal.over_limit(database, samples.PROJECT, 100),
                 'messages_project_id_idx'),
                (removal.expired_keys(now), 'source_keys_expires_at_idx'),
                (removal.expired_keys(now, samples.PROJECT),
                 'PRIMARY|source_keys_pkey|source_keys_1')):
            seen = []
            listener = self.listener(seen)
            sa.event.listen(database.engine(), 'before_cursor_execute',
                            listener)
            self.assertEqual(500, next(removal.remove(database, found)))
            next(found.count(database))
            sa.event.remove(database.engine(), 'before_cursor_execute',
                            listener)
            with database.engine().connect() as connection:
                for statement, parameters in seen:
                    plan = connection.exec_driver_sql(
                        ('EXPLAIN QUERY PLAN ' if database.dialect == 'sqlite'
                         else 'EXPLAIN ') + statement, parameters).all()
                    names = index.split('|')
                    if ('messages_project_id_idx' in names and
                            statement.startswith('SELECT count(')):
                        # Any index of a project will do; the planner changes
                        # its mind as statistics come in.
                        names.append('messages_project_')
                    self.assertTrue(any(name in str(plan) for name in names),
                                    f'{statement}\n{plan}')
                    for bad in ('Seq Scan', 'filesort', 'temporary', 'Sort',
                                'TEMP B-TREE'):
                        self.assertNotIn(bad, str(plan), statement)

    @staticmethod
    def listener(seen):
        def listen(_connection, _cursor, statement, parameters, *_):
            if statement.startswith('SELECT'):
                seen.append((statement, parameters))
        return listen


class TestWalk(TestCase):

    def test_steps_meet_each_row_once(self):
        self.useFixture(fixtures.MonkeyPatch('usermsg.db.index_scan.STEP', 7))
        self.reaper(tables=True)
        for number in (0, 1, 6, 7, 8, 13, 14, 15):
            samples.insert(self.service.db, expiry.rows(
                number, expiry.DAY, project_id=f'project-{number}'))
            self.assertEqual(number, sum(index_scan.Rows(
                models.messages.c.id, 'messages_project_id_idx',
                (models.messages.c.project_id == f'project-{number}',)
            ).count(self.service.db)))
        # Many that expire at one moment.
        moment = samples.START.replace(tzinfo=None)
        samples.insert(self.service.db, [
            samples.row(expires_at=moment) for _ in range(20)])
        self.assertEqual(20, sum(removal.expired(
            samples.START + expiry.SECOND).count(self.service.db)))


class TestTimeToLive(TestCase):

    def test_each_level_has_its_own(self):
        service = self.runtime(messages={
            'ttl': 1000, 'ttl_info': 100, 'ttl_error': 5000})
        api = message_api.API(service)
        for level, seconds in (('INFO', 100), ('info', 100), ('WARN', 1000),
                               ('ERROR', 5000)):
            made = samples.record(api, level=level)
            self.assertEqual(datetime.timedelta(seconds=seconds),
                             made.expires_at - made.created_at, level)
