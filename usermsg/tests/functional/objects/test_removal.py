# SPDX-License-Identifier: Apache-2.0
"""Removal of expired messages and source keys."""

from concurrent import futures
import datetime
import threading

import fixtures
import sqlalchemy as sa

from usermsg.db import models
from usermsg.message import api as message_api
from usermsg.objects import message as message_object
from usermsg.objects import removal
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples

#: More than two batches.
MANY = 1200

SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def expiring(times):
    """Return one message for each expiry time."""
    return [samples.row(time - 30 * DAY) for time in times]


def expired(number, step=SECOND):
    end = now() - DAY
    return expiring(end - step * index for index in range(number))


def key(source_id, expires_at):
    return {'project_id': samples.PROJECT, 'source_id': source_id,
            'message_id': '0' * 36, 'digest': '0' * 64,
            'expires_at': expires_at.replace(tzinfo=None)}


def make_older(database, time):
    """Shift the expiry times of all stored rows into the past."""
    for table in (models.messages, models.source_keys):
        primary = list(table.primary_key)
        with database.engine().begin() as connection:
            for row in connection.execute(sa.select(table)).mappings().all():
                connection.execute(
                    table.update()
                    .where(*(column == row[column] for column in primary))
                    .values(expires_at=row['expires_at'] - time))


def before_next_delete(database, work):
    """Call work() after a batch is selected, before it is deleted."""
    pending = [work]

    def intervene(_connection, _cursor, statement, *_):
        if pending and statement.startswith('DELETE'):
            pending.pop()()

    sa.event.listen(database.engine(), 'before_cursor_execute', intervene)


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db
        self.api = message_api.API(self.runtime(tables=False))

    def ids(self):
        return {row['id'] for row in samples.stored(self.db)}


class TestMessages(TestCase):

    def test_cleanup_removes_and_counts_only_expired_messages(self):
        kept = expiring([now() + DAY, now() + 600 * SECOND])
        samples.insert(self.db, expired(3) + kept + expiring([now()]))
        recorded = samples.record(self.api)
        self.assertEqual(4, self.api.cleanup_expired_messages())
        self.assertEqual({row['id'] for row in kept} | {recorded.id},
                         self.ids())
        self.assertEqual(0, self.api.cleanup_expired_messages())

    def test_cleanup_of_several_batches(self):
        kept = expiring(now() + DAY * index for index in range(1, 20))
        samples.insert(self.db, expired(MANY) + kept)
        self.assertEqual(MANY, self.api.cleanup_expired_messages())
        self.assertEqual({row['id'] for row in kept}, self.ids())

    def test_cleanup_of_batches_with_one_expiry_time(self):
        samples.insert(self.db, expired(MANY, step=0 * SECOND))
        self.assertEqual(MANY, self.api.cleanup_expired_messages())
        self.assertEqual(set(), self.ids())

    def test_cleanup_continues_after_interruption(self):
        kept = expiring([now() + DAY])
        rows = sorted(expired(MANY), key=lambda row: row['expires_at'])
        samples.insert(self.db, rows + kept)
        self.assertEqual(
            removal.BATCH,
            next(removal.remove(self.db, removal.expired(now()))))
        # Rows that expired first are removed first.
        self.assertEqual(
            {row['id'] for row in rows[removal.BATCH:] + kept},
            self.ids())
        self.assertEqual(MANY - removal.BATCH,
                         self.api.cleanup_expired_messages())
        self.assertEqual(0, self.api.cleanup_expired_messages())
        self.assertEqual({kept[0]['id']}, self.ids())

    def test_expired_accepts_time_of_any_zone(self):
        samples.insert(self.db, expiring([now() + 3600 * SECOND]))
        for hours in (12, 0, -12):
            zone = datetime.timezone(datetime.timedelta(hours=hours))
            self.assertEqual([], list(removal.remove(
                self.db, removal.expired(now().astimezone(zone)))), hours)
        self.assertEqual([1], list(removal.remove(self.db, removal.expired(
            (now() + 3601 * SECOND).astimezone(zone)))))


class TestSteps(TestCase):
    """Behaviour that is independent of the database."""

    scenarios = databases.SCENARIOS[:1]

    def test_cleanup_of_empty_table_returns_0(self):
        self.assertEqual(0, self.api.cleanup_expired_messages())

    def test_cleanup_ignores_project_of_context(self):
        samples.insert(self.db, [
            {**row, 'project_id': samples.OTHER_PROJECT}
            for row in expired(2)])
        self.assertEqual(
            2, self.api.cleanup_expired_messages(samples.request()))

    def test_expired_message_is_returned_until_removed(self):
        recorded = samples.record(self.api)
        make_older(self.db, 31 * DAY)
        self.assertEqual(
            recorded.id, self.api.get(samples.request(), recorded.id).id)
        self.assertEqual(1, self.api.cleanup_expired_messages())
        self.assertEqual([], self.api.get_all(samples.request()).objects)

    def test_cleanup_of_exactly_one_batch(self):
        samples.insert(self.db, expired(removal.BATCH))
        self.assertEqual(removal.BATCH,
                         self.api.cleanup_expired_messages())
        self.assertEqual(set(), self.ids())


class TestSourceKeys(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.service = self.runtime()
        self.db = self.service.db
        self.api = message_api.API(self.service)

    def record(self):
        return samples.record(self.api, source_id='a key')

    def keys(self):
        return samples.stored(self.db, models.source_keys)

    def test_source_key_outlives_its_message(self):
        self.record()
        row, = samples.stored(self.db)
        stored, = self.keys()
        self.assertEqual(message_object.SOURCE_KEY_GRACE,
                         stored['expires_at'] - row['expires_at'])
        self.assertGreater(message_object.SOURCE_KEY_GRACE, 2 * DAY)

    def test_record_with_key_of_expired_message_is_rejected(self):
        first = self.record()
        make_older(self.db, 30 * DAY + SECOND)
        self.assertEqual(first.id, self.record().id)  # not removed yet
        self.assertEqual(1, self.api.cleanup_expired_messages())
        make_older(self.db, message_object.SOURCE_KEY_GRACE - DAY)
        self.assertEqual(0, self.api.cleanup_expired_messages())

        self.assertIsNone(self.record())
        self.assertEqual([], samples.stored(self.db))
        self.assertEqual([first.id],
                         [row['message_id'] for row in self.keys()])
        self.assertEqual(1, samples.counted(self.service, 'not_recorded'))
        self.assertIn('SourceGone', self.log.output)

    def test_record_with_expired_key_stores_new_message(self):
        first = self.record()
        make_older(self.db,
                   30 * DAY + message_object.SOURCE_KEY_GRACE + SECOND)
        self.assertEqual(1, self.api.cleanup_expired_messages())
        self.assertEqual([], self.keys())

        second = self.record()
        self.assertNotEqual(first.id, second.id)
        self.assertEqual(second.id, self.record().id)
        self.assertEqual([second.id], [
            row['id'] for row in samples.stored(self.db)])
        self.assertEqual([second.id],
                         [row['message_id'] for row in self.keys()])
        self.assertEqual(0, samples.counted(self.service, 'not_recorded'))

    def test_cleanup_of_several_batches_of_keys(self):
        samples.insert(
            self.db, [key(f'{index:04}', now() - DAY)
                      for index in range(MANY)] +
            [key('a key', now() + DAY),
             {**key('0000', now() + DAY), 'project_id': 'another'}],
            models.source_keys)
        # The result is the number of messages, here none.
        self.assertEqual(0, self.api.cleanup_expired_messages())
        self.assertEqual(
            {(samples.PROJECT, 'a key'), ('another', '0000')},
            {(row['project_id'], row['source_id']) for row in self.keys()})

    def test_key_recorded_again_meanwhile_is_kept(self):
        samples.insert(self.db, [key('a key', now() - DAY)],
                       models.source_keys)
        other = self.runtime(tables=False)

        def remove_and_record_again():
            message_api.API(other).cleanup_expired_messages()
            self.assertIsNotNone(samples.record(
                message_api.API(other), source_id='a key'))

        before_next_delete(self.db, remove_and_record_again)
        self.assertEqual([0], list(removal.remove(
            self.db, removal.expired_keys(now()))))

        row, = samples.stored(self.db)
        stored, = self.keys()
        self.assertEqual(row['id'], stored['message_id'])


class TestCleaners(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def cleaner(self):
        # A separate runtime, as on another host.
        return message_api.API(self.runtime(
            tables=False, messages={'record_timeout': 60}))

    def test_rows_deleted_by_another_process_are_not_counted(self):
        samples.insert(self.db, expired(10))
        api = self.cleaner()
        before_next_delete(self.db, lambda: self.assertEqual(
            10, api.cleanup_expired_messages()))
        self.assertEqual([0], list(removal.remove(
            self.db, removal.expired(now()))))

    def test_concurrent_cleanups_and_recording_delete_each_row_once(self):
        number = 3 * MANY
        kept = expiring(now() + DAY * index for index in range(1, 20))
        samples.insert(self.db, expired(number) + kept)
        samples.insert(
            self.db, [key(f'old {index}', now() - DAY)
                      for index in range(MANY)], models.source_keys)
        ready = threading.Barrier(3)
        done = threading.Event()

        def clean(api):
            ready.wait(60)
            return api.cleanup_expired_messages()

        def write(api):
            ready.wait(60)
            recorded = []
            while not (recorded and done.is_set()):
                recorded.append(samples.record(
                    api, source_id=f'new {len(recorded)}'))
            return recorded

        with futures.ThreadPoolExecutor(3) as threads:
            writer = threads.submit(write, self.cleaner())
            cleaners = [threads.submit(clean, self.cleaner())
                        for _ in range(2)]
            futures.wait(cleaners)
            done.set()
            counts = [cleaner.result() for cleaner in cleaners]
            recorded = writer.result()

        self.assertEqual(number, sum(counts), counts)
        self.assertNotIn(None, recorded)
        self.assertEqual(
            {row['id'] for row in kept} |
            {message.id for message in recorded},
            {row['id'] for row in samples.stored(self.db)})
        self.assertEqual(
            {f'new {index}' for index in range(len(recorded))},
            {row['source_id'] for row in samples.stored(
                self.db, models.source_keys)})
