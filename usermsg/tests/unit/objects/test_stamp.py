# SPDX-License-Identifier: Apache-2.0
import datetime

import hypothesis
from hypothesis import strategies
import sqlalchemy as sa

from usermsg.message import api as message_api
from usermsg.objects import ids
from usermsg.objects import message
from usermsg.objects import stamp
from usermsg.tests import base
from usermsg.tests.fixtures import message_rows
from usermsg.tests.fixtures import samples

NOW = samples.START
SECOND = datetime.timedelta(seconds=1)
MICROSECOND = datetime.timedelta(microseconds=1)
TTL = datetime.timedelta(days=30)


def new_message(created_at, source_id=None):
    naive = created_at.replace(tzinfo=None)
    return message.NewMessage(message_rows.ROW._replace(
        id=ids.mint(created_at), project_id='red', created_at=naive,
        expires_at=naive + TTL), source_id, source_id and 'digest')


class TestStamper(base.TestCase):

    def setUp(self):
        super().setUp()
        self.stamper = stamp.Stamper(lambda: NOW, 5 * SECOND)

    def test_age_up_to_maximum_is_current(self):
        for age, expected in (
                (0 * SECOND, True), (5 * SECOND, True),
                (5 * SECOND + MICROSECOND, False), (-MICROSECOND, False),
                (365 * 24 * 3600 * SECOND, False)):
            new_messages = [new_message(NOW - age)]
            self.assertEqual(expected, self.stamper.is_current(new_messages),
                             age)
            if expected:
                self.stamper.check(new_messages)
            else:
                self.assertRaises(stamp.StaleStamp, self.stamper.check,
                                  new_messages)

    def test_oldest_message_of_batch_decides(self):
        # The last messages of a batch may be some microseconds ahead.
        batch = [new_message(NOW + number * MICROSECOND)
                 for number in range(3)]
        self.assertTrue(self.stamper.is_current(batch))
        batch.append(new_message(NOW - 6 * SECOND))
        self.assertFalse(self.stamper.is_current(batch))

    def test_no_messages_are_current(self):
        self.assertTrue(self.stamper.is_current([]))
        self.assertEqual([], self.stamper.renew([]))

    @hypothesis.given(strategies.lists(strategies.integers(-10, 10 ** 9)))
    def test_renewed_messages_keep_all_but_id_and_times(self, ages):
        batch = [new_message(NOW - age * SECOND, f'key {number}')
                 for number, age in enumerate(ages)]
        renewed = self.stamper.renew(batch)
        self.assertTrue(self.stamper.is_current(renewed))
        for number, (old, new) in enumerate(zip(batch, renewed, strict=True)):
            created_at = (NOW + number * MICROSECOND).replace(tzinfo=None)
            self.assertEqual(created_at, new.row.created_at)
            self.assertEqual(created_at + TTL, new.row.expires_at)
            self.assertNotEqual(old.row.id, new.row.id)
            self.assertEqual((old.key, old.digest), (new.key, new.digest))
            self.assertEqual(old.row, new.row._replace(
                id=old.row.id, created_at=old.row.created_at,
                expires_at=old.row.expires_at))
        self.assertEqual(
            [new.row.id for new in renewed],
            sorted({new.row.id for new in renewed}))


class TestRecord(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.time = NOW
        self.api = message_api.API(self.service, now=lambda: self.time)
        self.new_messages = [self.api.new_message(
            {'project_id': 'red', 'event_id': samples.EVENT})
            for _number in range(2)]

    def created_at(self):
        return [result.message.created_at
                for result in self.api.record(self.new_messages)]

    def test_recent_messages_keep_their_times(self):
        self.time += self.api.follow_delay / 2
        self.assertEqual([NOW, NOW], self.created_at())

    def test_old_messages_get_present_times(self):
        self.time += self.api.follow_delay / 2 + MICROSECOND
        self.assertEqual([self.time, self.time + MICROSECOND],
                         self.created_at())

    def test_messages_get_present_times_if_clock_went_back(self):
        self.time -= SECOND
        self.assertEqual([self.time, self.time + MICROSECOND],
                         self.created_at())

    def test_old_messages_begin_no_transaction(self):
        rolled_back = self.rolled_back()
        self.time += self.api.follow_delay
        self.created_at()
        self.assertEqual([], rolled_back)

    def test_messages_that_get_old_in_transaction_are_rolled_back(self):
        rolled_back = self.rolled_back()

        def wait(connection, rows):
            if not rolled_back:
                self.time += self.api.follow_delay

        stamper = stamp.Stamper(lambda: self.time, 5 * SECOND)
        results = message.MessageList.record(
            self.service.db, self.new_messages, wait, stamper)
        self.assertEqual(1, len(rolled_back))
        self.assertEqual(
            [self.time, self.time + MICROSECOND],
            [result.message.created_at for result in results])
        self.assertEqual(
            [result.row.id for result in results],
            [row['id'] for row in samples.stored(self.service.db)])

    def rolled_back(self):
        """Return a list to which each rolled back transaction is added."""
        rolled_back = []
        sa.event.listen(self.service.db.engine(), 'rollback',
                        rolled_back.append)
        return rolled_back


class TestMinAge(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.time = NOW
        self.api = message_api.API(self.service, now=lambda: self.time)
        self.message = samples.record(self.api)

    def listed(self, min_age=10 * SECOND, **filters):
        return [item.id for item in self.api.get_all(
            samples.request(), filters, sort=message_api.OLDEST_FIRST,
            min_age=min_age).objects]

    def test_younger_message_is_held_back(self):
        for age, expected in (
                (0 * SECOND, []), (10 * SECOND, []),
                (10 * SECOND + MICROSECOND, [self.message.id]),
                (20 * SECOND, [self.message.id])):
            self.time = NOW + age
            self.assertEqual(expected, self.listed(), age)
        self.time = NOW
        self.assertEqual([self.message.id], self.listed(None))

    def test_earlier_of_delay_and_created_before_counts(self):
        self.time = NOW + 20 * SECOND
        for before, expected in (
                (NOW - MICROSECOND, []), (NOW, [self.message.id]),
                (NOW + 3600 * SECOND, [self.message.id])):
            self.assertEqual(expected, self.listed(created_before=before))
        self.assertEqual([], self.listed(
            20 * SECOND, created_before=NOW + 3600 * SECOND))
