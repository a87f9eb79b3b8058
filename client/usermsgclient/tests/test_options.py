# SPDX-License-Identifier: Apache-2.0
import argparse
import datetime

import testtools

from usermsgclient.osc import options


class TestTimes(testtools.TestCase):

    def test_time_accepts_iso_8601(self):
        utc = datetime.timezone.utc
        for text, expected in (
                ('2026-01-31', (2026, 1, 31)),
                ('2026-01-31T12:30', (2026, 1, 31, 12, 30)),
                ('2026-01-31 12:30:05', (2026, 1, 31, 12, 30, 5)),
                ('2026-01-31T12:30:00Z', (2026, 1, 31, 12, 30)),
                ('2026-01-31T12:30:00+02:00', (2026, 1, 31, 10, 30)),
                ('2026-01-31T23:30:00-01:00', (2026, 2, 1, 0, 30))):
            parsed = options.time(text)
            self.assertEqual(datetime.datetime(*expected, tzinfo=utc), parsed)
            self.assertEqual(utc, parsed.tzinfo)

    def test_time_accepts_an_age(self):
        for text, seconds in (('90s', 90), ('15m', 900), ('2h', 7200),
                              ('3d', 259200), ('1w', 604800), ('0s', 0)):
            age = datetime.timedelta(seconds=seconds)
            before = datetime.datetime.now(datetime.timezone.utc)
            parsed = options.time(text)
            after = datetime.datetime.now(datetime.timezone.utc)
            self.assertTrue(before - age <= parsed <= after - age, text)

    def test_time_with_invalid_text_is_an_error(self):
        for text in ('', 'yesterday', '2', '2y', '-2h', '2 h', '1.5h', '2H',
                     '2026-13-01', '2026-02-30', '25:00', '12:00',
                     '\u0662h', '2h3d'):
            error = self.assertRaises(
                argparse.ArgumentTypeError, options.time, text)
            self.assertIn('is neither a time in ISO 8601', str(error), text)

    def test_time_outside_supported_years_is_an_error(self):
        for text in ('9999999999d', f'{"9" * 400}s',
                     '0001-01-01T00:00:00+01:00', '999999w'):
            error = self.assertRaises(
                argparse.ArgumentTypeError, options.time, text)
            self.assertIn('is outside the years 1 to 9999', str(error), text)


class TestValues(testtools.TestCase):

    def error_of(self, check, value):
        return str(self.assertRaises(
            argparse.ArgumentTypeError, check, value))

    def test_level_accepts_any_letter_case(self):
        self.assertEqual(['INFO', 'WARN', 'ERROR'], [
            options.level(text) for text in ('info', 'Warn', 'ERROR')])
        for text in ('', 'warning', 'ERR'):
            self.assertIn('is not one of INFO, WARN, ERROR',
                          self.error_of(options.level, text))

    def test_sort_order_accepts_those_of_the_service(self):
        self.assertEqual(
            ['created_at:desc', 'created_at:asc', 'created_at:desc'],
            [options.sort_order(text) for text in (
                'created_at', 'created_at:asc', 'created_at:desc')])
        for text in ('', 'id', 'created_at:', 'created_at:down', 'id:asc',
                     'created_at,id'):
            self.assertIn('is not created_at:asc or created_at:desc',
                          self.error_of(options.sort_order, text))

    def test_positive_accepts_positive_integers_alone(self):
        self.assertEqual(17, options.positive('17'))
        for text in ('0', '-1', '', 'x', '1.5', '1_0', '\u0663', '9' * 5000):
            self.assertIn('is not a positive number',
                          self.error_of(options.positive, text))

    def test_language_accepts_names_of_locales(self):
        for text, expected in (
                ('de_DE.UTF-8', 'de-DE'), ('ca_ES@valencia', 'ca-ES'),
                ('C.UTF-8', 'en'), ('POSIX', 'en')):
            self.assertEqual(expected, options.language(text))

    def test_language_accepts_language_tags_alone(self):
        for text in ('de', 'pt-BR', 'zh-Hant-TW'):
            self.assertEqual(text, options.language(text))
        for text in ('', 'de_', 'de\r\nX-Roles: admin', 'de.\nx', 'de,en',
                     '*', 'd-', 'ä', 'of-ninecharacters'):
            self.assertIn('is not a language tag',
                          self.error_of(options.language, text))

    def test_identifier_must_not_be_empty(self):
        self.assertEqual('a', options.identifier('a'))
        self.assertIn('must not be empty',
                      self.error_of(options.identifier, ''))
