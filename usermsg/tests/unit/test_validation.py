# SPDX-License-Identifier: Apache-2.0
import datetime
import string
import time
import uuid

import fixtures
import hypothesis
from hypothesis import strategies
import testtools

from usermsg import exception
from usermsg.tests import base
from usermsg import validation

UTC = datetime.timezone.utc
ZONES = strategies.one_of(*(
    strategies.integers(-(86399 // unit), 86399 // unit).map(
        lambda n, unit=unit: datetime.timezone(
            datetime.timedelta(seconds=n * unit)))
    for unit in (3600, 60, 1)))
ANYTHING = strategies.one_of(
    strategies.none(), strategies.text(strategies.characters()),
    strategies.integers(), strategies.binary(), strategies.floats(),
    strategies.lists(strategies.text()), strategies.dates(),
    strategies.datetimes(timezones=strategies.none()),
    strategies.datetimes(timezones=ZONES))


def refused(test, check, *arguments, field='field'):
    error = test.assertRaises(exception.InvalidInput, check, *arguments)
    test.assertEqual(field, error.field)
    return str(error)


class IdentifierTest(testtools.TestCase):

    def test_identifier_with_printable_ascii_is_returned(self):
        for value in ('x', 'a b', '~!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}',
                      'x' * 10, str(uuid.UUID(int=0))[:10]):
            if len(value) <= 10:
                self.assertEqual(value, validation.identifier(
                    'field', value, 10))
        printable = string.ascii_letters + string.digits + string.punctuation
        self.assertEqual(printable, validation.identifier(
            'field', printable, 100))

    def test_identifier_keeps_its_case(self):
        self.assertEqual('aB', validation.identifier('field', 'aB', 2))

    def test_invalid_identifier_raises_reason(self):
        for value, reason in (
                (None, 'required'), (5, 'string'), (b'x', 'string'),
                (['x'], 'string'), ('', 'empty'), ('x' * 11, '10 characters'),
                ('x\n', 'printable'), ('\nx', 'printable'),
                ('a\x00b', 'printable'), ('a\tb', 'printable'),
                (' x', 'spaces'), ('x ', 'spaces'), (' ', 'spaces'),
                ('\xe9', 'ASCII'), ('\u0660', 'ASCII'), ('\x7f', 'printable'),
                ('\ud800', 'ASCII'), ('\u212a', 'ASCII')):
            self.assertIn(reason, refused(
                self, validation.identifier, 'field', value, 10))

    def test_optional_identifier_accepts_none(self):
        self.assertIsNone(validation.optional_identifier('field', None, 10))
        self.assertEqual('x', validation.optional_identifier(
            'field', 'x', 10))
        refused(self, validation.optional_identifier, 'field', '', 10)

    @hypothesis.given(ANYTHING, strategies.integers(1, 64))
    def test_valid_identifier_fits_its_column(self, value, length):
        try:
            valid = validation.identifier('field', value, length)
        except exception.InvalidInput as error:
            self.assertEqual('field', error.field)
        else:
            self.assertEqual(value, valid)
            self.assertLessEqual(len(valid.encode('ascii')), length)
            self.assertTrue(valid.isprintable())
            self.assertEqual(valid.strip(), valid)


class LevelTest(testtools.TestCase):

    def test_level_in_any_case_is_upper_cased(self):
        for value, expected in (('INFO', 'INFO'), ('warn', 'WARN'),
                                ('Error', 'ERROR')):
            self.assertEqual(expected, validation.level('field', value))

    def test_invalid_level_raises_not_permitted(self):
        for value in ('', 'WARNING', 'ERROR ', None, 5, ['ERROR'], b'INFO',
                      '\u0131nfo'):  # its upper case is INFO
            error = self.assertRaises(exception.NotPermitted,
                                      validation.level, 'level', value)
            self.assertEqual(
                'level: must be one of INFO, WARN, ERROR.', str(error))


class UuidTest(testtools.TestCase):

    def test_uuid_in_any_case_is_lower_cased(self):
        value = '0f1e2d3c-4b5a-7f8e-9d0c-0123456789AB'
        self.assertEqual(value.lower(), validation.uuid('field', value))

    def test_invalid_uuid_is_refused(self):
        good = '0f1e2d3c-4b5a-7f8e-9d0c-0123456789ab'
        for value in ('', None, 5, good + '\n', ' ' + good, good[:-1],
                      good + '0', good.replace('-', ''), '{%s}' % good,
                      'urn:uuid:' + good, good.replace('a', 'g'),
                      good.replace('0', '\u0660'), good.encode(),
                      uuid.UUID(good)):
            refused(self, validation.uuid, 'field', value)

    @hypothesis.given(strategies.uuids())
    def test_every_uuid_is_accepted(self, value):
        for text in (str(value), str(value).upper()):
            self.assertEqual(str(value), validation.uuid('field', text))

    @hypothesis.given(strategies.uuids())
    def test_every_form_of_a_uuid_has_its_canonical_form(self, value):
        for text in (str(value), str(value).upper(), value.hex,
                     value.hex.upper()):
            self.assertEqual(str(value), validation.canonical_uuid(text))

    def test_canonical_form_of_another_text_is_the_text(self):
        plain = '0F1E2D3C4B5A7F8E9D0C0123456789AB'
        for value in ('', 'V-2', plain[:-1], plain + '0', plain + '\n',
                      f'{{{plain}}}', 'G' + plain[1:]):
            self.assertEqual(value, validation.canonical_uuid(value))

    @hypothesis.given(ANYTHING)
    def test_any_value_is_uuid_or_invalid_input(self, value):
        try:
            uuid.UUID(validation.uuid('field', value))
        except exception.InvalidInput as error:
            self.assertEqual('field', error.field)


class TimeTest(base.TestCase):

    def check(self, expected, text):
        time_in_utc = validation.time('field', text)
        self.assertEqual(f'{expected}+00:00', time_in_utc.isoformat(
            timespec='microseconds'), text)

    def test_iso_8601_formats_are_accepted(self):
        noon = '2026-01-31T12:00:00.000000'
        for text in ('2026-01-31T12:00:00+00:00', '2026-01-31T12:00:00Z',
                     '2026-01-31T12:00:00', '2026-01-31T12:00',
                     '2026-01-31T12', '20260131T120000Z',
                     '2026-01-31T14:30:00+02:30', '2026-01-31T14:30:00+0230',
                     '2026-01-31T04:00:00-08:00', '2026-01-31T13:00:00+01',
                     '2026-01-31T12:00:00.000Z', '2026-W05-6T12:00:00'):
            self.check(noon, text)

    def test_time_keeps_microseconds(self):
        self.check('2026-01-31T12:00:00.000001',
                   '2026-01-31T12:00:00.000001+00:00')
        self.check('2026-01-31T11:59:59.999999',
                   '2026-01-31T13:59:59.999999+02:00')

    def test_date_is_midnight_utc(self):
        self.check('2026-01-31T00:00:00.000000', '2026-01-31')

    def test_space_before_offset_is_a_plus(self):
        for text in ('2026-01-31T14:30:00 02:30', '2026-01-31T14:30:00 0230',
                     '2026-01-31T14:30:00.000000 02:30',
                     '2026-01-31T14:30 02:30', '2026-01-31 14:30:00 02:30'):
            self.check('2026-01-31T12:00:00.000000', text)

    def test_space_between_date_and_time_is_accepted(self):
        for text in ('2026-01-31 12:00:00', '2026-01-31 12:00',
                     '2026-01-31 12:00:00+00:00', '2026-01-31 12:00:00Z'):
            self.check('2026-01-31T12:00:00.000000', text)

    def test_naive_time_is_utc_in_any_local_zone(self):
        self.addCleanup(time.tzset)
        self.useFixture(fixtures.EnvironmentVariable('TZ', 'Asia/Tokyo'))
        time.tzset()
        naive = datetime.datetime(2026, 7, 1, 12)
        self.check('2026-07-01T12:00:00.000000', naive)
        self.check('2026-07-01T12:00:00.000000', '2026-07-01T12:00:00')

    def test_aware_time_is_converted_to_utc(self):
        zone = datetime.timezone(datetime.timedelta(hours=-5))
        self.check('2026-07-01T17:00:00.000000',
                   datetime.datetime(2026, 7, 1, 12, tzinfo=zone))

    def test_time_outside_supported_years_is_refused(self):
        self.check('0001-01-01T00:00:00.000000', '0001-01-01T00:00:00Z')
        self.check('9999-12-31T23:59:59.999999', '9999-12-31T23:59:59.999999')
        for text in ('0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01',
                     '0001-01-01T00:00:00 14:00'):
            self.assertIn('within the years', refused(
                self, validation.time, 'field', text))

    def test_invalid_time_is_refused(self):
        for value in ('', ' ', 'now', '12:00', '2026', '2026-13-01',
                      '2026-02-30', '2026-01-31T25:00:00', '1769860800',
                      '2026-01-31T12:00:00+25:00', '2026-01-31T12:00:00Z\n',
                      '\n2026-01-31', '2026-01-31T12:00:00 UTC',
                      '-2026-01-31', '\ud800',
                      '\u0662\u0660\u0662\u0666-01-31',
                      'Sat, 31 Jan 2026 12:00:00 GMT', None, 5, 1.5,
                      b'2026-01-31', datetime.date(2026, 1, 31),
                      datetime.time(12)):
            self.assertIn('ISO 8601', refused(
                self, validation.time, 'field', value))

    @hypothesis.given(strategies.datetimes(
        timezones=ZONES | strategies.none()))
    def test_isoformat_of_any_datetime_is_accepted(self, value):
        try:
            expected = (value.replace(tzinfo=UTC) if value.tzinfo is None else
                        value.astimezone(UTC))
        except OverflowError:
            refused(self, validation.time, 'field', value)
            return
        self.assertEqual(expected, validation.time('field', value))
        offset = value.utcoffset()
        if offset is None or not offset.seconds % 60:
            text = value.isoformat()
            self.assertEqual(expected, validation.time('field', text))
            self.assertEqual(expected, validation.time(
                'field', text.replace('+', ' ')))

    @hypothesis.given(ANYTHING | strategies.from_regex(
        r'[0-9]{4}-?[01][0-9]-?[0-3][0-9][T ]?([0-2][0-9]:?[0-5][0-9])?'
        r'[ +-]?([01][0-9]:?[0-9]{2})?', fullmatch=True))
    def test_any_value_is_time_or_invalid_input(self, value):
        try:
            valid = validation.time('field', value)
        except exception.InvalidInput as error:
            self.assertEqual('field', error.field)
        else:
            self.assertEqual(UTC, valid.tzinfo)
