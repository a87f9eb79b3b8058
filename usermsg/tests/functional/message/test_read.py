# SPDX-License-Identifier: Apache-2.0
"""Reading of single messages and pages, and deletion."""

import datetime
import itertools
import sys
import uuid

import hypothesis
from hypothesis import strategies

from usermsg.db import models
from usermsg import exception as errors
from usermsg.message import api as message_api
from usermsg.message import read_marks
from usermsg.objects import ids as ids_module
from usermsg.objects import message as message_object
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples

_MICROSECOND = datetime.timedelta(microseconds=1)
_SORTS = (message_api.NEWEST_FIRST, message_api.OLDEST_FIRST)


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.api = message_api.API(self.service)

    def fill(self, *values, step=_MICROSECOND):
        """Insert rows, each a step after the previous; return their ids."""
        rows = [samples.row(samples.START + step * number, **changes)
                for number, changes in enumerate(values)]
        samples.insert(self.service.db, rows)
        return [row['id'] for row in rows]

    def query(self, filters=None, project=samples.PROJECT, **options):
        return [message.id for message in self.api.get_all(
            samples.request(project), filters, **options).objects]


class TestTimes(TestCase):

    def test_times_are_those_that_were_stored(self):
        # With and without a fraction of a second.
        ids = self.fill(*[{}] * 3, step=datetime.timedelta(seconds=0.5))
        expected = [samples.START + datetime.timedelta(seconds=0.5) * number
                    for number in range(3)]
        reader = samples.request()
        self.assertEqual(expected, [
            self.api.get(reader, message_id).created_at
            for message_id in ids])
        page = self.api.get_all(reader, sort=message_api.OLDEST_FIRST)
        self.assertEqual(expected, [item.created_at for item in page])
        self.assertEqual([time.replace(tzinfo=None) for time in expected],
                         [row[-2] for row in page.rows])


class TestIds(TestCase):

    def test_ids_equal_those_of_the_page(self):
        self.fill(*({'message_level': ('INFO', 'WARN')[number % 2],
                     'resource_uuid': f'r-{number % 3}'}
                    for number in range(60)))
        for filters, options in (
                ({}, {}), ({}, {'limit': 7}), ({'message_level': 'INFO'}, {}),
                ({'resource_uuid': ['r-1', 'r-2'], 'event_id': 'missing'},
                 {}),
                ({'resource_uuid': ['r-1', 'r-2']}, {
                    'sort': message_api.OLDEST_FIRST, 'limit': 9}),
                ({}, {'all_projects': True, 'limit': 1000})):
            listing = self.api.prepare_list(
                samples.request(), filters, **options)
            ids, mark = listing.read_ids()
            self.assertEqual(
                sorted(message.id for message in listing.read()), sorted(ids))
            self.assertIsNone(mark)

    def test_read_mark_is_that_of_the_user_and_project(self):
        reader = samples.request()
        position = ids_module.lower_bound(samples.START)
        read_marks.ReadMarks(self.service).advance(reader, position)
        self.fill({}, {}, {'project_id': samples.OTHER_PROJECT})
        for project, reads_mark, expected in (
                (samples.PROJECT, True, position),
                (samples.PROJECT, False, None),
                (samples.OTHER_PROJECT, True, None)):
            listing = self.api.prepare_list(
                samples.request(project), reads_mark=reads_mark)
            page = listing.read()
            self.assertEqual(expected, page.read_mark)
            ids, mark = listing.read_ids()
            self.assertEqual(sorted(item.id for item in page), sorted(ids))
            self.assertEqual(expected, mark)


class TestLatest(TestCase):

    def latest(self, *resources, **filters):
        return [message.id for message in self.api.prepare_latest(
            samples.request(), {'resource_uuid': list(resources), **filters}
        ).read()]

    def test_newest_message_of_each_resource_is_returned(self):
        ids = self.fill(*({'resource_uuid': f'resource-{number % 5}'}
                          for number in range(50)))
        samples.insert(self.service.db, [samples.row(
            samples.START + _MICROSECOND * 60, resource_uuid='resource-1',
            project_id=samples.OTHER_PROJECT)])
        self.assertEqual(ids[49:44:-1], self.latest(
            *(f'resource-{number}' for number in range(100))))
        self.assertEqual([ids[48], ids[46]], self.latest(
            'resource-1', 'missing', 'resource-3'))
        self.assertEqual([ids[13], ids[11]], self.latest(
            'resource-1', 'resource-3', created_before=(
                samples.START + _MICROSECOND * 14)))
        self.assertEqual([ids[48]], self.latest(
            'resource-1', 'resource-3', created_since=(
                samples.START + _MICROSECOND * 47)))
        [newest] = self.api.prepare_latest(
            samples.request(), {'resource_uuid': 'resource-1'},
            all_projects=True).read()
        self.assertEqual(samples.OTHER_PROJECT, newest.project_id)

    def test_forms_of_a_uuid_are_one_resource(self):
        canonical = str(uuid.UUID(int=0xabc))
        forms = canonical, canonical.upper(), canonical.replace('-', '')
        ids = self.fill({'resource_uuid': forms[2]},
                        {'resource_uuid': canonical})
        for form in forms:
            self.assertEqual([ids[1]], self.latest(form))
        self.assertEqual([ids[1]], self.latest(*forms))

    def test_filter_without_an_index_raises(self):
        for filters, name in (
                ({'message_level': 'ERROR', 'resource_uuid': 'a'},
                 'message_level'),
                ({'request_id': 'req-a', 'resource_uuid': 'a'},
                 'request_id'),
                ({}, 'resource_uuid')):
            error = self.assertRaises(
                errors.InvalidInput, self.api.prepare_latest,
                samples.request(), filters)
            self.assertEqual(name, error.field)


class TestLists(TestCase):

    def test_list_of_values_matches_any_of_them(self):
        levels = ['INFO', 'WARN', 'ERROR']
        ids = self.fill(*({
            'message_level': levels[number % 3],
            'resource_uuid': f'resource-{number}' if number % 7 else None}
            for number in range(150)))[::-1]
        numbers = range(149, -1, -1)
        for filters, expected in (
                ({'message_level': ['info', 'ERROR', 'INFO']},
                 lambda number: number % 3 != 1),
                ({'message_level': ('WARN',)},
                 lambda number: number % 3 == 1),
                ({'resource_uuid': [f'resource-{number}'
                                    for number in range(100)]},
                 lambda number: number < 100 and number % 7),
                ({'resource_uuid': ['resource-1', 'resource-2', 'missing'],
                  'message_level': ['WARN', 'INFO'], 'resource_type':
                  ['volume', 'IMAGE']}, lambda number: number == 1)):
            self.assertEqual(
                [ident for number, ident in zip(numbers, ids)
                 if expected(number)], self.query(filters), filters)

    def test_uuid_of_resource_matches_given_and_canonical_form(self):
        upper, plain = samples.VOLUME.upper(), samples.VOLUME.replace('-', '')
        canonical, in_upper, in_plain, _other = self.fill(*(
            {'resource_uuid': value} for value in (
                samples.VOLUME, upper, plain, samples.VOLUME[:-1] + '9')))
        for value, expected in (
                (samples.VOLUME, [canonical]),
                (upper, [in_upper, canonical]),
                (plain, [in_plain, canonical]),
                (plain.upper(), [canonical]),
                ([upper], [in_upper, canonical]),
                ([upper, samples.VOLUME], [in_upper, canonical]),
                ([plain, upper], [in_plain, in_upper, canonical]),
                (upper[:-1], []), (upper + '0', [])):
            self.assertEqual(expected, self.query({'resource_uuid': value}),
                             value)
            self.assertEqual(expected, self.query(
                {'resource_uuid': value, 'project_id': samples.PROJECT},
                project=None, all_projects=True), value)
        self.assertEqual([upper], [
            message.resource_uuid for message in self.api.get_all(
                samples.request(), {'resource_uuid': upper}, limit=1)])

    def test_pages_of_two_resources_are_in_the_order_of_ids(self):
        names = ('a', 'b', 'c')
        ids = self.fill(*({
            'resource_uuid': names[number * number % 7 % 3],
            'message_level': ('INFO', 'ERROR')[number % 2],
            'request_id': ('req-1', 'req-2')[number % 5 > 1]}
            for number in range(60)))
        rows = [(ident, number) for number, ident in enumerate(ids)
                if number * number % 7 % 3 < 2]
        for (more, matches), sort, offset, limit in itertools.product((
                ({}, lambda number: True),
                ({'message_level': 'INFO'}, lambda number: not number % 2),
                ({'request_id': 'req-1'}, lambda number: number % 5 < 2)),
                _SORTS, (0, 3), (1, 10, 1000)):
            expected = [ident for ident, number in rows if matches(number)]
            if sort == message_api.NEWEST_FIRST:
                expected.reverse()
            filters = {'resource_uuid': ['a', 'b'], **more}
            for number, marker in ((0, None), (6, expected[5])):
                self.assertEqual(
                    expected[number:][offset:offset + limit], self.query(
                        filters, sort=sort, offset=offset, limit=limit,
                        marker=marker), (filters, sort))
            for limit, has_more in ((len(expected) - 1, True),
                                    (len(expected), False)):
                self.assertEqual(
                    has_more, message_object.MessageList.has_more_than(
                        self.service.db, {
                            'project_id': samples.PROJECT,
                            'resource_uuid': ('a', 'b'), **more}, limit))

    def test_sorted_pages_of_two_resources(self):
        self.fill(*({
            'resource_uuid': 'abc'[number % 3],
            'event_id': f'VOLUME_{number * 7 % 20:06}'}
            for number in range(20)))
        page = self.api.prepare_sorted_list(
            samples.request(), {'resource_uuid': ['a', 'c']},
            [('event_id', False), ('id', False)], limit=5, offset=2).read()
        self.assertEqual(
            sorted(f'VOLUME_{number * 7 % 20:06}' for number in range(20)
                   if number % 3 != 1)[2:7],
            [message.event_id for message in page])

    def test_largest_limit_of_two_resources_is_accepted(self):
        ids = self.fill({'resource_uuid': 'a'}, {'resource_uuid': 'b'})
        self.assertEqual(ids[:1], self.query(
            {'resource_uuid': ['a', 'b']}, limit=sys.maxsize, offset=1))

    def test_invalid_list_is_refused(self):
        for name, value in (
                ('message_level', []), ('message_level', ['INFO', 'x']),
                ('message_level', ['INFO'] * 101), ('request_id', ['a']),
                ('resource_uuid', ['a', 7]), ('resource_uuid', ['a', ''])):
            error = self.assertRaises(
                errors.InvalidInput, self.query, {name: value})
            self.assertEqual(name, error.field)


class TestGetAndDelete(TestCase):

    def test_get_returns_every_column(self):
        row = samples.row(
            user_id='a user', request_id=samples.REQUEST, action_id='002',
            detail_id='003', created_at=datetime.datetime(
                2026, 1, 31, 12, 0, 0, 999999))
        samples.insert(self.service.db, [row])
        message = self.api.get(samples.request(), row['id'])
        for name, value in row.items():
            if name in ('created_at', 'expires_at'):
                value = value.replace(tzinfo=datetime.timezone.utc)
            self.assertEqual(value, getattr(message, name), name)

    def test_get_ignores_letter_case_of_id(self):
        message_id, = self.fill({})
        self.assertEqual(message_id, self.api.get(
            samples.request(), message_id.upper()).id)

    def test_message_of_other_project_is_not_found(self):
        message_id, = self.fill({})
        for project in (samples.OTHER_PROJECT, samples.PROJECT.upper(), None,
                        '', samples.PROJECT[:-1], samples.PROJECT + ' ', '%'):
            context = samples.request(project)
            for call in (self.api.get, self.api.delete):
                self.assertRaises(errors.MessageNotFound, call, context,
                                  message_id)
            self.assertEqual([], self.query(project=project))
        self.assertEqual([message_id], self.query())

    def test_all_projects_finds_message_of_other_project(self):
        message_id, = self.fill({})
        context = samples.request(samples.OTHER_PROJECT)
        self.assertEqual(message_id, self.api.get(
            context, message_id, all_projects=True).id)
        self.api.delete(context, message_id, all_projects=True)
        self.assertEqual([], samples.stored(self.service.db))

    def test_unknown_id_raises_message_not_found(self):
        self.fill({})
        for message_id in (str(uuid.uuid4()), 'x', '', None, 7, '%',
                           '\x00' * 36, "' OR 1=1 --", 'caf\xe9', 'a' * 10000):
            for call in (self.api.get, self.api.delete):
                self.assertRaises(errors.MessageNotFound, call,
                                  samples.request(), message_id)

    def test_delete_removes_only_the_given_message(self):
        first, second, third = self.fill({}, {}, {})
        self.api.delete(samples.request(), second)
        self.assertRaises(errors.MessageNotFound, self.api.delete,
                          samples.request(), second)
        self.assertEqual([first, third], [
            row['id'] for row in samples.stored(self.service.db)])


class TestPages(TestCase):

    def test_default_order_is_newest_first(self):
        ids = self.fill({}, {}, {})
        self.assertEqual(ids[::-1], self.query())
        self.assertEqual(ids[::-1], self.query(sort=message_api.NEWEST_FIRST))
        self.assertEqual(ids, self.query(sort=message_api.OLDEST_FIRST))

    def test_page_has_at_most_limit_messages(self):
        ids = self.fill({}, {}, {})
        self.assertEqual(ids[:2], self.query(
            limit=2, sort=message_api.OLDEST_FIRST))
        self.assertEqual(ids, self.query(
            limit=3, sort=message_api.OLDEST_FIRST))
        # Larger than the largest integer of any database.
        self.assertEqual(ids, self.query(
            limit=10 ** 30, sort=message_api.OLDEST_FIRST))

    def test_marker_is_a_position_also_without_its_message(self):
        first, deleted, in_other_project, last = self.fill(
            {}, {}, {'project_id': samples.OTHER_PROJECT}, {})
        self.api.delete(samples.request(), deleted)
        for marker in (deleted, in_other_project,
                       in_other_project.upper()):
            self.assertEqual([first], self.query(marker=marker))
            self.assertEqual([last], self.query(
                marker=marker, sort=message_api.OLDEST_FIRST))
        for marker, newer in ((str(uuid.UUID(int=0)), [first, last]),
                              (str(uuid.UUID(int=2 ** 128 - 1)), [])):
            self.assertEqual(newer, self.query(
                marker=marker, sort=message_api.OLDEST_FIRST))

    def test_page_excludes_the_marker(self):
        first, second = self.fill({}, {})
        self.assertEqual([first], self.query(marker=second))
        self.assertEqual([second], self.query(
            marker=first, sort=message_api.OLDEST_FIRST))

    def test_time_filters_are_inclusive_to_the_microsecond(self):
        ids = self.fill(*[{}] * 5)
        moment = samples.START + 2 * _MICROSECOND
        for time in (moment, moment.isoformat(),
                     moment.replace(tzinfo=None),
                     moment.astimezone(datetime.timezone(
                         datetime.timedelta(hours=-5))).isoformat()):
            self.assertEqual(ids[2:][::-1],
                             self.query({'created_since': time}))
            self.assertEqual(ids[:3][::-1],
                             self.query({'created_before': time}))
            self.assertEqual([ids[2]], self.query(
                {'created_since': time, 'created_before': time}))
        self.assertEqual([], self.query(
            {'created_since': moment, 'created_before': samples.START}))

    def test_time_filters_agree_with_created_at_near_milliseconds(self):
        rows = [samples.row(samples.START + number * _MICROSECOND)
                for number in range(995, 1006)]
        samples.insert(self.service.db, rows)
        for row in rows:
            self.assertEqual(
                [candidate['id'] for candidate in rows
                 if candidate['created_at'] >= row['created_at']],
                self.query({'created_since': row['created_at']},
                           sort=message_api.OLDEST_FIRST))

    def test_messages_of_one_microsecond_are_ordered_by_id(self):
        rows = sorted((samples.row() for _ in range(10)),
                      key=lambda row: row['id'])
        samples.insert(self.service.db, rows)
        ids = [row['id'] for row in rows]
        self.assertEqual(ids[::-1], self.query(
            {'created_since': samples.START,
             'created_before': samples.START}))
        self.assertEqual(ids[:5][::-1], self.query(marker=ids[5]))

    def test_minimum_and_maximum_times_are_valid_filters(self):
        message_id, = self.fill({})
        first = datetime.datetime.min
        last = datetime.datetime.max
        for zone in (None, datetime.timezone.utc):
            begin, end = first.replace(tzinfo=zone), last.replace(tzinfo=zone)
            self.assertEqual([message_id], self.query(
                {'created_since': begin, 'created_before': end}))
            self.assertEqual([], self.query({'created_since': end}))
            self.assertEqual([], self.query({'created_before': begin}))

    def test_invalid_parameter_is_named(self):
        for name, options in (
                ('limit', {'limit': 0}), ('limit', {'limit': -1}),
                ('limit', {'limit': '5'}), ('limit', {'limit': None}),
                ('limit', {'limit': 1.5}),
                ('sort', {'sort': 'id'}), ('sort', {'sort': None}),
                ('marker', {'marker': 'x'}), ('marker', {'marker': ''}),
                ('marker', {'marker': 7}),
                ('colour', {'filters': {'colour': 'red'}}),
                ('user_id', {'filters': {'user_id': 'me'}}),
                ('created_since', {'filters': {'created_since': 'today'}}),
                ('created_before', {'filters': {'created_before': 5}}),
                ('project_id', {'filters': {
                    'project_id': samples.OTHER_PROJECT}}),
                *((field, {'filters': {field: value}})
                  for field in ('resource_type', 'resource_uuid', 'event_id',
                                'request_id', 'message_level', 'prefix')
                  for value in ('', 'a\x00', 'caf\xe9', ' a', 'x' * 256,
                                None, 7, [], ['']))):
            error = self.assertRaises(errors.InvalidInput, self.query,
                                      **options)
            self.assertEqual(name, error.field, options)


class TestFilters(TestCase):

    def test_filters_can_be_combined(self):
        values = {'resource_type': ('VOLUME', 'IMAGE'),
                  'resource_uuid': ('one', 'two'),
                  'event_id': ('VOLUME_000001', 'VOLUME_000002'),
                  'request_id': ('req-1', 'req-2'),
                  'message_level': ('ERROR', 'INFO'),
                  'prefix': ('VOLUME', 'IMAGE'),
                  'project_id': (samples.PROJECT, samples.OTHER_PROJECT)}
        rows = [samples.row(samples.START + number * _MICROSECOND,
                            **dict(zip(values, combination)))
                for number, combination in enumerate(
                    itertools.product(*values.values()))]
        samples.insert(self.service.db, rows)
        for size in range(len(values) + 1):
            for names in itertools.combinations(values, size):
                filters = {name: values[name][size % 2] for name in names}
                is_own = filters.get('project_id') == samples.PROJECT
                self.assertEqual(
                    [row['id'] for row in rows
                     if all(row[name] == value
                            for name, value in filters.items())],
                    self.query(filters, all_projects=not is_own,
                               sort=message_api.OLDEST_FIRST), filters)

    def test_all_projects_with_and_without_project_filter(self):
        in_project, in_other_project = self.fill(
            {}, {'project_id': samples.OTHER_PROJECT})
        self.assertEqual([in_project], self.query())
        self.assertEqual([in_project], self.query(
            {'project_id': samples.PROJECT}))
        self.assertEqual([in_other_project, in_project],
                         self.query(all_projects=True))
        self.assertEqual([in_other_project], self.query(
            {'project_id': samples.OTHER_PROJECT}, all_projects=True))

    def test_only_types_and_levels_are_case_insensitive(self):
        capitalized, lower_case = self.fill(
            {'resource_uuid': 'Abc', 'request_id': 'Q'},
            {'resource_uuid': 'abc', 'request_id': 'q'})
        for name, values in (('resource_uuid', ('Abc', 'abc')),
                             ('request_id', ('Q', 'q'))):
            self.assertEqual([capitalized], self.query({name: values[0]}))
            self.assertEqual([lower_case], self.query({name: values[1]}))
        self.assertEqual([], self.query({'resource_uuid': 'ABC'}))
        for name, value in (('resource_type', 'Volume'),
                            ('message_level', 'error')):
            self.assertEqual([lower_case, capitalized],
                             self.query({name: value}))

    def test_wildcards_match_literally(self):
        self.fill({'resource_uuid': 'a_c'}, {'resource_uuid': 'abc'})
        for value, count in (('a_c', 1), ('a%', 0), ('%', 0), ('a*', 0)):
            self.assertEqual(count, len(self.query({'resource_uuid': value})))

    def test_filter_with_bare_event_id(self):
        message_id, = self.fill({})
        self.assertEqual([message_id], self.query({'event_id': '000002'}))


class TestEveryPage(TestCase):

    def test_consecutive_pages_contain_the_whole_list(self):
        # Few distinct values, so that rows and filters often match.
        row = strategies.fixed_dictionaries({
            'project_id': strategies.sampled_from(
                [samples.PROJECT, samples.OTHER_PROJECT]),
            'resource_uuid': strategies.sampled_from(['one', 'One', None]),
            'request_id': strategies.sampled_from(['req-1', None]),
            'message_level': strategies.sampled_from(['ERROR', 'INFO'])})
        moment = strategies.integers(0, 8)
        filters = strategies.fixed_dictionaries({}, optional={
            'resource_uuid': strategies.sampled_from(['one', 'One']),
            'request_id': strategies.just('req-1'),
            'message_level': strategies.sampled_from(['ERROR', 'INFO']),
            'created_since': moment.map(_time),
            'created_before': moment.map(_time)})

        @hypothesis.settings(max_examples=40, deadline=None, database=None,
                             derandomize=True)
        @hypothesis.given(strategies.lists(strategies.tuples(moment, row),
                                           max_size=12),
                          filters, strategies.integers(1, 5),
                          strategies.sampled_from(_SORTS),
                          strategies.booleans())
        def check(content, filters, limit, sort, all_projects):
            rows = sorted((samples.row(_time(number), **values)
                           for number, values in content),
                          key=lambda row: row['id'],
                          reverse=sort == message_api.NEWEST_FIRST)
            with self.service.db.engine().begin() as connection:
                connection.execute(models.messages.delete())
            samples.insert(self.service.db, rows)

            pages = [[]]
            while page := self.query(
                    filters, limit=limit, sort=sort,
                    marker=pages[-1][-1] if pages[-1] else None,
                    all_projects=all_projects):
                pages.append(page)
            self.assertEqual(
                [row['id'] for row in rows
                 if all_projects or row['project_id'] == samples.PROJECT
                 if _matches(row, filters)],
                list(itertools.chain(*pages)))
            for page in pages[1:-1]:
                self.assertEqual(limit, len(page))

        check()


def _time(number):
    return samples.START + number * _MICROSECOND


def _matches(row, filters):
    since = filters.get('created_since', samples.START)
    before = filters.get('created_before', _time(100))
    created_at = row['created_at'].replace(tzinfo=datetime.timezone.utc)
    return since <= created_at <= before and all(
        row[name] == value for name, value in filters.items()
        if name not in ('created_since', 'created_before'))
