# SPDX-License-Identifier: Apache-2.0
"""Removal of rows by one or several reapers."""

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


#: Seconds, far longer than any step of these tests.
LONG = 120

#: More than two batches.
MANY = 1200


class RecordingEvent(threading.Event):
    """Event that isn't waited for, and records the timeouts."""

    def __init__(self):
        super().__init__()
        self.timeouts = []

    def wait(self, timeout=None):
        self.timeouts.append(timeout)
        return self.is_set()


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            'usermsg', format='%(levelname)s %(message)s'))
        self.stop = threading.Event()

    def reaper(self, tables=False, limit=0, clock=time.monotonic, **options):
        """Return a reaper as on another host; sets ``self.service``."""
        self.service = self.runtime(
            tables=tables, reaper={'batch_delay': 0, **options},
            messages={'max_per_project': limit})
        return reaper.Reaper(self.service, clock)

    def start(self, reap):
        """Run a reaper in a thread until the test ends."""
        thread = threading.Thread(target=reap.run, args=(self.stop,))
        thread.start()
        self.addCleanup(thread.join, LONG)
        self.addCleanup(self.stop.set)
        return thread

    def wait_until(self, condition, thread):
        """Wait for an effect of a reaper in a thread."""
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


class TestRun(TestCase):

    def test_run_removes_counts_and_logs(self):
        reap = self.reaper(tables=True)
        kept = expiry.rows(3, expiry.DAY)
        samples.insert(self.service.db, expiry.rows(
            MANY, 31 * expiry.DAY) + kept)
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(self.service.db, [
            expiry.key('old', now - expiry.SECOND),
            expiry.key('new', now + expiry.DAY)], models.source_keys)
        samples.insert(self.service.db, [
            {'id': str(number), 'digest': str(number), 'reason': 'A reason.',
             'transport': 'default', 'body': '{}',
             'received_at': expires_at.replace(tzinfo=None),
             'expires_at': expires_at.replace(tzinfo=None)}
            for number, expires_at in enumerate(
                (now - expiry.SECOND, now + expiry.DAY))],
            models.dead_letters)
        samples.insert(self.service.db, [
            expiry.read_mark(now - expiry.SECOND, user_id='old'),
            expiry.read_mark(now + expiry.DAY, user_id='new')],
            models.read_marks)
        self.assertEqual({'expired': MANY, 'evicted': 0,
                          'expired_source_keys': 1,
                          'expired_read_marks': 1,
                          'expired_dead_letters': 1,
                          'expired_observations': 0,
                          'expired_resource_states': 0, 'forgotten': 0},
                         reap.reap(self.stop))
        self.assertEqual([row['id'] for row in kept], self.ids())
        self.assertEqual(['new'], [row['source_id'] for row in samples.stored(
            self.service.db, models.source_keys)])
        self.assertEqual(['new'], [row['user_id'] for row in samples.stored(
            self.service.db, models.read_marks)])
        self.assertEqual(['1'], [row['id'] for row in samples.stored(
            self.service.db, models.dead_letters)])
        self.assertEqual(
            (MANY, 0, 1), (self.counted('messages_expired'),
                           self.counted('messages_evicted'),
                           self.counted('source_keys_expired')))
        self.assertIn(f'INFO Removed {MANY} expired messages, 1 expired '
                      'source keys, 1 expired read marks, 1 expired dead '
                      'letters\n', self.log.output)

    def test_metric_has_time_of_last_finished_run(self):
        other, reap = self.reaper(tables=True), self.reaper(batch_size=100)
        samples.insert(self.service.db, expiry.rows(150, 31 * expiry.DAY))
        self.assertEqual(0, self.last_success(reap))
        # A run that ended early doesn't count.
        self.stop.set()
        reap.reap(self.stop)
        self.assertEqual(0, self.last_success(reap))
        self.stop.clear()
        before = time.time()
        reap.reap(self.stop)
        self.assertTrue(before <= self.last_success(reap) <= time.time())
        # The run of another reaper doesn't count.
        other.reap(self.stop)
        self.assertEqual(0, self.last_success(other))

    def last_success(self, reap):
        registry = core.CollectorRegistry()
        registry.register(reap)
        return registry.get_sample_value(
            'usermsg_reaper_last_success_timestamp_seconds')

    def test_transaction_removes_at_most_a_batch(self):
        reap = self.reaper(tables=True, batch_size=100)
        samples.insert(self.service.db, expiry.rows(250, 31 * expiry.DAY))
        seen = []
        sa.event.listen(
            self.service.db.engine(), 'after_cursor_execute',
            lambda connection, cursor, statement, *_:
            statement.startswith('DELETE') and seen.append(cursor.rowcount))
        reap.reap(self.stop)
        self.assertEqual([100, 100, 50], seen)

    def test_delay_follows_slow_batches_and_partial_ones(self):
        self.reaper(tables=True)
        samples.insert(self.service.db, expiry.rows(
            450, 31 * expiry.DAY))
        # Two times for each batch: it starts, it ends. The last start is that
        # of the search that finds no more rows.
        times = [0, 0.049, 10, 10.051, 20, 20.001, 30, 30.001, 40, 40.001, 50]
        stop = RecordingEvent()
        reap = self.reaper(
            batch_size=100, batch_delay=60,
            clock=iter([*times, *[60] * 10]).__next__)
        self.assertEqual(450, reap.reap(stop)['expired'])
        self.assertEqual([0, 60, 0, 0, 60], stop.timeouts)

    def test_search_of_many_projects_writes_nothing(self):
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

    def test_stopped_run_ends_after_batch_and_next_continues(self):
        reap = self.reaper(tables=True, batch_size=100)
        samples.insert(self.service.db, expiry.rows(250, 31 * expiry.DAY))
        self.stop.set()
        self.assertEqual(100, reap.reap(self.stop)['expired'])
        self.stop.clear()
        self.assertEqual(150, reap.reap(self.stop)['expired'])
        self.assertEqual([], self.ids())

    def test_expiry_follows_the_clock_of_the_database(self):
        reap = self.reaper(tables=True)
        now = clock.read(self.service.db)
        samples.insert(self.service.db, [
            samples.row(now - 30 * expiry.DAY - expiry.SECOND),
            samples.row(now - 30 * expiry.DAY + 300 * expiry.SECOND)])
        self.assertEqual(1, reap.reap(self.stop)['expired'])


class TestLease(TestCase):

    busy_timeout = 30

    def test_reaper_without_lease_removes_nothing(self):
        first = self.reaper(tables=True)
        second = self.reaper()
        samples.insert(self.service.db, expiry.rows(3, 31 * expiry.DAY))
        self.assertEqual(3, first.reap(self.stop)['expired'])
        samples.insert(self.service.db, expiry.rows(3, 31 * expiry.DAY))
        self.assertIsNone(second.reap(self.stop))
        self.assertEqual(3, len(self.ids()))
        self.assertEqual(3, first.reap(self.stop)['expired'])

    def test_concurrent_reapers_remove_each_row_once(self):
        reapers = [self.reaper(tables=True), self.reaper()]
        samples.insert(self.service.db, expiry.rows(MANY, 31 * expiry.DAY))
        ready = threading.Barrier(2)

        def reap(one):
            ready.wait(60)
            return one.reap(self.stop)

        with futures.ThreadPoolExecutor(2) as threads:
            results = list(threads.map(reap, reapers))
        self.assertIn(None, results)
        self.assertEqual(
            [MANY], [result['expired'] for result in results if result])
        self.assertEqual([], self.ids())

    def test_ended_reaper_releases_its_lease(self):
        first, second = self.reaper(tables=True), self.reaper(interval=3600)
        thread = self.start(second)
        self.wait_until(
            lambda: 'holds the reaper lease' in self.log.output, thread)
        self.assertIsNone(first.reap(threading.Event()))
        self.stop.set()
        thread.join(LONG)
        self.assertFalse(thread.is_alive())
        self.assertIsNotNone(first.reap(threading.Event()))

    def test_lost_lease_ends_the_run(self):
        reap = self.reaper(tables=True, batch_size=100)
        other = lease.Lease(self.service.db, 'reaper', 300)
        samples.insert(self.service.db, expiry.rows(250, 31 * expiry.DAY))
        seen = []

        def freeze(_connection, _cursor, statement, *_):
            # The lease expires and another process acquires it before the
            # second batch is selected.
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

    def test_reaper_continues_after_failed_run(self):
        reap = self.reaper(interval=1)  # without tables
        thread = self.start(reap)
        self.wait_until(
            lambda: 'The database cannot be used' in self.log.output, thread)
        models.metadata.create_all(self.service.db.engine())
        samples.insert(self.service.db, expiry.rows(3, 31 * expiry.DAY))
        self.wait_until(lambda: not self.ids(), thread)
        self.assertNotIn('Traceback', self.log.output)


class TestLimit(TestCase):

    def test_limit_keeps_the_newest_messages(self):
        reap = self.reaper(tables=True, limit=10, batch_size=7)
        many, few = expiry.rows(35, expiry.DAY), expiry.rows(
            10, expiry.DAY, project_id='few')
        samples.insert(self.service.db, many + few)
        self.assertEqual(25, reap.reap(self.stop)['evicted'])
        self.assertEqual(sorted(row['id'] for row in many[25:] + few),
                         self.ids())
        self.assertEqual(25, self.counted('messages_evicted'))
        self.assertEqual(0, reap.reap(self.stop)['evicted'])

    def test_zero_limit_evicts_nothing(self):
        reap = self.reaper(tables=True)
        samples.insert(self.service.db, expiry.rows(30, expiry.DAY))
        self.assertEqual(0, reap.reap(self.stop)['evicted'])
        self.assertEqual(30, len(self.ids()))

    def test_expired_messages_are_removed_before_eviction(self):
        reap = self.reaper(tables=True, limit=10)
        kept = expiry.rows(10, expiry.DAY)
        samples.insert(self.service.db, expiry.rows(
            20, 31 * expiry.DAY) + kept)
        removed = reap.reap(self.stop)
        self.assertEqual((20, 0), (removed['expired'], removed['evicted']))
        self.assertEqual([row['id'] for row in kept], self.ids())

    def test_limit_applies_to_every_project_of_an_index_step(self):
        self.useFixture(fixtures.MonkeyPatch('usermsg.db.index_scan.STEP', 7))
        reap = self.reaper(tables=True, limit=3)
        numbers = [1, 3, 4, 2, 20, 7, 1, 8, 3, 14, 6, 5]
        projects = [expiry.rows(number, expiry.DAY,
                                project_id=f'project-{index:02}')
                    for index, number in enumerate(numbers)]
        samples.insert(self.service.db, sum(projects, []))
        self.assertEqual(sum(max(0, number - 3) for number in numbers),
                         reap.reap(self.stop)['evicted'])
        self.assertEqual(
            sorted(row['id'] for rows in projects for row in rows[-3:]),
            self.ids())

    def test_eviction_ignores_messages_recorded_meanwhile(self):
        self.reaper(tables=True)
        database = self.service.db
        old = expiry.rows(5, expiry.DAY)
        samples.insert(database, old)
        rows = removal.over_limit(database, samples.PROJECT, 3)
        new = expiry.rows(5, expiry.SECOND)
        samples.insert(database, new)
        self.assertEqual(2, sum(removal.remove(database, rows)))
        self.assertEqual([row['id'] for row in old[2:] + new], self.ids())
        self.assertIsNone(removal.over_limit(database, samples.PROJECT, 8))


class TestPlans(TestCase):

    def test_every_removal_uses_its_index(self):
        self.reaper(tables=True)
        database = self.service.db
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(database, expiry.rows(3000, 31 * expiry.DAY))
        samples.insert(database, [expiry.key(str(number), now - expiry.DAY)
                                  for number in range(3000)],
                       models.source_keys)
        for rows, index in (
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
            self.assertEqual(500, next(removal.remove(database, rows)))
            next(rows.count(database))
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
                        # Any index of a project is accepted: the planner's
                        # choice depends on the current statistics.
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


class TestIndexScan(TestCase):

    def test_index_steps_cover_each_row_once(self):
        self.useFixture(fixtures.MonkeyPatch('usermsg.db.index_scan.STEP', 7))
        self.reaper(tables=True)
        for number in (0, 1, 6, 7, 8, 13, 14, 15):
            samples.insert(self.service.db, expiry.rows(
                number, expiry.DAY, project_id=f'project-{number}'))
            self.assertEqual(number, sum(index_scan.Rows(
                models.messages.c.id, 'messages_project_id_idx',
                (models.messages.c.project_id == f'project-{number}',)
            ).count(self.service.db)))
        # Many messages with the same expiry.
        moment = samples.START.replace(tzinfo=None)
        samples.insert(self.service.db, [
            samples.row(expires_at=moment) for _ in range(20)])
        self.assertEqual(20, sum(removal.expired(
            samples.START + expiry.SECOND).count(self.service.db)))


class TestTimeToLive(TestCase):

    def test_ttl_of_each_level(self):
        service = self.runtime(messages={
            'ttl': 1000, 'ttl_info': 100, 'ttl_error': 5000})
        api = message_api.API(service)
        for level, seconds in (('INFO', 100), ('info', 100), ('WARN', 1000),
                               ('ERROR', 5000)):
            message = samples.record(api, level=level)
            self.assertEqual(datetime.timedelta(seconds=seconds),
                             message.expires_at - message.created_at, level)
