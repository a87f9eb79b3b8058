# SPDX-License-Identifier: Apache-2.0
"""Sorted lists of each database, compared with sorted lists of Python."""

import datetime
import itertools
import random

from usermsg import context
from usermsg.message import api as message_api
from usermsg.objects import ids
from usermsg.objects import message
from usermsg.tests.fixtures import databases

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

#: Values that databases may order by different rules: empty, letter case,
#: punctuation, digits, prefixes of each other.
_TEXTS = (None, 'a', 'B', 'b', 'A', 'a b', 'a-b', 'a_b', 'ab', 'a!', '~', '10',
          '9', '_')

_KEYS = ('resource_uuid', 'request_id', 'resource_type', 'event_id',
         'action_id', 'message_level', 'expires_at', 'created_at')


class TestSortedLists(databases.TestCase):

    def setUp(self):
        super().setUp()
        runtime = self.runtime()
        self.db = runtime.db
        self.api = message_api.API(runtime)
        self.context = context.RequestContext(project_id='red')
        generator = random.Random(1)
        choose = generator.choice
        new_messages = [
            self.api.new_message({
                'project_id': 'red',
                'resource_uuid': choose(_TEXTS),
                'request_id': choose(_TEXTS),
                'message_level': choose(('INFO', 'WARN', 'ERROR')),
                **choose(({'event_id': 'VOLUME_000002'},
                          {'event_id': 'VOLUME_000003'},
                          {'action': '001', 'resource_type': 'VOLUME'}))},
                # Pairs of messages with equal times.
                created_at=_START + datetime.timedelta(seconds=number // 2))
            for number in range(60)]
        message.MessageList.record(self.db, new_messages)
        self.stored = list(self.api.get_all(self.context))
        self.assertEqual(60, len(self.stored))

    def sort(self, keys):
        messages = list(self.stored)
        for name, descending in reversed(keys):
            messages.sort(reverse=descending, key=lambda message: (
                getattr(message.row, name) is not None,
                getattr(message.row, name)))
        return messages

    def read(self, keys, filters=None, **options):
        return _ids(self.api.prepare_sorted_list(
            self.context, filters, keys, **options).read())

    def test_list_sorted_by_a_column_has_the_order_of_bytes(self):
        for name, *descending in itertools.product(
                _KEYS, (False, True), (False, True)):
            keys = list(zip((name, 'id'), descending))
            self.assertEqual(_ids(self.sort(keys)), self.read(keys), keys)

    def test_list_sorted_by_many_columns_continues_behind_the_marker(self):
        generator = random.Random(2)
        for _ in range(40):
            names = generator.sample(_KEYS, generator.randint(1, 4))
            keys = [(name, generator.random() < 0.5)
                    for name in (*names, 'id')]
            expected = self.sort(keys)
            number, offset = generator.randrange(60), generator.choice((0, 3))
            self.assertEqual(
                _ids(expected[number + 1:][offset:offset + 10]),
                self.read(keys, marker=expected[number], offset=offset,
                          limit=10), (keys, number))

    def test_list_of_two_resources_continues_behind_the_marker(self):
        for descending in False, True:
            keys = [('created_at', descending), ('message_level', True),
                    ('id', False)]
            expected = [message for message in self.sort(keys)
                        if message.row.resource_uuid in ('a', 'b')]
            self.assertEqual(
                _ids(expected[2:5]),
                self.read(keys, {'resource_uuid': ['a', 'b']},
                          marker=expected[1], limit=3))

    def test_sort_reads_the_newest_messages(self):
        page = message.MessageList.get_sorted_page(
            self.db, {'project_id': 'red'},
            [('message_level', False), ('id', False)], number=6, limit=60)
        self.assertEqual(set(_ids(self.stored[:6])), set(_ids(page)))
        self.assertGreater(min(_ids(page)), ids.lower_bound(
            _START + datetime.timedelta(seconds=27)))

    def test_sort_reads_the_oldest_messages(self):
        page = message.MessageList.get_sorted_page(
            self.db, {'project_id': 'red'},
            [('created_at', False), ('message_level', False), ('id', False)],
            number=6, oldest=True, limit=60)
        self.assertEqual(set(_ids(self.stored[-6:])), set(_ids(page)))

    def test_sort_scans_an_index_of_the_project_or_resource(self):
        explain = ('EXPLAIN QUERY PLAN ' if self.db.dialect == 'sqlite' else
                   'EXPLAIN ')
        for filters, index in (
                # Without statistics PostgreSQL may use any of them.
                ({'project_id': 'red'}, r'messages_project_\w*idx'),
                ({'project_id': 'red', 'prefix': 'VOLUME'},
                 r'messages_project_\w*idx'),
                ({'project_id': 'red', 'resource_uuid': 'a'},
                 r'messages_project_\w*idx'),
                # A resource in all projects, and the two forms of its id.
                ({'prefix': 'VOLUME', 'resource_uuid': 'a'},
                 'messages_resource_uuid_id_idx'),
                ({'prefix': 'VOLUME', 'resource_uuid': ('a', 'A')},
                 'messages_resource_uuid_id_idx')):
            query, values = message.sorted_page_query(
                self.db.dialect, filters,
                [('event_id', False), ('id', False)], number=10, limit=5)
            with self.db.engine().connect() as connection:
                text, parameters = query.prepare(connection.dialect, values)
                plan = connection.exec_driver_sql(
                    explain + text, parameters).all()
            self.assertRegex(str(plan), index)


def _ids(messages):
    return [message.id for message in messages]
