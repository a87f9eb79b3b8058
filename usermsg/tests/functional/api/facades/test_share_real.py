# SPDX-License-Identifier: Apache-2.0
"""Comparison of the share facade with the real Manila.

Manila validates its own responses, and refuses to list or show messages that
are no errors or have no resource, so these can't be compared.
"""

import functools
import itertools

from usermsg.tests.fixtures import comparison
from usermsg.tests.fixtures import manila

_LIST = '/v2/messages'

_MESSAGES = [
    comparison.MessageSpec('SHARE', '001', '003'),
    comparison.MessageSpec('SHARE', '008', '013'),
    comparison.MessageSpec('SHARE_SNAPSHOT', '002', '007'),
    comparison.MessageSpec('SHARE_REPLICA', '004', '004'),
    comparison.MessageSpec('SHARE', '001', '003', microseconds=123456),
]


@functools.cache
def _pair():
    return comparison.Pair(
        manila.Manila, '/share', 'X-OpenStack-Manila-API-Version',
        _MESSAGES, 'IMAGE_IMAGE_001_001')


def build(path=_LIST, version='2.52', user='member', method='GET', body=None,
          **headers):
    return comparison.Request(
        path, version, user, method,
        {name.replace('_', '-'): value for name, value in headers.items()},
        body)


def build_lists(queries, versions=('2.37', '2.52'), users=('member',)):
    return [build(f'{_LIST}?{query}', version, user)
            for query, version, user in itertools.product(
                queries, versions, users)]


class TestShareFacade(comparison.TestCase):
    """Requests whose responses must be equal to those of Manila."""

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def test_every_version_around_those_with_messages(self):
        versions = (None, '2.0', '2.36', '2.37', '2.38', '2.51', '2.52',
                    '2.59', '2.60', '2.65', '2.99', '2.100', '2.999', '3.0',
                    '1.0', '2.99999999999999999999')
        self.assert_same(build(version=version) for version in versions)
        self.assert_same(
            build(path, version, method=method)
            for (path, method), version in itertools.product(
                (('/v2/messages/{id1}', 'GET'), ('/v2/{red}/messages', 'GET'),
                 ('/v2/messages/{unknown}', 'DELETE')),
                ('2.36', '2.37', '2.99', '2.100')))

    def test_malformed_versions(self):
        versions = ('Latest', '2', '2.', '.37', '2.037', '02.37', '2.37.1',
                    'abc', '', '2.52,2.37', '2.37, 2.52', 'share 2.52',
                    'shared-file-system 2.52', '-2.37', '2.-37', '2.5\xe9')
        self.assert_same(build(version=version) for version in versions)
        self.assert_same([build('/v2/messages/{id1}', 'x'),
                          build('/v2/messages/{id1}', 'x', method='DELETE')])

    def test_manila_version_header_has_precedence(self):
        self.assert_same(build(OpenStack_API_Version=version) for version in (
            'shared-file-system 2.37', 'shared-file-system 2.999', 'x'))

    def test_list_with_limit_and_offset(self):
        self.assert_same(build_lists((
            'limit=1', 'limit=2', 'limit=4', 'limit=5', 'limit=6',
            'limit=0', 'limit=-1', 'limit=1000', 'limit=1001',
            'limit=2147483647', 'limit=x', 'limit=', 'limit', 'limit=1.5',
            'LIMIT=1', 'offset=0', 'offset=1', 'offset=4', 'offset=5',
            'offset=100', 'offset=-1', 'offset=x', 'offset=',
            'offset=1.5', 'offset=100000', 'offset=2147483648',
            'limit=2&offset=1', 'limit=0&offset=1',
            'limit=2&message_level=ERROR', 'limit=1&resource_type=SHARE',
            'limit=1&sort_dir=asc&sort_key=id',
            'limit=1&created_since=2026-11-21T20:09:03'), ('2.52',)))
        self.assert_same(build_lists(
            ('limit=2', 'limit=-1', 'offset=1', 'limit=2&offset=1'),
            ('2.37',)))

    def test_list_of_a_project_with_limit(self):
        self.assert_same(build(f'/v2/{{red}}/messages?{query}')
                         for query in ('limit=2', 'limit=1&offset=1',
                                       'limit=1&sort_key=id'))

    def test_list_with_duplicate_parameters(self):
        self.assert_same(build_lists(
            [f'{name}=1&{name}=2' for name in (
                'limit', 'offset', 'sort_key', 'sort_dir', 'action_id',
                'detail_id', 'message_level', 'request_id',
                'resource_id')]))
        self.assert_same(build_lists(
            ['created_since=2026-11-21&created_since=2026-11-22'],
            ['2.52']))

    def test_list_with_sort_key_and_direction(self):
        # Only keys with different values: Manila's order of equal ones is
        # undefined.
        self.assert_same(build_lists((
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

    def test_list_with_filters(self):
        resource = 'aaaaaaaa-0000-4000-8000-000000000001'
        request = 'req-bbbbbbbb-0000-4000-8000-000000000001'
        self.assert_same(build_lists((
            f'resource_id={resource}', 'resource_id=nope', 'resource_id=',
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
        self.assert_same(build_lists((
            f'resource_id={resource}', 'resource_type=SHARE_SNAPSHOT',
            'action_id=008', 'detail_id=003', f'request_id={request}',
            'message_level=ERROR'), ('2.52', '2.99'),
            ('member', 'admin')))

    def test_list_ignores_unknown_parameters(self):
        self.assert_same(build_lists((
            f'resource_uuid={comparison.UNKNOWN}', 'event_id=x',
            'id={id1}', 'project_id={red}', 'project_id={blue}',
            'project_id=', 'all_tenants=1', 'all_tenants=0',
            'all_tenants=nope', 'all_projects=1', 'all_tenants',
            'all_tenants=1&project_id={blue}', 'user_id=u', 'colour=red',
            'colour', '%C3%A9=x', '=x',
            'action_id~=00', 'with_count=true', 'share_id=x',
            'Created_Since=2026-11-21T20:09:03Z'), ('2.52',)))

    def test_list_created_since_and_before(self):
        times = ('2026-11-21', '2026-11-21T20:09:03',
                 '2026-11-21T20:09:03Z', '2026-11-21T20:09:03%2B00:00',
                 '2026-11-21T21:09:03%2B01:00', '2026-11-21%2020:09:03',
                 '2026-11-21T20:09:05.123456', '2026-11-21T20:09:05.123457',
                 '2026-11-21T20:09:05.123455Z', '2030-01-01T00:00:00Z',
                 '20261121T200903Z', '0001-01-01T00:00:00Z',
                 '9999-12-31T23:59:59Z', '2026-13-01T00:00:00Z', '1',
                 'nope', '')
        self.assert_same(build_lists(
            [f'{name}={time}' for name, time in itertools.product(
                ('created_since', 'created_before'), times)],
            ('2.52',)))
        self.assert_same(build_lists(
            ('created_since=2026-11-21T20:09:03', 'created_before=nope'),
            ('2.37', '2.51', '2.99')))
        self.assert_same(build_lists([
            'created_since=2026-11-21T20:09:02Z&'
            'created_before=2026-11-21T20:09:04Z']))

    def test_precedence_of_errors(self):
        self.assert_same([
            build(f'{_LIST}?limit=-1', user='strange'),
            build(f'{_LIST}?limit=-1', 'x', user='strange'),
            build('/v2/{blue}/messages', '2.36'),
            build('/v2/{blue}/messages', '2.999'),
            build('/v2/{blue}/messages', 'x'),
            build('/v2/{blue}/messages', user='strange'),
            build(_LIST, '2.36', user='strange'),
            build('/v2/messages/{unknown}', user='strange'),
            build('/v2/messages/{unknown}', user='strange', method='DELETE'),
            build('/v2/messages/{unknown}', user='reader', method='DELETE')])

    def test_permissions_of_every_user(self):
        self.assert_same(
            build(path, user=user) for path, user in itertools.product(
                (_LIST, '/v2/{red}/messages', '/v2/{blue}/messages',
                 '/v2/messages/{id1}', '/v2/messages/{unknown}',
                 '/v2/{red}/messages/{id1}', '/v2/{blue}/messages/{id1}'),
                ('member', 'reader', 'manager', 'admin', 'service',
                 'strange', 'anonymous', 'system-admin', 'domain-admin')))
        self.assert_same(
            build(path, user=user, method='DELETE')
            for path, user in itertools.product(
                ('/v2/messages/{id1}', '/v2/{red}/messages/{id1}',
                 '/v2/messages/{unknown}', '/v2/{blue}/messages/{id1}'),
                ('reader', 'service', 'strange', 'anonymous', 'blue',
                 'system-admin', 'domain-admin')))

    def test_messages_of_others_are_not_found(self):
        for path in ('/v2/messages/{other_project}',
                     '/v2/messages/{other_service}'):
            self.assert_same([build(path), build(path, method='DELETE')])

    def test_delete_and_requests_after_it(self):
        requests = (
            build('/v2/messages/{{id{}}}', method='DELETE'),
            build('/v2/{{red}}/messages/{{id{}}}', method='DELETE'),
            build('/v2/messages/{{id{}}}', user='admin', method='DELETE'),
            build('/v2/messages/{{id{}}}', user='manager', method='DELETE'),
            build('/v2/messages/{{id{}}}', '2.37', method='DELETE'),
            build('/v2/messages/{{id{}}}?colour=red', method='DELETE'))
        names = self.pair.record(len(requests))
        for name, request in zip(names, requests):
            delete = request._replace(path=request.path.format(name))
            self.assert_same([
                delete, delete, build(f'/v2/messages/{{id{name}}}')])

    def test_malformed_message_ids(self):
        self.assert_same(
            build(f'/v2/messages/{identity}', method=method)
            for identity, method in itertools.product(
                ('nope', '%00', 'a%20b', 'x' * 40, 'detail', '%2e%2e', '1',
                 'None', '{{{id1}}}', '{id1}%0A'), ('GET', 'DELETE')))

    def test_equivalent_urls(self):
        self.assert_same(build(path) for path in (
            '/v2/messages?', '/v2/%6Dessages'))

    def test_version_discovery(self):
        self.assert_same(
            build(path, version) for path, version in itertools.product(
                ('/', '/v2/'), (None, '2.0', '2.52', '2.999', 'x')))
        self.assert_same([build('/', None, 'anonymous'), build('/?a=b', 'x')])

    def test_accept_header_is_ignored(self):
        self.assert_same(
            build(path, version, Accept=accept)
            for accept, (path, version) in itertools.product(
                ('*/*', 'application/xml', 'invalid',
                 'application/json;q=0'),
                ((f'{_LIST}?limit=1', '2.52'), ('/v2/messages/nope', '2.52'),
                 (_LIST, '2.36'), (_LIST, 'x'))))


class TestDifferences(comparison.TestCase):
    """Documented differences between the facade and Manila."""

    ALL = '200 5 4 3 2 1'

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def get_list(self, query, version='2.52', user='member'):
        return build(f'{_LIST}?{query}', version, user)

    def test_list_accepts_a_marker(self):
        self.assert_documented('``marker`` is supported.')
        self.assert_different([
            (self.get_list('marker={id3}'), self.ALL, '200 2 1'),
            (self.get_list('limit=2&marker={id4}'), '200 5 4 next',
             '200 3 2 next'),
            (self.get_list('sort_dir=asc&marker={id3}', '2.37'),
             '200 1 2 3 4 5', '200 4 5'),
            (self.get_list('marker={unknown}'), self.ALL, '404 itemNotFound'),
            (self.get_list('marker={other_project}'), self.ALL,
             '404 itemNotFound'),
            (self.get_list('marker=nope'), self.ALL, '404 itemNotFound')])

    def test_admin_may_list_other_projects(self):
        self.assert_documented(
            'give an administrator the messages of other projects as well')
        self.assert_different([
            (self.get_list('all_tenants=1', user='admin'), self.ALL,
             f'{self.ALL} other_project'),
            (self.get_list('project_id={blue}', user='admin'), self.ALL,
             '200 other_project'),
            (build('/v2/messages/{other_project}', user='admin'),
             '404 itemNotFound', '200 other_project')])

    def test_types_levels_and_ids_match_in_any_letter_case(self):
        self.assert_documented(
            'Types, levels and events are not case-sensitive')
        self.assert_different([
            (self.get_list('resource_type=share'), '200', '200 5 2 1'),
            (self.get_list('message_level=error'), '200', self.ALL),
            (build('/v2/messages/{ID1}'), '404 itemNotFound', '200 1')])

    def test_version_may_be_latest_or_in_the_common_header(self):
        self.assert_documented('means the highest version.')
        self.assert_different([
            (build(version='latest'), '400 badRequest', self.ALL),
            (build(version=None,
                   OpenStack_API_Version='shared-file-system 2.52'),
             '404 itemNotFound', self.ALL)])

    def test_duplicate_query_keys_return_400(self):
        self.assert_documented(
            'A duplicate key in the query is an error (400)')
        self.assert_different([
            (self.get_list('colour=red&colour=blue'), self.ALL,
             '400 badRequest'),
            (self.get_list('resource_type=SHARE&resource_type=SHARE'),
             '200 5 2 1', '400 badRequest')])

    def test_semicolon_is_part_of_the_value(self):
        self.assert_documented('only ``&`` separates keys')
        self.assert_different([
            (self.get_list('message_level=ERROR;limit=1'), '200 5 next',
             '200')])

    def test_list_sorts_equal_keys_by_time(self):
        self.assert_documented(
            'Messages that are equal by ``sort_key`` are in the order of')
        self.assert_different([
            (self.get_list('sort_key=message_level'), '200 1 2 3 4 5',
             self.ALL)])

    def test_trailing_slash_matches_and_other_url_or_method_returns_404(self):
        self.assert_documented('A path may end with a slash or not')
        not_found = '404 itemNotFound'
        self.assert_different([
            (build('/v2/messages/'), '404', self.ALL),
            (build('/v2/messages.json'), self.ALL, not_found),
            (build('/v2/messages/{id1}.json'), '200 1', not_found),
            (build('/v2/nope/messages'), '404', '400 badRequest'),
            (build('/v2/nope'), '404', not_found),
            (build('/v2', None), '302', '200 versions'),
            (build('/v2/', None, 'anonymous'), '401 error', '200 versions'),
            (build(method='OPTIONS'), '200', '204'),
            (build(method='POST'), '400 badRequest', not_found),
            (build(method='PUT'), '404', not_found),
            (build('/', None, method='POST'), '300 versions', not_found)])

    def test_delete_with_a_body_ignores_it(self):
        self.assert_documented('A body sent with DELETE is ignored.')
        [name] = self.pair.record(1)
        path = f'/v2/messages/{{id{name}}}'
        self.assert_different([
            (build(path, method='DELETE', body='{"a": 1}',
                   Content_Type='application/json'), '400 badRequest', '204'),
            (build(path, method='DELETE'), '204', '404 itemNotFound')])

    def test_sort_keys_that_fail_in_manila_return_400(self):
        self.assert_documented(
            'Requests to which the original services respond with 500')
        self.assert_different([
            (self.get_list(f'sort_key={key}'), '500 computeFault',
             '400 badRequest') for key in ('__class__', 'metadata')])
