# SPDX-License-Identifier: Apache-2.0
"""Removal of all that refers to deleted projects and users."""

import datetime
import threading

import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import lease
from usermsg.db import models
from usermsg.objects import forget_request
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import samples
from usermsg.worker import reaper

USER, OTHER_USER = 'af57084ab0054d0b85924b8e09547108', 'another'


class TestForget(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime(
            reaper={'batch_delay': 0},
            oslo_messaging_notifications={'driver': 'logging'})
        self.db = self.service.db
        self.reaper = reaper.Reaper(self.service)

    def reap(self):
        return self.reaper.reap(threading.Event())['forgotten']

    def insert(self, number=1, **values):
        samples.insert(self.db, [
            {**row, **values} for row in expiry.rows(number, expiry.SECOND)])

    def pending(self, kind=forget_request.PROJECT):
        return [row.id for row in forget_request.pending(self.db, kind)]

    def set_age(self, age):
        """Make all requests older."""
        table = models.forget_requests
        then = clock.naive(clock.read(self.db) - age)
        with self.db.engine().begin() as connection:
            connection.execute(table.update().values(requested_at=then))

    def test_project_loses_messages_and_source_keys(self):
        self.insert(1200)
        self.insert(2, project_id=samples.OTHER_PROJECT)
        now = datetime.datetime.now(datetime.timezone.utc)
        key = expiry.key('a key', now + expiry.DAY)
        samples.insert(self.db, [
            key, {**key, 'project_id': samples.OTHER_PROJECT}],
            models.source_keys)
        samples.insert(self.db, [
            expiry.read_mark(now + expiry.DAY, project, user_id)
            for project in (samples.PROJECT, samples.OTHER_PROJECT)
            for user_id in (USER, OTHER_USER)], models.read_marks)
        forget_request.add(self.db, 'project', samples.PROJECT)
        self.assertEqual(1203, self.reap())
        for table in (models.messages, models.source_keys,
                      models.read_marks):
            self.assertEqual({samples.OTHER_PROJECT}, {
                row['project_id'] for row in samples.stored(self.db, table)})
        self.assertEqual(1203, self.service.metrics.registry.get_sample_value(
            'usermsg_rows_forgotten_total'))
        entries = samples.stored(self.db, models.outbox)
        self.assertEqual(1200, len(entries))
        self.assertEqual({'message.delete'}, {
            entry['event_type'] for entry in entries})

    def test_message_that_arrives_later_is_removed(self):
        forget_request.add(self.db, 'project', samples.PROJECT)
        self.assertEqual(0, self.reap())
        self.insert()
        self.assertEqual(1, self.reap())

    def test_request_ends_after_an_hour(self):
        forget_request.add(self.db, 'project', samples.PROJECT)
        self.set_age(datetime.timedelta(minutes=50))
        self.reap()
        self.assertEqual([samples.PROJECT], self.pending())
        self.set_age(datetime.timedelta(minutes=70))
        self.insert()
        self.assertEqual(1, self.reap())
        self.assertEqual([], self.pending())

    def test_repeated_request_is_stored_once(self):
        for _ in range(2):
            forget_request.add(self.db, 'project', samples.PROJECT)
            forget_request.add(self.db, 'user', samples.PROJECT)
        for kind in ('project', 'user'):
            self.assertEqual([samples.PROJECT], self.pending(kind))

    def test_user_is_removed_from_messages(self):
        self.insert(1200, user_id=USER)
        self.insert(2, user_id=OTHER_USER)
        samples.insert(self.db, [
            expiry.read_mark(samples.START + 1000 * expiry.DAY, project,
                             user_id)
            for project in (samples.PROJECT, samples.OTHER_PROJECT)
            for user_id in (USER, OTHER_USER)], models.read_marks)
        forget_request.add(self.db, 'user', USER)
        self.assertEqual(1202, self.reap())
        self.assertEqual({OTHER_USER}, {
            row['user_id']
            for row in samples.stored(self.db, models.read_marks)})
        self.assertEqual([None] * 1200 + [OTHER_USER] * 2, sorted(
            (row['user_id'] for row in samples.stored(self.db)),
            key=lambda user_id: user_id or ''))

    def test_repetition_for_user_reads_only_later_messages(self):
        self.insert(3, user_id=OTHER_USER)
        forget_request.add(self.db, 'user', USER)
        self.assertEqual(0, self.reap())
        # A message of before the first removal isn't read again.
        with self.db.engine().begin() as connection:
            connection.execute(models.messages.update().values(user_id=USER))
        later = datetime.datetime.now(
            datetime.timezone.utc) + datetime.timedelta(seconds=60)
        samples.insert(self.db, [samples.row(later, user_id=USER)])
        self.assertEqual(1, self.reap())

    def test_removal_ends_without_lease(self):
        self.insert(3, user_id=USER)
        forget_request.add(self.db, 'user', USER)
        forget_request.add(self.db, 'project', samples.PROJECT)
        self.reap()

        def lose(connection, seconds=None):
            raise lease.LeaseLost()

        self.insert(3, user_id=USER)
        self.reaper._lease.guard = lose
        self.assertRaises(lease.LeaseLost, self.reap)
        self.assertEqual(3, len(samples.stored(self.db)))

    def test_project_removal_uses_indexes(self):
        with self.db.engine().begin() as connection:
            for rows in (*reaper.removal.of_project(samples.PROJECT),
                         reaper.removal.read_marks_of_user(USER)):
                plan = str(connection.execute(sa.text(
                    ('EXPLAIN QUERY PLAN ' if self.db.dialect == 'sqlite'
                     else 'EXPLAIN ') + str(rows.select(
                         rows.column).compile(
                             self.db.engine(),
                             compile_kwargs={'literal_binds': True})))).all())
                self.assertRegex(
                    plan, 'messages_project|PRIMARY|source_keys_pkey|'
                    'sqlite_autoindex_source_keys|read_marks_pkey|'
                    'sqlite_autoindex_read_marks|read_marks_user_id_idx')
