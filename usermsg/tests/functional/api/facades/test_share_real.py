# SPDX-License-Identifier: Apache-2.0
"""The share facade beside the real Manila.

Manila checks its own answers, and refuses to list or show messages that are
no errors or have no resource, so none of these can be compared.
"""

import functools
import itertools

from usermsg.tests.fixtures import comparison
from usermsg.tests.fixtures import manila

_LIST = '/v2/messages'

_OUTCOMES = [
    comparison.Outcome('SHARE', '001', '003'),
    comparison.Outcome('SHARE', '008', '013'),
    comparison.Outcome('SHARE_SNAPSHOT', '002', '007'),
    comparison.Outcome('SHARE_REPLICA', '004', '004'),
    comparison.Outcome('SHARE', '001', '003', microseconds=123456),
]


@functools.cache
def _pair():
    return comparison.Pair(
        manila.Manila, '/share', 'X-OpenStack-Manila-API-Version',
        _OUTCOMES, 'IMAGE_IMAGE_001_001')


def ask(path=_LIST, version='2.52', who='member', method='GET', body=None,
        **headers):
    return comparison.Request(
        path, version, who, method,
        {name.replace('_', '-'): value for name, value in headers.items()},
        body)


def lists(queries, versions=('2.37', '2.52'), whos=('member',)):
    return [ask(f'{_LIST}?{query}', version, who)
            for query, version, who in itertools.product(
                queries, versions, whos)]


class TestShareFacade(comparison.TestCase):

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def test_every_version_since_messages_were_there(self):
        versions = (None, '2.0', '2.36', '2.37', '2.38', '2.51', '2.52',
                    '2.59', '2.60', '2.65', '2.99', '2.100', '2.999', '3.0',
                    '1.0', '2.99999999999999999999')
        self.assert_same(ask(version=version) for version in versions)
        self.assert_same(
            ask(path, version, method=method)
            for (path, method), version in itertools.product(
                (('/v2/messages/{id1}', 'GET'), ('/v2/{red}/messages', 'GET'),
                 ('/v2/messages/{unknown}', 'DELETE')),
                ('2.36', '2.37', '2.99', '2.100')))

    def test_a_version_that_is_malformed(self):
        versions = ('Latest', '2', '2.', '.37', '2.037', '02.37', '2.37.1',
                    'abc', '', '2.52,2.37', '2.37, 2.52', 'share 2.52',
                    'shared-file-system 2.52', '-2.37', '2.-37', '2.5\xe9')
        self.assert_same(ask(version=version) for version in versions)
        self.assert_same([ask('/v2/messages/{id1}', 'x'),
                          ask('/v2/messages/{id1}', 'x', method='DELETE')])

    def test_the_own_header_comes_first(self):
        self.assert_same(ask(OpenStack_API_Version=version) for version in (
            'shared-file-system 2.37', 'shared-file-system 2.999', 'x'))

    def test_pages(self):
        self.assert_same(lists((
            'limit=1', 'limit=2', 'limit=4', 'limit=5', 'limit=6',
            'limit=0', 'limit=-1', 'limit=1000', 'limit=1001',
            'limit=2147483647', 'limit=x', 'limit=', 'limit', 'limit=1.5',
            'LIMIT=1', 'offset=0', 'offset=1', 'offset=4', 'offset=5',
            'offset=100', 'offset=-1', 'offset=x', 'offset=',
            'offset=1.5', 'offset=2147483647', 'offset=2147483648',
            'limit=2&offset=1', 'limit=0&offset=1',
            'limit=2&message_level=ERROR', 'limit=1&resource_type=SHARE',
            'limit=1&sort_dir=asc&sort_key=id',
            'limit=1&created_since=2026-11-21T20:09:03'), ('2.52',)))
        self.assert_same(lists(
            ('limit=2', 'limit=-1', 'offset=1', 'limit=2&offset=1'),
            ('2.37',)))

    def test_a_page_within_a_project(self):
        self.assert_same(ask(f'/v2/{{red}}/messages?{query}')
                         for query in ('limit=2', 'limit=1&offset=1',
                                       'limit=1&sort_key=id'))

    def test_parameters_that_stand_there_twice(self):
        self.assert_same(lists(
            [f'{name}=1&{name}=2' for name in (
                'limit', 'offset', 'sort_key', 'sort_dir', 'action_id',
                'detail_id', 'message_level', 'request_id',
                'resource_id')]))
        self.assert_same(lists(
            ['created_since=2026-11-21&created_since=2026-11-22'],
            ['2.52']))

    def test_sorted(self):
        # What is equal stands in no particular order there.
        self.assert_same(lists((
            'sort_key=created_at', 'sort_key=created_at&sort_dir=asc',
            'sort_key=id', 'sort_key=id&sort_dir=asc',
            'sort_key=request_id', 'sort_key=request_id&sort_dir=asc',
            'sort_key=resource_id', 'sort_key=resource_id&sort_dir=asc',
            'sort_key=expires_at', 'sort_key=expires_at&sort_dir=asc',
            'sort_dir=asc', 'sort_dir=desc', 'sort_dir=ASC',
            'sort_dir=DESC', 'sort_dir=nope', 'sort_dir=',
            'sort=created_at:asc', 'sort=id&sort_key=id',
            'sort_key=resource_uuid', 'sort_key=user_message',
            'sort_key=nope', 'sort_key=', 'sort_key=user_id',
            'sort_key=links', 'sort_key=id,created_at',
            'sort_key=event_id', 'sort_key=prefix',
            'sort_key=action_id&message_level=nope'), ('2.52',)))

    def test_filters(self):
        resource = 'aaaaaaaa-0000-4000-8000-000000000001'
        request = 'req-bbbbbbbb-0000-4000-8000-000000000001'
        self.assert_same(lists((
            f'resource_id={resource}', f'resource_id={resource.upper()}',
            'resource_id=nope', 'resource_id=',
            f'resource_id={"a" * 300}', 'resource_type=SHARE',
            'resource_type=SHARE_SNAPSHOT', 'resource_type=nope',
            'resource_type=', 'action_id=001', 'action_id=1',
            'action_id=008', 'action_id=nope', 'action_id=',
            'detail_id=003', 'detail_id=nope', 'detail_id=',
            f'request_id={request}', 'request_id=nope', 'request_id=',
            'message_level=ERROR', 'message_level=INFO',
            'message_level=nope', 'message_level=', 'message_level=%00',
            'message_level=%C3%A9', 'resource_type=SHARE&action_id=001',
            'action_id=001&detail_id=013', '&', '&&limit=1'),
            ('2.37',)))
        self.assert_same(lists((
            f'resource_id={resource}', 'resource_type=SHARE_SNAPSHOT',
            'action_id=008', 'detail_id=003', f'request_id={request}',
            'message_level=ERROR'), ('2.52', '2.99'),
            ('member', 'admin')))

    def test_what_else_a_query_has_is_ignored(self):
        self.assert_same(lists((
            f'resource_uuid={comparison.UNKNOWN}', 'event_id=x',
            'id={id1}', 'project_id={red}', 'project_id={blue}',
            'project_id=', 'all_tenants=1', 'all_tenants=0',
            'all_tenants=nope', 'all_projects=1', 'all_tenants',
            'all_tenants=1&project_id={blue}', 'user_id=u', 'colour=red',
            'colour', '%C3%A9=x', '=x',
            'action_id~=00', 'with_count=true', 'share_id=x',
            'Created_Since=2026-11-21T20:09:03Z'), ('2.52',)))

    def test_times(self):
        times = ('2026-11-21', '2026-11-21T20:09:03',
                 '2026-11-21T20:09:03Z', '2026-11-21T20:09:03%2B00:00',
                 '2026-11-21T21:09:03%2B01:00', '2026-11-21%2020:09:03',
                 '2026-11-21T20:09:05.123456', '2026-11-21T20:09:05.123457',
                 '2026-11-21T20:09:05.123455Z', '2030-01-01T00:00:00Z',
                 '20261121T200903Z', '0001-01-01T00:00:00Z',
                 '9999-12-31T23:59:59Z', '2026-13-01T00:00:00Z', '1',
                 'nope', '')
        self.assert_same(lists(
            [f'{name}={time}' for name, time in itertools.product(
                ('created_since', 'created_before'), times)],
            ('2.52',)))
        self.assert_same(lists(
            ('created_since=2026-11-21T20:09:03', 'created_before=nope'),
            ('2.37', '2.51', '2.99')))
        self.assert_same(lists([
            'created_since=2026-11-21T20:09:02Z&'
            'created_before=2026-11-21T20:09:04Z']))

    def test_what_is_found_wrong_first(self):
        self.assert_same([
            ask(f'{_LIST}?limit=-1', who='strange'),
            ask(f'{_LIST}?limit=-1', 'x', who='strange'),
            ask('/v2/{blue}/messages', '2.36'),
            ask('/v2/{blue}/messages', '2.999'),
            ask('/v2/{blue}/messages', 'x'),
            ask('/v2/{blue}/messages', who='strange'),
            ask(_LIST, '2.36', who='strange'),
            ask('/v2/messages/{unknown}', who='strange'),
            ask('/v2/messages/{unknown}', who='strange', method='DELETE'),
            ask('/v2/messages/{unknown}', who='reader', method='DELETE')])

    def test_who_may_what(self):
        self.assert_same(
            ask(path, who=who) for path, who in itertools.product(
                (_LIST, '/v2/{red}/messages', '/v2/{blue}/messages',
                 '/v2/messages/{id1}', '/v2/messages/{unknown}',
                 '/v2/{red}/messages/{id1}', '/v2/{blue}/messages/{id1}'),
                ('member', 'reader', 'manager', 'admin', 'service',
                 'strange', 'nobody')))
        self.assert_same(
            ask(path, who=who, method='DELETE')
            for path, who in itertools.product(
                ('/v2/messages/{id1}', '/v2/{red}/messages/{id1}',
                 '/v2/messages/{unknown}', '/v2/{blue}/messages/{id1}'),
                ('reader', 'service', 'strange', 'nobody', 'blue')))

    def test_what_belongs_to_others_is_not_there(self):
        for path in ('/v2/messages/{elsewhere}', '/v2/messages/{other}'):
            self.assert_same([ask(path), ask(path, method='DELETE')])

    def test_deleted_messages(self):
        requests = (
            ask('/v2/messages/{{id{}}}', method='DELETE'),
            ask('/v2/{{red}}/messages/{{id{}}}', method='DELETE'),
            ask('/v2/messages/{{id{}}}', who='admin', method='DELETE'),
            ask('/v2/messages/{{id{}}}', who='manager', method='DELETE'),
            ask('/v2/messages/{{id{}}}', '2.37', method='DELETE'),
            ask('/v2/messages/{{id{}}}?colour=red', method='DELETE'))
        names = self.pair.record(len(requests))
        for name, request in zip(names, requests):
            delete = request._replace(path=request.path.format(name))
            self.assert_same([
                delete, delete, ask(f'/v2/messages/{{id{name}}}')])

    def test_ids_that_are_none(self):
        self.assert_same(
            ask(f'/v2/messages/{identity}', method=method)
            for identity, method in itertools.product(
                ('nope', '%00', 'a%20b', 'x' * 40, 'detail', '%2e%2e', '1',
                 'None', '{{{id1}}}', '{id1}%0A'), ('GET', 'DELETE')))

    def test_addresses(self):
        self.assert_same(ask(path) for path in (
            '/v2/messages?', '/v2/%6Dessages'))

    def test_discovery(self):
        self.assert_same(
            ask(path, version) for path, version in itertools.product(
                ('/', '/v2/'), (None, '2.0', '2.52', '2.999', 'x')))
        self.assert_same([ask('/', None, 'nobody'), ask('/?a=b', 'x')])

    def test_what_a_client_accepts_does_not_matter(self):
        self.assert_same(
            ask(path, version, Accept=accept)
            for accept, (path, version) in itertools.product(
                ('*/*', 'application/xml', 'nonsense',
                 'application/json;q=0'),
                ((f'{_LIST}?limit=1', '2.52'), ('/v2/messages/nope', '2.52'),
                 (_LIST, '2.36'), (_LIST, 'x'))))


class TestDifferences(comparison.TestCase):
    """What the documentation says is different."""

    ALL = '200 5 4 3 2 1'

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def listed(self, query, version='2.52', who='member'):
        return ask(f'{_LIST}?{query}', version, who)

    def test_a_marker_works(self):
        self.assert_different([
            (self.listed('marker={id3}'), self.ALL, '200 2 1'),
            (self.listed('limit=2&marker={id4}'), '200 5 4 next',
             '200 3 2 next'),
            (self.listed('sort_dir=asc&marker={id3}', '2.37'),
             '200 1 2 3 4 5', '200 4 5'),
            (self.listed('marker={unknown}'), self.ALL, '404 itemNotFound'),
            (self.listed('marker={elsewhere}'), self.ALL,
             '404 itemNotFound'),
            (self.listed('marker=nope'), self.ALL, '404 itemNotFound')])

    def test_an_admin_gets_other_projects_when_asking(self):
        self.assert_different([
            (self.listed('all_tenants=1', who='admin'), self.ALL,
             f'{self.ALL} elsewhere'),
            (self.listed('project_id={blue}', who='admin'), self.ALL,
             '200 elsewhere'),
            (ask('/v2/messages/{elsewhere}', who='admin'),
             '404 itemNotFound', '200 elsewhere')])

    def test_types_levels_and_ids_are_taken_in_any_case(self):
        self.assert_different([
            (self.listed('resource_type=share'), '200', '200 5 2 1'),
            (self.listed('message_level=error'), '200', self.ALL),
            (ask('/v2/messages/{ID1}'), '404 itemNotFound', '200 1')])

    def test_the_version_may_be_the_latest_or_in_the_other_header(self):
        self.assert_different([
            (ask(version='latest'), '400 badRequest', self.ALL),
            (ask(version=None,
                 OpenStack_API_Version='shared-file-system 2.52'),
             '404 itemNotFound', self.ALL)])

    def test_a_key_stands_in_a_query_once(self):
        self.assert_different([
            (self.listed('colour=red&colour=blue'), self.ALL,
             '400 badRequest'),
            (self.listed('resource_type=SHARE&resource_type=SHARE'),
             '200 5 2 1', '400 badRequest')])

    def test_a_semicolon_separates_nothing(self):
        self.assert_different([
            (self.listed('message_level=ERROR;limit=1'), '200 5 next',
             '200')])

    def test_equals_are_sorted_by_time(self):
        self.assert_different([
            (self.listed('sort_key=message_level'), '200 1 2 3 4 5',
             self.ALL)])

    def test_addresses_and_methods(self):
        not_there = '404 itemNotFound'
        self.assert_different([
            (ask('/v2/messages/'), '404', self.ALL),
            (ask('/v2/messages.json'), self.ALL, not_there),
            (ask('/v2/messages/{id1}.json'), '200 1', not_there),
            (ask('/v2/nope/messages'), '404', '400 badRequest'),
            (ask('/v2/nope'), '404', not_there),
            (ask('/v2', None), '302', '200 versions'),
            (ask('/v2/', None, 'nobody'), '401 error', '200 versions'),
            (ask(method='OPTIONS'), '200', not_there),
            (ask(method='POST'), '400 badRequest', not_there),
            (ask(method='PUT'), '404', not_there),
            (ask('/', None, method='POST'), '300 versions', not_there)])

    def test_a_body_of_a_delete_is_ignored(self):
        [name] = self.pair.record(1)
        path = f'/v2/messages/{{id{name}}}'
        self.assert_different([
            (ask(path, method='DELETE', body='{"a": 1}',
                 Content_Type='application/json'), '400 badRequest', '204'),
            (ask(path, method='DELETE'), '204', '404 itemNotFound')])

    def test_what_breaks_shared_file_systems_is_nothing_to_sort_by(self):
        self.assert_different([
            (self.listed(f'sort_key={key}'), '500 computeFault',
             '400 badRequest') for key in ('__class__', 'metadata')])
