# SPDX-License-Identifier: Apache-2.0
"""The volume facade beside the real Cinder."""

import functools
import itertools

from usermsg.tests.fixtures import cinder
from usermsg.tests.fixtures import comparison

_LIST = '/v3/messages'

_OUTCOMES = [
    comparison.Outcome('VOLUME', '001', '003'),
    comparison.Outcome('VOLUME', '007', '010'),
    comparison.Outcome('VOLUME_SNAPSHOT', '009', '013'),
    comparison.Outcome('VOLUME_BACKUP', '013', '018', level='INFO'),
    comparison.Outcome('VOLUME', '001', '003', microseconds=123456),
]


@functools.cache
def _pair():
    return comparison.Pair(
        cinder.Cinder, '/volume', 'OpenStack-API-Version', _OUTCOMES,
        'IMAGE_IMAGE_001_001')


def ask(path=_LIST, version='3.5', who='member', method='GET', body=None,
        **headers):
    if version is not None:
        version = f'volume {version}'
    return ask_raw(path, version, who, method, body, **headers)


def ask_raw(path=_LIST, version=None, who='member', method='GET', body=None,
            **headers):
    return comparison.Request(
        path, version, who, method,
        {name.replace('_', '-'): value for name, value in headers.items()},
        body)


def lists(queries, versions=('3.5',), whos=('member',)):
    return [ask(f'{_LIST}?{query}', version, who)
            for query, version, who in itertools.product(
                queries, versions, whos)]


class TestVolumeFacade(comparison.TestCase):

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def test_every_version_since_messages_were_there(self):
        versions = ('3.0', '3.2', '3.3', '3.4', '3.5', '3.30', '3.31',
                    '3.33', '3.34', '3.70', '3.71', '3.72', '3.999', '4.0',
                    '2.5', '3.99999999999999999999', 'latest')
        self.assert_same(ask(version=version) for version in versions)
        self.assert_same(
            ask(path, version, method=method)
            for (path, method), version in itertools.product(
                (('/v3/messages/{id1}', 'GET'), ('/v3/{red}/messages', 'GET'),
                 ('/v3/messages/{unknown}', 'DELETE')),
                ('3.2', '3.3', '3.71', '3.72', 'latest')))

    def test_a_version_that_is_malformed(self):
        versions = [f'volume {version}' for version in (
            'Latest', '3', '3.', '.5', '3.05', '03.5', '3.5.1', 'abc',
            '-3.5', '3.-5', '3.x', '3.5\xe9')]
        versions += ['VOLUME 3.5', 'block-storage 3.5', 'compute 2.1', '',
                     '3.5', 'latest', 'compute 2.1,image 3.5']
        self.assert_same(ask_raw(version=version) for version in versions)
        self.assert_same([ask('/v3/messages/{id1}', 'x'),
                          ask('/v3/messages/{id1}', 'x', method='DELETE')])

    def test_versions_of_several_services(self):
        self.assert_same(ask_raw(version=version) for version in (
            'compute 2.1, volume 3.5', 'volume 3.5, compute 2.1',
            'volume 3.5,volume 3.3', 'volume 3.3, volume 3.5',
            'compute 2.1,volume latest', 'volume 3.2, compute 2.1',
            'volume  3.5', ' volume 3.5', 'volume 3.5 ', 'volume\t3.5',
            'volumev3 3.5'))

    def test_other_headers_name_no_version(self):
        self.assert_same([
            ask(OpenStack_Volume_microversion='3.2'),
            ask(X_OpenStack_Volume_API_Version='3.2')])

    def test_before_pages_there_were_no_parameters(self):
        self.assert_same(lists(
            ('limit=6', 'limit=1000', 'limit=-1', 'limit=x', 'marker=nope',
             'marker={id3}', 'colour=red', 'sort=nope', 'sort_dir=nope',
             'offset=-1', 'offset=1', 'message_level=INFO',
             'all_tenants=1', 'event_id~=001'), ('3.3', '3.4')))

    def test_pages(self):
        self.assert_same(lists(
            ('limit=1', 'limit=2', 'limit=4', 'limit=5', 'limit=6',
             'limit=0', 'limit=-1', 'limit=1000', 'limit=1001',
             'limit=99999999999999999999', 'limit=x', 'limit=', 'limit',
             'limit=1.5', 'limit=%201', 'limit=1%20', 'limit=%2B1',
             'limit=1_0', 'limit=%D9%A1', 'LIMIT=1',
             'offset=0', 'offset=1', 'offset=4', 'offset=5', 'offset=100',
             'offset=-1', 'offset=x', 'offset=', 'offset=1.5',
             'offset=2147483647', 'offset=2147483648',
             'offset=99999999999999999999', 'limit=2&offset=1',
             'limit=1&offset=1&marker={id4}', 'offset=%201', 'offset=1_0',
             'offset=%2B1',
             'marker={id4}', 'marker={id1}', 'marker={unknown}',
             'marker={elsewhere}', 'marker={other}', 'marker=nope',
             'marker=', 'limit=2&marker={id4}', 'limit=2&marker={id2}',
             'marker={id2}&limit=1', 'marker={id4}&message_level=ERROR',
             'limit=0&marker={id4}', 'limit=0&marker=nope',
             'limit=2&message_level=ERROR', 'marker=%00',
             'marker=a%20b%26', 'marker=%C3%A9', 'limit=4&offset=0'),
            ('3.71',)))
        self.assert_same(lists((
            'limit=2', 'limit=-1', 'offset=1', 'offset=x', 'marker={id4}',
            'marker=nope', 'limit=2&offset=1&marker={id4}')))

    def test_a_page_within_a_project(self):
        self.assert_same(ask(f'/v3/{{red}}/messages?{query}')
                         for query in ('limit=2', 'limit=1&marker={id3}',
                                       'limit=1&offset=1&sort_key=id'))

    def test_parameters_that_stand_there_twice(self):
        self.assert_same(lists(
            ('message_level=INFO&message_level=ERROR',
             'resource_type=VOLUME&resource_type=VOLUME'), ('3.5', '3.71')))
        self.assert_same(lists(
            ('limit=1&limit=2', 'offset=1&offset=2', 'sort=id&sort=id',
             'marker={id4}&marker={id3}', 'sort_dir=asc&sort_dir=desc'),
            ('3.71',)))

    def test_sorted_by_one_key(self):
        keys = ('created_at', 'id', 'event_id', 'message_level',
                'request_id', 'resource_type', 'resource_uuid',
                'project_id', 'expires_at', 'detail_id', 'action_id',
                'updated_at', 'deleted', 'deleted_at', 'guaranteed_until',
                'user_message', 'nope', '', 'user_id', 'links',
                '__class__', 'metadata', 'prefix', 'created_at%20')
        self.assert_same(lists(
            [f'{form.format(key)}' for key, form in itertools.product(
                keys, ('sort_key={}', 'sort={}:asc'))]))

    def test_sorted_by_several_keys(self):
        self.assert_same(lists((
            'sort=created_at:desc', 'sort=created_at:ASC',
            'sort=created_at:nope', 'sort=created_at:', 'sort=',
            'sort=:asc', 'sort=,', 'sort=event_id,created_at',
            'sort=event_id:asc,created_at:desc',
            'sort=event_id:desc,created_at:asc', 'sort=event_id:asc,',
            'sort=event_id:asc,event_id:desc', 'sort=id:asc,id:desc',
            'sort=created_at:asc:desc',
            'sort=%20created_at%20:%20asc%20',
            'sort=message_level:asc,resource_type:desc,id:asc',
            'sort=created_at:asc,event_id:desc',
            'sort_dir=asc', 'sort_dir=desc', 'sort_dir=ASC',
            'sort_dir=nope', 'sort_dir=', 'sort_dir=%20asc%20',
            'sort_key=a,b', 'sort_key=event_id,id', 'sort=id&sort_key=id',
            'sort=id&sort_dir=asc', 'sort=&sort_key=')))

    def test_pages_of_a_sorted_list(self):
        self.assert_same(lists((
            'sort=message_level:asc&limit=2',
            'sort=message_level:asc&limit=2&marker={id3}',
            'sort=created_at:asc&limit=2&marker={id2}',
            'sort=event_id:desc&limit=2',
            'sort=event_id:desc&limit=3&marker={id4}',
            'sort=event_id:asc&limit=3&marker={id1}',
            'sort=resource_uuid:asc&marker={id2}',
            'sort=resource_uuid:desc&marker={id2}',
            'sort=request_id:desc&limit=2&offset=1',
            'sort=resource_type:desc,created_at:asc&limit=2&marker={id3}',
            'sort=created_at:asc&offset=1&limit=2',
            'sort_key=message_level&sort_dir=desc&limit=1&marker={id4}')))

    def test_what_is_found_wrong_first(self):
        self.assert_same(lists((
            'limit=-1&marker=nope', 'limit=x&offset=x',
            'offset=-1&marker=nope', 'marker=nope&sort_key=nope',
            'limit=-1&sort=a&sort_key=b', 'sort_dir=nope&marker=nope',
            'sort_key=nope&colour=red', 'sort_dir=nope&colour=red',
            'marker=nope&colour=red', 'limit=0&colour=red'),
            ('3.5', '3.71')))
        self.assert_same([
            ask(f'{_LIST}?limit=-1', who='strange'),
            ask(f'{_LIST}?limit=-1', 'x', who='strange'),
            ask('/v3/{blue}/messages', '3.2'),
            ask('/v3/{blue}/messages', 'x'),
            ask('/v3/{blue}/messages', who='strange'),
            ask(f'{_LIST}', '3.2', who='strange'),
            ask('/v3/messages/{id1}', who='strange', method='DELETE')])

    def test_filters(self):
        resource = 'aaaaaaaa-0000-4000-8000-000000000001'
        request = 'req-bbbbbbbb-0000-4000-8000-000000000001'
        self.assert_same(lists((
            f'resource_uuid={resource}',
            f'resource_uuid={resource.upper()}', 'resource_uuid=nope',
            'resource_uuid=', f'resource_uuid={"a" * 300}',
            'resource_type=VOLUME', 'resource_type=VOLUME_SNAPSHOT',
            'resource_type=nope', 'resource_type=',
            'event_id=VOLUME_VOLUME_001_003', 'event_id=nope',
            'event_id=volume_volume_001_003', 'event_id=',
            f'request_id={request}', f'request_id={request.upper()}',
            'request_id=nope', 'request_id=',
            'message_level=ERROR', 'message_level=INFO',
            'message_level=nope', 'message_level=', 'message_level=%C3%A9',
            'message_level=%00', 'resource_type=VOLUME&message_level=ERROR',
            'resource_type=VOLUME&message_level=INFO', '&', '&&limit=1'),
            ('3.5', '3.71')))
        self.assert_same(lists((
            f'resource_uuid={resource}', 'resource_type=VOLUME_SNAPSHOT',
            'event_id=VOLUME_VOLUME_001_003', f'request_id={request}',
            'message_level=INFO'), ('3.5', '3.31', '3.71'), ('admin',)))

    def test_filters_that_a_member_may_use_no_longer(self):
        self.assert_same(lists((
            'id={id1}', 'id={unknown}', 'project_id={red}',
            'project_id={blue}', 'project_id=', 'project_id=nope',
            'detail_id=003', 'action_id=001', 'colour=red', 'colour=',
            'colour', 'colour=red&shape=round', 'Message_Level=ERROR',
            'user_id=u', 'guaranteed_until=x', 'user_message=x', 'links=x',
            'name=x', 'status=error', 'all_projects=1', 'with_count=true',
            'created_since=2026-01-01', '%C3%A9=x', 'a%20b=x', '=x',
            'project_id={red}&message_level=INFO'),
            ('3.5', '3.31')))
        self.assert_same(lists(
            ('project_id={red}', 'detail_id=003', 'colour=red'),
            ('3.30', '3.33', '3.34', '3.71')))

    def test_a_filter_that_nobody_may_use(self):
        self.assert_same(lists(
            ('colour=red', 'colour', 'user_message=x', 'links=x', 'name=x',
             'id={id1}', 'detail_id=003', 'action_id=001',
             'project_id={red}', 'project_id=nope', '%C3%A9=x',
             'metadata=x'), ('3.5', '3.31', '3.71'), ('admin',)))

    def test_parts_of_a_value_are_no_filter_since_filters_are_checked(self):
        self.assert_same(lists(
            ('event_id~=VOLUME', 'event_id%7E=001', 'message_level~=ERR',
             'colour~=x', 'event_id~=001&message_level=ERROR',
             'event_id~=001&message_level~=ERR', '~=x'),
            ('3.31', '3.33', '3.34', '3.71')))

    def test_a_member_who_asks_for_all_projects(self):
        self.assert_same(lists(
            ('all_tenants=1', 'all_tenants=0', 'all_tenants=true',
             'all_tenants=nope', 'all_tenants=', 'all_tenants',
             'all_tenants=1&message_level=INFO',
             'all_tenants=1&colour=red', 'all_tenants=1&project_id={blue}'),
            ('3.31', '3.71')))

    def test_who_may_what(self):
        self.assert_same(
            ask(path, who=who) for path, who in itertools.product(
                (_LIST, '/v3/{red}/messages', '/v3/{blue}/messages',
                 '/v3/messages/{id1}', '/v3/{red}/messages/{id1}',
                 '/v3/{blue}/messages/{id1}'),
                ('member', 'reader', 'manager', 'admin', 'service',
                 'strange', 'nobody')))
        self.assert_same(
            ask(path, who=who, method='DELETE')
            for path, who in itertools.product(
                ('/v3/messages/{id1}', '/v3/{red}/messages/{id1}',
                 '/v3/{blue}/messages/{id1}'),
                ('reader', 'service', 'strange', 'nobody', 'blue')))
        self.assert_same(
            ask('/v3/messages/{unknown}', who=who, method=method)
            for method, who in itertools.product(
                ('GET', 'DELETE'), ('member', 'reader', 'manager', 'admin',
                                    'nobody')))

    def test_what_belongs_to_others_is_not_there(self):
        for path in ('/v3/messages/{elsewhere}', '/v3/messages/{other}'):
            self.assert_same([ask(path), ask(path, method='DELETE')])

    def test_deleted_messages(self):
        requests = (
            ask('/v3/messages/{{id{}}}', method='DELETE'),
            ask('/v3/{{red}}/messages/{{id{}}}', method='DELETE'),
            ask('/v3/messages/{{id{}}}', who='admin', method='DELETE'),
            ask('/v3/messages/{{id{}}}', who='manager', method='DELETE'),
            ask('/v3/messages/{{id{}}}', '3.3', method='DELETE'),
            ask('/v3/messages/{{id{}}}?colour=red', method='DELETE'))
        names = self.pair.record(len(requests))
        for name, request in zip(names, requests):
            delete = request._replace(path=request.path.format(name))
            self.assert_same([
                delete, delete, ask(f'/v3/messages/{{id{name}}}'),
                ask(f'{_LIST}?marker={{id{name}}}')])

    def test_ids_that_are_none(self):
        self.assert_same(
            ask(f'/v3/messages/{identity}', method=method)
            for identity, method in itertools.product(
                ('nope', '%00', 'a%20b', 'x' * 40, 'detail', '%2e%2e', '1',
                 'None', '{{{id1}}}', '{id1}%0A'), ('GET', 'DELETE')))

    def test_addresses_in_other_words(self):
        self.assert_same(ask(path) for path in (
            '/v3/messages?', '/v3/%6Dessages'))

    def test_discovery(self):
        self.assert_same(
            ask(path, version, who) for path, version, who in
            itertools.product(('/', '/v3/'), (
                None, '3.0', '3.5', 'latest', '3.999', 'x'), ('member',)))
        self.assert_same(ask('/', version, 'nobody') for version in (
            None, '3.5', 'latest', '3.999', 'x'))
        self.assert_same([ask('/?a=b', None, 'nobody')])

    def test_what_a_client_accepts_does_not_matter(self):
        self.assert_same(
            ask(path, version, Accept=accept)
            for accept, (path, version) in itertools.product(
                ('*/*', 'application/xml', 'nonsense',
                 'application/json;q=0'),
                ((f'{_LIST}?limit=1', '3.5'), ('/v3/messages/nope', '3.5'),
                 (_LIST, '3.2'), (_LIST, 'x'))))


class TestDifferences(comparison.TestCase):
    """What the documentation says is different."""

    ALL = '200 5 4 3 2 1'

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def listed(self, query, version='3.5', who='member'):
        return ask(f'{_LIST}?{query}', version, who)

    def test_the_version_may_be_left_out(self):
        self.assert_different([
            (ask(version=None), '404 itemNotFound', self.ALL),
            (self.listed('limit=2', None), '404 itemNotFound',
             '200 5 4 next'),
            (self.listed('message_level=INFO', None), '404 itemNotFound',
             '200 4'),
            (ask('/v3/messages/{id1}', None), '404 itemNotFound', '200 1')])

    def test_no_link_leads_to_a_page_that_there_is_not(self):
        self.assert_different([
            (self.listed('limit=1', version), f'{self.ALL} next', self.ALL)
            for version in ('3.3', '3.4')])

    def test_an_admin_gets_other_projects_when_asking(self):
        self.assert_different([
            (self.listed('all_tenants=1', who='admin'), '200',
             f'{self.ALL} elsewhere'),
            (self.listed('all_tenants=True', '3.71', 'admin'), '200',
             f'{self.ALL} elsewhere'),
            (self.listed('project_id={blue}', who='admin'), '200',
             '200 elsewhere'),
            (self.listed('all_tenants=1&project_id={blue}', '3.71',
                         'admin'), '200', '200 elsewhere'),
            (self.listed('all_tenants=0', who='admin'), '200', self.ALL),
            (self.listed('all_tenants=1'), '200', self.ALL),
            (ask('/v3/messages/{elsewhere}', who='admin'),
             '404 itemNotFound', '200 elsewhere')])

    def test_types_levels_and_ids_are_taken_in_any_case(self):
        self.assert_different([
            (self.listed('resource_type=volume'), '200', '200 5 2 1'),
            (self.listed('resource_type=Volume_Backup'), '200', '200 4'),
            (self.listed('message_level=info'), '200', '200 4'),
            (self.listed('marker={ID2}'), '404 itemNotFound', '200 1'),
            (ask('/v3/messages/{ID1}'), '404 itemNotFound', '200 1')])

    def test_a_key_stands_in_a_query_once(self):
        self.assert_different([
            (self.listed(query), '200', '400 badRequest')
            for query in ('limit=1&limit=2', 'offset=1&offset=2',
                          'sort=id&sort=id', 'marker={id4}&marker={id3}',
                          'sort_dir=asc&sort_dir=desc')])

    def test_a_semicolon_separates_nothing(self):
        self.assert_different([
            (self.listed('message_level=ERROR;limit=1'), '200 5 next',
             '200')])

    def test_parts_of_a_value_are_never_looked_for(self):
        self.assert_different([
            (self.listed('event_id~=VOLUME'), self.ALL, '200'),
            (self.listed('event_id~=001', '3.30'), '200 5 1', '200'),
            (self.listed('event_id~=001', '3.34', 'admin'), '200 5 1',
             '400 badRequest')])

    def test_nothing_matches_what_is_not_kept(self):
        self.assert_different([
            (self.listed('deleted=0'), self.ALL, '200')])

    def test_addresses(self):
        not_there = '404 itemNotFound'
        self.assert_different([
            (ask('/v3/messages/'), '404', self.ALL),
            (ask('/v3/messages/{id1}/'), '404', '200 1'),
            (ask('/v3/messages.json'), self.ALL, not_there),
            (ask('/v3/messages/{id1}.json'), '200 1', not_there),
            (ask('/v3/nope/messages'), '404', '400 badRequest'),
            (ask('/v3/nope'), '404', not_there),
            (ask('/v3/{red}'), '404', not_there),
            (ask('/nope'), '404', not_there),
            (ask('/nope', who='nobody'), '404', not_there),
            (ask('/v3/nope', who='nobody'), '401 error', not_there),
            (ask('/v3', None), '302', '200 versions'),
            (ask('/v3/', None, 'nobody'), '401 error', '200 versions')])

    def test_methods(self):
        self.assert_different([
            (ask(method='OPTIONS'), '200', '404 itemNotFound'),
            (ask(method='HEAD'), '404', '404'),
            (ask(method='PUT'), '404', '404 itemNotFound'),
            (ask(method='PUT', who='nobody'), '401 error',
             '404 itemNotFound'),
            (ask(method='POST'), '404 itemNotFound', '404 itemNotFound'),
            (ask('/v3/messages/{id1}', method='PATCH'), '404',
             '404 itemNotFound'),
            (ask('/', None, method='POST'), '300 versions',
             '404 itemNotFound')])

    def test_who_may_not_read_is_told_so_first(self):
        self.assert_different([
            (ask('/v3/messages/{unknown}', who=who, method=method),
             '404 itemNotFound', '403 forbidden')
            for who, method in itertools.product(
                ('service', 'strange'), ('GET', 'DELETE'))])

    def test_a_body_of_a_delete_is_ignored(self):
        [name] = self.pair.record(1)
        path = f'/v3/messages/{{id{name}}}'
        self.assert_different([
            (ask(path, method='DELETE', body='{"a": 1}',
                 Content_Type='application/json'), '400 badRequest', '204'),
            (ask(path, method='DELETE'), '204', '404 itemNotFound')])

    def test_what_breaks_block_storage_is_bad_here(self):
        self.assert_different([
            (ask_raw(version=version), '500 computeFault', '400 badRequest')
            for version in ('volume', 'volume ', 'volume3.5',
                            'volume 3.5 more')])

    def test_a_version_below_the_lowest_is_repeated(self):
        real, facade = self.pair.ask(ask(version='2.0'))
        self.assertEqual((406, real.body), (facade.status, facade.body))
        self.assertNotIn('openstack-api-version', dict(real.headers))
        self.assertEqual('volume 2.0',
                         dict(facade.headers)['openstack-api-version'])
