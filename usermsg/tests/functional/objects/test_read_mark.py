# SPDX-License-Identifier: Apache-2.0
"""Read marks on every database."""

from concurrent import futures
import datetime
import random
import threading
import uuid

from usermsg.db import clock
from usermsg.db import models
from usermsg.objects import message
from usermsg.objects import read_mark
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples

_KEY = samples.PROJECT, 'a user'
_IDS = [str(uuid.UUID(int=number << 64)) for number in range(1, 41)]


class TestReadMark(databases.TestCase):

    busy_timeout = 60

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def get(self, *key):
        return read_mark.get(self.db, *(key or _KEY))

    def advance(self, position, key=_KEY):
        read_mark.advance(self.db, *key, position)

    def test_mark_is_none_before_it_is_set(self):
        self.assertIsNone(self.get())

    def test_mark_moves_forward_only(self):
        for position, expected in ((3, 3), (5, 5), (4, 5), (5, 5), (9, 9)):
            self.advance(_IDS[position])
            self.assertEqual(_IDS[expected], self.get())
        self.assertEqual(1, len(samples.stored(self.db, models.read_marks)))

    def test_marks_of_users_and_projects_are_separate(self):
        keys = [(project, user_id) for project in (
            samples.PROJECT, samples.OTHER_PROJECT)
            for user_id in ('a user', 'A user')]
        for key, position in zip(keys, _IDS):
            self.advance(position, key)
        self.assertEqual(_IDS[:4], [self.get(*key) for key in keys])

    def test_mark_expires_a_year_after_it_was_last_set(self):
        self.advance(_IDS[1])
        with self.db.engine().begin() as connection:
            connection.execute(models.read_marks.update().values(
                expires_at=clock.naive(samples.START)))
        self.advance(_IDS[0])
        [row] = samples.stored(self.db, models.read_marks)
        self.assertLess(
            abs(clock.aware(row['expires_at']) - clock.read(self.db) -
                datetime.timedelta(days=365)), datetime.timedelta(hours=1))

    def test_mark_expires_a_year_after_it_was_first_set(self):
        self.advance(_IDS[1])
        [row] = samples.stored(self.db, models.read_marks)
        self.assertLess(
            abs(clock.aware(row['expires_at']) - clock.read(self.db) -
                datetime.timedelta(days=365)), datetime.timedelta(hours=1))

    def test_concurrent_moves_end_at_the_last_position(self):
        positions = list(_IDS)
        random.Random(1).shuffle(positions)
        barrier = threading.Barrier(4)

        def move(first):
            barrier.wait()
            for position in positions[first::4]:
                self.advance(position)

        with futures.ThreadPoolExecutor(4) as threads:
            list(threads.map(move, range(4)))
        self.assertEqual(_IDS[-1], self.get())


class TestPages(databases.TestCase):
    """Marks that are read with the messages of a page."""

    scope = {'project_id': samples.PROJECT}
    uuids = samples.VOLUME, samples.VOLUME.upper()

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db
        self.rows = [samples.row(
            samples.START + datetime.timedelta(seconds=number),
            resource_uuid=self.uuids[number % 2] if number < 4 else 'other')
            for number in range(6)]
        samples.insert(self.db, self.rows)
        read_mark.advance(self.db, samples.PROJECT, 'alice', _IDS[1])
        read_mark.advance(self.db, samples.OTHER_PROJECT, 'bob', _IDS[2])

    def ids(self, *numbers):
        return [self.rows[number]['id'] for number in numbers]

    def check(self, filters, numbers, mark, user_id, **position):
        expected = self.ids(*numbers), mark
        position.setdefault('limit', 3)
        page = message.MessageList.get_page(
            self.db, {**self.scope, **filters}, user_id, **position)
        self.assertEqual(
            expected, ([item.id for item in page], page.read_mark))
        found, found_mark = message.MessageList.get_ids(
            self.db, {**self.scope, **filters}, user_id, **position)
        self.assertEqual(
            (sorted(expected[0]), mark), (sorted(found), found_mark))

    def test_page_has_the_mark_of_its_user_and_project(self):
        for user_id, mark in (('alice', _IDS[1]), ('bob', None),
                              ('Alice', None), (None, None)):
            self.check({}, (5, 4, 3), mark, user_id)
            self.check({}, (0, 1, 2), mark, user_id, ascending=True)
            self.check({}, (3, 2), mark, user_id, offset=2, limit=2)

    def test_page_of_one_or_two_resources_has_the_mark(self):
        for user_id, mark in (('alice', _IDS[1]), (None, None)):
            self.check({'resource_uuid': self.uuids[0]}, (2, 0), mark,
                       user_id)
            self.check({'resource_uuid': self.uuids}, (3, 2, 1), mark,
                       user_id)
            self.check({'resource_uuid': self.uuids}, (1, 2), mark, user_id,
                       ascending=True, marker=self.rows[0]['id'], limit=2)

    def test_empty_page_has_no_mark(self):
        self.check({'resource_uuid': 'unknown'}, (), None, 'alice')

    def test_newest_messages_of_resources_have_the_mark(self):
        for resources, numbers, mark in (
                ((*self.uuids, 'other'), (5, 3), _IDS[1]),
                (('unknown', self.uuids[0]), (2,), _IDS[1]),
                ((self.uuids[0], 'unknown'), (2,), _IDS[1]),
                (('unknown',), (), None)):
            page = message.MessageList.get_latest(
                self.db, self.scope, resources, 'alice')
            self.assertEqual(self.ids(*numbers), [item.id for item in page])
            self.assertEqual(mark, page.read_mark)
        self.assertIsNone(message.MessageList.get_latest(
            self.db, self.scope, self.uuids).read_mark)
