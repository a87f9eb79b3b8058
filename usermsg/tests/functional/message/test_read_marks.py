# SPDX-License-Identifier: Apache-2.0
"""Read marks of contexts."""

import datetime

from usermsg import context
from usermsg import exception
from usermsg.message import read_marks
from usermsg.objects import ids
from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import samples

_SECOND = datetime.timedelta(seconds=1)


class TestReadMarks(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.Manual(samples.START)
        self.marks = read_marks.ReadMarks(
            self.runtime(api={'follow_delay': 10}), self.clock)

    def test_mark_is_never_younger_than_the_follow_delay(self):
        reader = samples.request()
        old = ids.mint(samples.START - 11 * _SECOND)
        self.assertEqual(old, self.marks.advance(reader, old))
        new = ids.mint(samples.START - 5 * _SECOND)
        limited = self.marks.advance(reader, new)
        self.assertLess(old, limited)
        # A message of that time that is committed later is unread.
        self.assertLess(limited, ids.mint(samples.START - 10 * _SECOND))
        self.clock.time += 6 * _SECOND
        self.assertEqual(new, self.marks.advance(reader, new))
        self.assertEqual(new, self.marks.get(reader))

    def test_mark_does_not_move_back_if_the_clock_does(self):
        reader = samples.request()
        position = self.marks.advance(reader, 'f' * 8 + '-ffff' * 3 +
                                      '-' + 'f' * 12)
        self.clock.time -= 3600 * _SECOND
        self.assertEqual(position, self.marks.advance(
            reader, ids.mint(samples.START)))

    def test_application_credentials_share_the_mark_of_their_user(self):
        headers = {'HTTP_X_USER_ID': 'alice', 'HTTP_X_PROJECT_ID': 'red'}
        position = ids.mint(samples.START - 60 * _SECOND)
        self.marks.advance(context.RequestContext.from_environ(
            {**headers, 'HTTP_X_ROLES': 'member,reader'}), position)
        # Keystone gives their tokens the id of the user, and other roles.
        self.assertEqual(position, self.marks.get(
            context.RequestContext.from_environ(
                {**headers, 'HTTP_X_ROLES': 'reader'})))

    def test_context_without_a_valid_user_has_no_mark(self):
        position = ids.mint(samples.START - 60 * _SECOND)
        for user_id in (None, '', 'x' * 65, '\xe4'):
            reader = context.RequestContext(
                user_id=user_id, project_id=samples.PROJECT)
            self.assertIsNone(self.marks.get(reader))
            error = self.assertRaises(
                exception.InvalidInput, self.marks.advance, reader, position)
            self.assertEqual('user_id', error.field)
