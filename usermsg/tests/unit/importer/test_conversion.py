# SPDX-License-Identifier: Apache-2.0
import datetime
import types

import testtools

from usermsg.catalogue import loader
from usermsg.db import models
from usermsg import exception
from usermsg.importer import conversion

NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
CREATED_AT = datetime.datetime(2026, 1, 31, 11, 59, 7)
EXPIRES = CREATED_AT + 30 * DAY
OLD_ID = 'ed00f4cb-87b9-4718-ab92-1f9737f957ce'
TTL = {'INFO': DAY, 'WARN': DAY, 'ERROR': 2 * DAY}
VOLUME = {
    'id': OLD_ID, 'project_id': 'red', 'request_id': 'req-1',
    'resource_type': 'VOLUME', 'resource_uuid': 'v',
    'event_id': 'VOLUME_VOLUME_002_021', 'message_level': 'ERROR',
    'created_at': CREATED_AT, 'expires_at': EXPIRES, 'deleted': False}
SHARE = {
    'id': OLD_ID, 'project_id': 'red', 'request_id': 'req-1',
    'resource_type': 'SHARE_REPLICA', 'resource_id': 's',
    'action_id': '002', 'detail_id': '003', 'message_level': 'ERROR',
    'created_at': CREATED_AT, 'expires_at': EXPIRES, 'deleted': 'False'}


class TestCase(testtools.TestCase):

    converter_class = default_row = None

    def setUp(self):
        super().setUp()
        self.converter = self.converter_class(loader.load(), TTL, NOW)

    def row(self, values):
        return types.SimpleNamespace(**{**self.default_row, **values})

    def new_message(self, **values):
        return self.converter.convert(self.row(values))

    def assert_rejected(self, field, **values):
        error = self.assertRaises(exception.InvalidInput, self.new_message,
                                  **values)
        self.assertEqual(field, error.field)

    def is_deleted(self, value):
        return self.converter.is_deleted(self.row({'deleted': value}))


class VolumeTest(TestCase):

    converter_class = conversion.Volume
    default_row = VOLUME

    def test_row_is_converted_to_new_message(self):
        new_message = self.new_message()
        self.assertEqual(models.MessageRow(
            id=new_message.row.id, prefix='VOLUME', project_id='red',
            user_id=None,
            request_id='req-1', resource_type='VOLUME', resource_uuid='v',
            event_id='VOLUME_VOLUME_002_021', action_id='002',
            detail_id='021', message_level='ERROR', created_at=CREATED_AT,
            expires_at=EXPIRES), new_message.row)
        self.assertEqual(('red', f'import:volume:{OLD_ID}'), new_message.key)
        self.assertEqual(new_message, self.new_message())
        self.assertEqual((new_message.row.id, new_message.key),
                         self.converter.build_identity(self.row({})))

    def test_empty_optional_values_become_null(self):
        for empty in (None, ''):
            row = self.new_message(request_id=empty, resource_uuid=empty,
                                   resource_type=empty, event_id='000002').row
            self.assertEqual('VOLUME_000002', row.event_id)
            for name in ('request_id', 'resource_uuid', 'resource_type',
                         'action_id', 'detail_id'):
                self.assertIsNone(getattr(row, name), name)

    def test_missing_resource_type_comes_from_the_event(self):
        row = self.new_message(resource_type=None).row
        self.assertEqual('VOLUME', row.resource_type)

    def test_resource_type_and_level_in_any_letter_case(self):
        for value, level in (('info', 'INFO'), ('Warn', 'WARN'),
                             ('WARNING', 'WARN'), ('warning', 'WARN')):
            row = self.new_message(message_level=value,
                                   resource_type='volume').row
            self.assertEqual(('VOLUME', level),
                             (row.resource_type, row.message_level))

    def test_event_ids_are_converted(self):
        for value, event_id, resource_type, action, detail in (
                ('000002', 'VOLUME_000002', 'VOLUME', None, None),
                ('999999', 'VOLUME_999999', 'VOLUME', None, None),
                ('VOLUME_000005', None, 'VOLUME', None, None),
                ('VOLUME_VOLUME_999_998', None, 'VOLUME', '999', '998'),
                ('VOLUME_A_B_9_001_002', None, 'A_B_9', '001', '002')):
            row = self.new_message(event_id=value,
                                   resource_type=resource_type).row
            self.assertEqual(
                (resource_type, event_id or value, action, detail),
                (row.resource_type, row.event_id, row.action_id,
                 row.detail_id))

    def test_invalid_event_id_is_rejected(self):
        for value in (None, '', 5, '00002', '0000002', 'VOLUME_00002',
                      'volume_000002', 'SHARE_000002', 'VOLUME_000002\n',
                      'VOLUME_VOLUME_2_3', 'VOLUME__001_002',
                      'VOLUME_1A_001_002', 'VOLUME_VOLUME_001_00\u0662',
                      f'VOLUME_A{"A" * 64}_001_002'):
            self.assert_rejected('event_id', event_id=value,
                                 resource_type=None)
        self.assert_rejected('event_id', resource_type='VOLUME_BACKUP')

    def test_invalid_values_are_rejected(self):
        for field, values in (
                ('id', ('', 'x' * 65, b'1', 7, 'a\nb')),
                ('project_id', (None, '', 'x' * 65, ' x', '\u00fc', 5)),
                ('request_id', ('x' * 65, 'a\n', b'x')),
                ('resource_uuid', ('x' * 256, '\x00')),
                ('resource_type', ('A' * 65, 'a b', 'A', '1A', b'AB')),
                ('message_level', (None, '', 'CRITICAL', 3)),
                ('created_at', (None, '', 'now', 17, '0000-00-00 00:00:00',
                                datetime.datetime(1969, 12, 31),
                                datetime.datetime(9999, 12, 31))),
                ('expires_at', ('', 'never', 17,
                                datetime.datetime(9999, 12, 31)))):
            for value in values:
                self.assert_rejected(field, **{field: value})

    def test_times_as_text_of_sqlite_are_converted(self):
        self.assertEqual(self.new_message().row, self.new_message(
            created_at='2026-01-31 11:59:07',
            expires_at='2026-03-02 11:59:07.000000').row)

    def test_expired_row_returns_none(self):
        now = NOW.replace(tzinfo=None)
        second = datetime.timedelta(seconds=1)
        self.assertIsNone(self.new_message(expires_at=now - second))
        self.assertIsNotNone(self.new_message(expires_at=now))
        # Expiry is checked first, so an invalid event id has no effect.
        self.assertIsNone(self.new_message(expires_at=now - second,
                                           event_id=''))

    def test_row_without_expiry_gets_the_ttl_of_its_level(self):
        for level, days in (('INFO', 1), ('ERROR', 2)):
            new_message = self.new_message(expires_at=None,
                                           message_level=level)
            self.assertEqual(CREATED_AT + days * DAY,
                             new_message.row.expires_at)
        self.assertIsNone(self.new_message(expires_at=None,
                                           created_at=CREATED_AT - 2 * DAY))

    def test_is_deleted_follows_the_deleted_column(self):
        for value in (0, False):
            self.assertFalse(self.is_deleted(value))
        for value in (1, True, None, 'x'):
            self.assertTrue(self.is_deleted(value))


class ShareTest(TestCase):

    converter_class = conversion.Share
    default_row = SHARE

    def test_row_is_converted_to_new_message(self):
        new_message = self.new_message()
        self.assertEqual(models.MessageRow(
            id=new_message.row.id, prefix='SHARE', project_id='red',
            user_id=None,
            request_id='req-1', resource_type='SHARE_REPLICA',
            resource_uuid='s', event_id='SHARE_SHARE_REPLICA_002_003',
            action_id='002', detail_id='003', message_level='ERROR',
            created_at=CREATED_AT, expires_at=EXPIRES), new_message.row)
        self.assertEqual(('red', f'import:share:{OLD_ID}'), new_message.key)

    def test_row_without_resource_type_or_detail(self):
        row = self.new_message(resource_type=None, detail_id=None,
                               resource_id=None).row
        self.assertEqual(
            (None, None, 'SHARE_SHARE_002_001', '002', '001'),
            (row.resource_type, row.resource_uuid, row.event_id,
             row.action_id, row.detail_id))

    def test_part_ids_without_three_digits_are_rejected(self):
        for value in ('2', '0002', 'abc', 2, '00\u0662', '002\n'):
            self.assert_rejected('action_id', action_id=value)
            self.assert_rejected('detail_id', detail_id=value)
        self.assert_rejected('action_id', action_id=None)

    def test_is_deleted_follows_the_deleted_column(self):
        self.assertFalse(self.is_deleted('False'))
        for value in (None, OLD_ID, 'True', False):
            self.assertTrue(self.is_deleted(value))
