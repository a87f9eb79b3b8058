# SPDX-License-Identifier: Apache-2.0
import datetime
import importlib
import pickle  # nosec B403
import pkgutil

import hypothesis
from hypothesis import strategies
from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fixture
import testtools

from usermsg.db import models
from usermsg.message import api as message_api
from usermsg import objects
from usermsg.objects import base
from usermsg.objects import ids
from usermsg.objects import message
from usermsg.tests import base as test_base
from usermsg.tests.fixtures import message_rows

# A change requires a new VERSION: other hosts may run the older code.
FINGERPRINTS = {
    'Image': '1.0-9d70ac8bf9770690bb6f525f20b8b5b6',
    'ImageMember': '1.0-21c368e852037dbc40b630c4fc4d9ff4',
    'Message': '1.0-86048e013637ed116f5bc6b6de439cfe',
    'MessageList': '1.0-15ecf022a68ddbb8c2a6739cfc9f8f5e',
    'MessagePayload': '1.0-16e86336f402701091036eb6735f8955',
}

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)

COLUMNS = list(models.messages.c.keys())


def set_fields(row):
    """Return a message whose fields are set, which coerces each value."""
    return message.Message(**{
        name: value.replace(tzinfo=datetime.timezone.utc)
        if isinstance(value, datetime.datetime) else value
        for name, value in zip(COLUMNS, row)})


def to_row(item):
    return tuple(
        value.replace(tzinfo=None) if isinstance(value, datetime.datetime)
        else value for value in (getattr(item, name) for name in COLUMNS))


class FingerprintTest(testtools.TestCase):

    def test_objects_match_their_fingerprints(self):
        for module in pkgutil.iter_modules(objects.__path__):
            importlib.import_module(f'{objects.__name__}.{module.name}')
        classes = {
            name: versions for name, versions in
            vo_base.VersionedObjectRegistry.obj_classes().items()
            if issubclass(versions[0], base.UsermsgObject)}
        expected, actual = fixture.ObjectVersionChecker(classes).test_hashes(
            FINGERPRINTS)
        self.assertEqual(expected, actual)


class MessageTest(testtools.TestCase):

    def test_fields_match_columns(self):
        self.assertEqual(COLUMNS, list(message.Message.fields))
        for column in models.messages.columns:
            self.assertEqual(column.nullable,
                             message.Message.fields[column.name].nullable,
                             column.name)

    @hypothesis.given(message_rows.ROWS)
    def test_from_row_equals_setting_the_fields(self, row):
        from_row = message.Message.from_row(row)
        from_fields = set_fields(row)
        from_fields.obj_reset_changes()
        for name in message.Message.fields:
            self.assertEqual(getattr(from_fields, name),
                             getattr(from_row, name), name)
            self.assertIs(type(getattr(from_fields, name)),
                          type(getattr(from_row, name)))
        self.assertEqual(from_fields.obj_to_primitive(),
                         from_row.obj_to_primitive())
        self.assertEqual(set(), from_row.obj_what_changed())

    @hypothesis.given(message_rows.ROWS)
    def test_row_survives_round_trip(self, row):
        self.assertEqual(row, to_row(set_fields(row)))
        from_row = message.Message.from_row(row)
        self.assertEqual(row, to_row(from_row))

    @hypothesis.given(message_rows.ROWS)
    def test_primitive_survives_round_trip(self, row):
        # A primitive has whole seconds: it goes to other hosts' logs and
        # caches, never into the database.
        row = row._replace(**{
            name: getattr(row, name).replace(microsecond=0)
            for name in ('created_at', 'expires_at')})
        from_row = message.Message.from_row(row)
        primitive = from_row.obj_to_primitive()
        self.assertEqual('usermsg', primitive['usermsg_object.namespace'])
        back = message.Message.obj_from_primitive(primitive)
        self.assertEqual(row, to_row(back))

    @hypothesis.given(strategies.lists(message_rows.ROWS, max_size=3))
    def test_list_primitive_survives_round_trip(self, rows):
        page = message.MessageList()
        page.objects = [message.Message.from_row(row)
                        for row in rows]
        back = message.MessageList.obj_from_primitive(page.obj_to_primitive())
        self.assertEqual([row.id for row in rows],
                         [item.id for item in back])

    @hypothesis.given(message_rows.ROWS)
    def test_message_survives_pickling(self, row):
        # A service may pass the result of create() to another process.
        item = message.Message.from_row(row)
        self.assertEqual(item.row, pickle.loads(  # nosec B301
            pickle.dumps(item)).row)


class PageTest(test_base.TestCase):

    def test_get_page_returns_unchanged_messages(self):
        database = self.runtime().db
        now = datetime.datetime(2026, 1, 31, 12, 0, 0, 123456,
                                tzinfo=datetime.timezone.utc)
        times = [now + datetime.timedelta(microseconds=n) for n in range(3)]
        new_messages = [message.NewMessage(message_rows.ROW._replace(
            id=ids.mint(time), project_id='one',
            created_at=time.replace(tzinfo=None))) for time in times]
        results = message.MessageList.record(database, new_messages)
        self.assertEqual([(item.row, True) for item in new_messages],
                         [(result.row, result.new) for result in results])
        page = message.MessageList.get_page(database, {'project_id': 'one'},
                                            limit=10)
        self.assertEqual([item.row for item in reversed(new_messages)],
                         [to_row(item) for item in page])
        self.assertEqual([item.row for item in reversed(new_messages)],
                         page.rows)
        self.assertEqual(3, len(page))
        self.assertIsInstance(page[0], message.Message)
        self.assertIs(page[0], page.objects[0])
        self.assertEqual(set(), page.obj_what_changed())

    def test_columns_that_are_not_read_are_none_and_make_no_objects(self):
        database = self.runtime().db
        row = message_rows.ROW._replace(project_id='one', user_id='alice')
        message.MessageList.record(database, [message.NewMessage(row)])
        for filters in ({'project_id': 'one'}, {
                'project_id': 'one',
                'resource_uuid': (row.resource_uuid, 'another')}):
            page = message.MessageList.get_page(
                database, filters, 'alice', limit=10,
                columns=frozenset({'id', 'project_id', 'created_at'}))
            self.assertEqual(
                [(row.id, None, 'one', *[None] * 8, row.created_at, None,
                  None)], page.rows)
            self.assertRaises(NotImplementedError, getattr, page, 'objects')

    def test_list_of_no_rows_is_empty(self):
        page = message.MessageList.get_page(
            self.runtime().db, {'project_id': 'one'}, limit=10)
        self.assertEqual([], page.rows)
        self.assertEqual([], page.objects)
        self.assertEqual([], message.MessageList().objects)

    def test_get_page_accepts_extreme_times(self):
        database = self.runtime().db
        for time in (datetime.datetime.min, datetime.datetime.max):
            time = time.replace(tzinfo=datetime.timezone.utc)
            self.assertEqual([], list(message.MessageList.get_page(
                database, {}, since=time, before=time, limit=1)))


class TestTime(test_base.TestCase):

    def setUp(self):
        super().setUp()
        self.api = message_api.API(self.runtime(tables=False))

    def new_message(self, created_at):
        return self.api.new_message({
            'project_id': 'red', 'event_id': 'VOLUME_000002',
            'resource_uuid': 'a'}, created_at=created_at)

    def test_created_at_of_any_zone_is_stored_as_utc(self):
        for hours in (0, 2, -5):
            zone = datetime.timezone(datetime.timedelta(hours=hours))
            new_message = self.new_message(NOON.astimezone(zone))
            stored = message.Message.from_row(new_message.row)
            self.assertEqual(NOON, stored.created_at)
            self.assertEqual(self.new_message(NOON).row.id[:13],
                             new_message.row.id[:13])
            self.assertEqual(self.new_message(NOON).row._replace(id=None),
                             new_message.row._replace(id=None))
