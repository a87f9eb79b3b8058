# SPDX-License-Identifier: Apache-2.0
"""Times in responses."""

import datetime

import testtools
import webob

from usermsg.api.facades import messages
from usermsg.api import response

_NOON = datetime.datetime(2026, 1, 31, 12)


class TestTimes(testtools.TestCase):

    def test_json_has_times_in_utc(self):
        for time, expected in (
                (_NOON, b'"2026-01-31T12:00:00+00:00"'),
                (_NOON.replace(microsecond=1200),
                 b'"2026-01-31T12:00:00.001200+00:00"'),
                (_NOON.replace(tzinfo=datetime.timezone.utc),
                 b'"2026-01-31T12:00:00+00:00"')):
            self.assertEqual(
                expected, response.json(webob.Response(), time).body)

    def test_facades_have_times_with_microseconds_and_without_offset(self):
        for microsecond, expected in ((0, '000000'), (1200, '001200')):
            time = messages.format_time(
                _NOON.replace(microsecond=microsecond))
            self.assertEqual(
                f'"2026-01-31T12:00:00.{expected}"'.encode(),
                response.json(webob.Response(), time, False).body)
