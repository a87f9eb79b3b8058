# SPDX-License-Identifier: Apache-2.0
"""Summaries of lists on every database."""

import collections
import datetime

from usermsg.objects import message_summary
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples
from usermsg import validation

_SECOND = datetime.timedelta(seconds=1)
_NUMBER = message_summary.MAX_EXAMINED


class TestCount(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def fill(self, *values):
        """Insert rows, each a second after the previous; return their ids."""
        rows = [samples.row(samples.START + _SECOND * number, **changes)
                for number, changes in enumerate(values)]
        samples.insert(self.db, rows)
        return [row['id'] for row in rows]

    def test_unread_messages_are_newer_than_the_mark(self):
        ids = self.fill(*({'message_level': validation.LEVELS[number % 2]}
                          for number in range(9)))
        for read_mark, expected in (
                (None, (5, 4)), (ids[0], (4, 4)), (ids[7], (1, 0)),
                (ids[8], (0, 0))):
            counts = message_summary.count(
                self.db, {'project_id': samples.PROJECT}, read_mark)
            self.assertEqual(expected, tuple(
                counts[level].unread for level in ('INFO', 'WARN')))
            self.assertEqual(5, counts['INFO'].total)

    def test_more_unread_depends_on_the_oldest_examined_message(self):
        ids = self.fill(*[{}] * (_NUMBER + 3))
        for read_mark, unread, more_unread in (
                (None, _NUMBER, True), (ids[2], _NUMBER, True),
                (ids[3], _NUMBER - 1, False), (ids[-3], 2, False)):
            count = message_summary.count(
                self.db, {'project_id': samples.PROJECT}, read_mark)['ERROR']
            self.assertEqual(
                (_NUMBER, True, unread, more_unread),
                (count.total, count.more, count.unread, count.more_unread))

    def count(self, project_id=samples.PROJECT, **filters):
        """Return level -> (total, more, newest id)."""
        times = {name: filters.pop(name) for name in ('since', 'before')
                 if name in filters}
        if project_id is not None:
            filters['project_id'] = project_id
        return {
            level: (count.total, count.more, count.newest) for level, count in
            message_summary.count(self.db, filters, **times).items()}

    def test_project_without_messages_has_zero_of_each_level(self):
        self.fill({'project_id': samples.OTHER_PROJECT})
        self.assertEqual(
            dict.fromkeys(validation.LEVELS, (0, False, None)), self.count())

    def test_counts_equal_those_of_the_rows_for_each_filter(self):
        values = [{
            'message_level': validation.LEVELS[number % 3],
            'resource_uuid': f'r-{number % 4}',
            'request_id': f'req-{number % 5}' if number % 2 else None,
            'event_id': f'VOLUME_00000{number % 7}',
            'project_id': (samples.OTHER_PROJECT if number % 11 == 0
                           else samples.PROJECT)} for number in range(120)]
        ids = self.fill(*values)
        for filters in (
                {}, {'project_id': None}, {'message_level': 'WARN'},
                {'message_level': ('INFO', 'WARN')},
                {'resource_uuid': 'r-1'}, {'request_id': 'req-3'},
                {'resource_uuid': 'r-3', 'message_level': 'ERROR'},
                {'resource_uuid': ('r-1', 'r-2', 'r-3')},
                {'event_id': 'VOLUME_000003'},
                {'project_id': None, 'event_id': 'VOLUME_000003',
                 'request_id': 'req-1'},
                {'since': samples.START + 30 * _SECOND,
                 'before': samples.START + 90 * _SECOND,
                 'event_id': ('VOLUME_000001', 'VOLUME_000002')}):
            expected = collections.defaultdict(list)
            for number, row in enumerate(values):
                if self.matches(row, number, {
                        'project_id': samples.PROJECT, **filters}):
                    expected[row['message_level']].append(ids[number])
            self.assertEqual({
                level: (len(expected[level]), False,
                        max(expected[level], default=None))
                for level in validation.LEVELS}, self.count(**filters),
                filters)

    def matches(self, row, number, filters):
        made = samples.START + number * _SECOND
        if (made < filters.get('since', made) or
                made > filters.get('before', made)):
            return False
        return all(
            row[name] in (value if isinstance(value, tuple) else [value])
            for name, value in filters.items()
            if name not in ('since', 'before') and value is not None)

    def test_messages_beyond_the_limit_are_not_counted(self):
        ids = self.fill(
            {'message_level': 'WARN', 'event_id': 'VOLUME_000009'},
            *[{'message_level': 'ERROR'}] * (_NUMBER - 1),
            *[{'message_level': 'WARN'}] * _NUMBER)
        empty = (0, False, None)
        error, warn = ids[_NUMBER - 1], ids[-1]
        self.assertEqual(
            {'INFO': empty, 'ERROR': (_NUMBER - 1, False, error),
             'WARN': (_NUMBER, True, warn)}, self.count())
        # The matching message wasn't examined.
        self.assertEqual(
            {'INFO': empty, 'ERROR': empty, 'WARN': (0, True, None)},
            self.count(event_id='VOLUME_000009'))
        self.assertEqual(
            {'INFO': empty, 'ERROR': empty, 'WARN': (_NUMBER, False, warn)},
            self.count(message_level='WARN',
                       since=samples.START + _SECOND))

    def test_messages_of_a_resource_are_examined_without_their_level(self):
        ids = self.fill(
            {'message_level': 'ERROR'},
            *[{'message_level': 'INFO'}] * (3 * _NUMBER - 1))
        resource = {'resource_uuid': samples.VOLUME}
        self.assertEqual(
            {'INFO': (3 * _NUMBER - 1, False, ids[-1]),
             'WARN': (0, False, None), 'ERROR': (1, False, ids[0])},
            self.count(**resource))
        samples.insert(self.db, [samples.row(
            samples.START - _SECOND, message_level='WARN')])
        self.assertEqual(
            {'INFO': (3 * _NUMBER - 1, True, ids[-1]),
             'WARN': (0, True, None), 'ERROR': (1, True, ids[0])},
            self.count(**resource))
        self.assertEqual(
            {'INFO': (0, False, None), 'WARN': (0, True, None),
             'ERROR': (0, False, None)},
            self.count(message_level='WARN', **resource))
        self.assertEqual(
            (1, True, ids[0]), self.count(project_id=None)['ERROR'])
