# SPDX-License-Identifier: Apache-2.0
"""What is about to be recorded."""

import datetime

from usermsg import exception
from usermsg.message import api as message_api
from usermsg.objects import message
from usermsg.tests import base

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)


class TestTime(base.TestCase):

    def setUp(self):
        super().setUp()
        self.api = message_api.API(self.runtime(tables=False))

    def draft(self, created_at):
        return self.api.draft('red', 'VOLUME_000002', 'VOLUME', 'a',
                              created_at=created_at)

    def test_a_time_of_any_zone_is_stored_as_utc(self):
        for hours in (0, 2, -5):
            zone = datetime.timezone(datetime.timedelta(hours=hours))
            draft = self.draft(NOON.astimezone(zone))
            made = message.Message.from_row(draft.row)
            self.assertEqual(NOON, made.created_at)
            self.assertEqual(self.draft(NOON).row[1:], draft.row[1:])
            self.assertEqual(self.draft(NOON).row[0][:13], draft.row[0][:13])

    def test_a_time_without_a_zone_is_utc(self):
        draft = self.draft(NOON.replace(tzinfo=None))
        self.assertEqual(self.draft(NOON).row[1:], draft.row[1:])

    def test_one_that_is_none_is_refused(self):
        for wrong in ('noon', 12):
            self.assertIn('created_at', str(self.assertRaises(
                exception.InvalidInput, self.draft, wrong)))
