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

# A change here needs a new VERSION: other hosts may run the older code.
FINGERPRINTS = {
    'Image': '1.0-9d70ac8bf9770690bb6f525f20b8b5b6',
    'Message': '1.0-86048e013637ed116f5bc6b6de439cfe',
    'MessageList': '1.0-15ecf022a68ddbb8c2a6739cfc9f8f5e',
    'MessagePayload': '1.0-16e86336f402701091036eb6735f8955',
}

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)

COLUMNS = list(models.messages.c.keys())


def set_one_by_one(row):
    """The slow way, which coerces and so checks each value."""
    return message.Message(**{
        name: value.replace(tzinfo=datetime.timezone.utc)
        if isinstance(value, datetime.datetime) else value
        for name, value in zip(COLUMNS, row)})


def row_of(found):
    return tuple(
        value.replace(tzinfo=None) if isinstance(value, datetime.datetime)
        else value for value in (getattr(found, name) for name in COLUMNS))


class FingerprintTest(testtools.TestCase):

    def test_no_object_changes_without_its_version(self):
        for module in pkgutil.iter_modules(objects.__path__):
            importlib.import_module(f'{objects.__name__}.{module.name}')
        classes = {
            name: found for name, found in
            vo_base.VersionedObjectRegistry.obj_classes().items()
            if issubclass(found[0], base.UsermsgObject)}
        expected, actual = fixture.ObjectVersionChecker(classes).test_hashes(
            FINGERPRINTS)
        self.assertEqual(expected, actual)


class MessageTest(testtools.TestCase):

    def test_the_fields_are_the_columns(self):
        self.assertEqual(COLUMNS, list(message.Message.fields))
        for column in models.messages.columns:
            self.assertEqual(column.nullable,
                             message.Message.fields[column.name].nullable,
                             column.name)

    @hypothesis.given(message_rows.ROWS)
    def test_from_a_row_is_the_same_as_setting_the_fields(self, row):
        quick = message.Message.from_row(row)
        slow = set_one_by_one(row)
        slow.obj_reset_changes()
        for name in message.Message.fields:
            self.assertEqual(getattr(slow, name), getattr(quick, name), name)
            self.assertIs(type(getattr(slow, name)),
                          type(getattr(quick, name)))
        self.assertEqual(slow.obj_to_primitive(), quick.obj_to_primitive())
        self.assertEqual(set(), quick.obj_what_changed())

    @hypothesis.given(message_rows.ROWS)
    def test_to_a_row_and_back(self, row):
        self.assertEqual(row, row_of(set_one_by_one(row)))
        quick = message.Message.from_row(row)
        self.assertEqual(row, row_of(quick))

    @hypothesis.given(message_rows.ROWS)
    def test_to_a_primitive_and_back(self, row):
        # A primitive has whole seconds: it goes to other hosts' logs and
        # caches, never into the database.
        row = row._replace(**{
            name: getattr(row, name).replace(microsecond=0)
            for name in ('created_at', 'expires_at')})
        quick = message.Message.from_row(row)
        primitive = quick.obj_to_primitive()
        self.assertEqual('usermsg', primitive['usermsg_object.namespace'])
        back = message.Message.obj_from_primitive(primitive)
        self.assertEqual(row, row_of(back))

    @hypothesis.given(strategies.lists(message_rows.ROWS, max_size=3))
    def test_a_list_to_a_primitive_and_back(self, rows):
        page = message.MessageList()
        page.objects = [message.Message.from_row(row)
                        for row in rows]
        back = message.MessageList.obj_from_primitive(page.obj_to_primitive())
        self.assertEqual([row.id for row in rows],
                         [found.id for found in back])

    @hypothesis.given(message_rows.ROWS)
    def test_a_message_is_pickled_and_back(self, row):
        # A service may hand what create() returned to another process.
        found = message.Message.from_row(row)
        self.assertEqual(found.row, pickle.loads(  # nosec B301
            pickle.dumps(found)).row)


class PageTest(test_base.TestCase):

    def test_the_quick_list_is_a_list_of_messages(self):
        database = self.runtime().db
        now = datetime.datetime(2026, 1, 31, 12, 0, 0, 123456,
                                tzinfo=datetime.timezone.utc)
        times = [now + datetime.timedelta(microseconds=n) for n in range(3)]
        new_messages = [message.NewMessage(message_rows.ROW._replace(
            id=ids.mint(time), project_id='one',
            created_at=time.replace(tzinfo=None))) for time in times]
        made = message.MessageList.record(database, new_messages)
        self.assertEqual([(new_message.row, True) for new_message in new_messages],
                         [(result.row, result.new) for result in made])
        page = message.MessageList.get_page(database, {'project_id': 'one'},
                                            limit=10)
        self.assertEqual([new_message.row for new_message in reversed(new_messages)],
                         [row_of(found) for found in page])
        self.assertEqual(3, len(page))
        self.assertIsInstance(page[0], message.Message)
        self.assertEqual(set(), page.obj_what_changed())

    def test_a_page_of_all_times(self):
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

    def test_a_time_of_any_zone_is_stored_as_utc(self):
        for hours in (0, 2, -5):
            zone = datetime.timezone(datetime.timedelta(hours=hours))
            new_message = self.new_message(NOON.astimezone(zone))
            made = message.Message.from_row(new_message.row)
            self.assertEqual(NOON, made.created_at)
            self.assertEqual(self.new_message(NOON).row.id[:13],
                             new_message.row.id[:13])
            self.assertEqual(self.new_message(NOON).row._replace(id=None),
                             new_message.row._replace(id=None))
