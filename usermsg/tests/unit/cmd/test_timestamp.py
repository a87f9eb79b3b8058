# SPDX-License-Identifier: Apache-2.0
import argparse
import datetime

import testtools

from usermsg.cmd import timestamp


NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)


class TestTimestamp(testtools.TestCase):

    def test_age_resolves_to_time_before_now(self):
        for text, seconds in (('90s', 90), ('45m', 2700), ('12h', 43200),
                              ('30d', 2592000), ('8w', 4838400)):
            self.assertEqual(
                NOW - datetime.timedelta(seconds=seconds),
                timestamp.resolve(NOW, timestamp.parse(text)))

    def test_time_resolves_to_itself(self):
        for text in ('2026-01-31T12:00:00+00:00', '2026-01-31 12:00',
                     '2026-01-31T14:00:00+02:00'):
            self.assertEqual(
                NOW, timestamp.resolve(NOW, timestamp.parse(text)))

    def test_age_before_year_one_resolves_to_year_one(self):
        self.assertEqual(1, timestamp.resolve(
            NOW, timestamp.parse('999999d')).year)

    def test_invalid_text_is_rejected(self):
        for text in ('', '30', 'd', '-3d', '3 d', '1.5d', '30D', 'yesterday',
                     '2026-13-01', '9999999999d', '999999999w', '\u0663d'):
            self.assertRaises(argparse.ArgumentTypeError,
                              timestamp.parse, text)
