# SPDX-License-Identifier: Apache-2.0
"""Read marks on every database."""

from concurrent import futures
import datetime
import random
import threading
import uuid

from usermsg.db import clock
from usermsg.db import models
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
