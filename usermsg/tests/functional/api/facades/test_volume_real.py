# SPDX-License-Identifier: Apache-2.0
"""Comparison of the volume facade with the real Cinder."""

import functools
import itertools
import random

from usermsg.tests.fixtures import cinder
from usermsg.tests.fixtures import comparison

_LIST = '/v3/messages'

_MESSAGES = [
    comparison.MessageSpec('VOLUME', '001', '003'),
    comparison.MessageSpec('VOLUME', '007', '010'),
    comparison.MessageSpec('VOLUME_SNAPSHOT', '009', '013'),
    comparison.MessageSpec('VOLUME_BACKUP', '013', '018', level='INFO'),
    comparison.MessageSpec('VOLUME', '001', '003', microseconds=123456),
    # Three messages of one time, as after an import from whole seconds.
    comparison.MessageSpec('VOLUME_BACKUP', '013', '018', level='WARNING'),
    comparison.MessageSpec('VOLUME', '007', '010', same_time=True),
    comparison.MessageSpec('VOLUME_SNAPSHOT', '009', '013', same_time=True),
]


@functools.cache
def _pair():
    return comparison.Pair(
        cinder.Cinder, '/volume', 'OpenStack-API-Version', _MESSAGES,
        'IMAGE_IMAGE_001_001')


def build(path=_LIST, version='3.5', user='member', method='GET', body=None,
          **headers):
    if version is not None:
        version = f'volume {version}'
    return build_raw(path, version, user, method, body, **headers)


def build_raw(path=_LIST, version=None, user='member', method='GET', body=None,
              **headers):
    return comparison.Request(
        path, version, user, method,
        {name.replace('_', '-'): value for name, value in headers.items()},
        body)


def build_lists(queries, versions=('3.5',), users=('member',)):
    return [build(f'{_LIST}?{query}', version, user)
            for query, version, user in itertools.product(
                queries, versions, users)]


class TestVolumeFacade(comparison.TestCase):
    """Requests whose responses must be equal to those of Cinder."""

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def test_every_version_around_those_with_messages(self):
        versions = ('3.0', '3.2', '3.3', '3.4', '3.5', '3.30', '3.31',
                    '3.33', '3.34', '3.70', '3.71', '3.72', '3.999', '4.0',
                    '2.5', '3.99999999999999999999', 'latest')
        self.assert_same(build(version=version) for version in versions)
        self.assert_same(
            build(path, version, method=method)
            for (path, method), version in itertools.product(
                (('/v3/messages/{id1}', 'GET'), ('/v3/{red}/messages', 'GET'),
                 ('/v3/messages/{unknown}', 'DELETE')),
                ('3.2', '3.3', '3.71', '3.72', 'latest')))

    def test_malformed_versions(self):
        versions = [f'volume {version}' for version in (
            'Latest', '3', '3.', '.5', '3.05', '03.5', '3.5.1', 'abc',
            '-3.5', '3.-5', '3.x', '3.5\xe9')]
        versions += ['VOLUME 3.5', 'block-storage 3.5', 'compute 2.1', '',
                     '3.5', 'latest', 'compute 2.1,image 3.5']
        self.assert_same(build_raw(version=version) for version in versions)
        self.assert_same([build('/v3/messages/{id1}', 'x'),
                          build('/v3/messages/{id1}', 'x', method='DELETE')])

    def test_version_header_with_several_services(self):
        self.assert_same(build_raw(version=version) for version in (
            'compute 2.1, volume 3.5', 'volume 3.5, compute 2.1',
            'volume 3.5,volume 3.3', 'volume 3.3, volume 3.5',
            'compute 2.1,volume latest', 'volume 3.2, compute 2.1',
            'volume  3.5', ' volume 3.5', 'volume 3.5 ', 'volume\t3.5',
            'volumev3 3.5'))

    def test_other_version_headers_are_ignored(self):
        self.assert_same([
            build(OpenStack_Volume_microversion='3.2'),
            build(X_OpenStack_Volume_API_Version='3.2')])

    def test_versions_before_3_5_ignore_parameters(self):
        self.assert_same(build_lists(
            ('limit=9', 'limit=1000', 'limit=-1', 'limit=x', 'marker=nope',
             'marker={id3}', 'colour=red', 'sort=nope', 'sort_dir=nope',
             'offset=-1', 'offset=1', 'message_level=INFO',
             'all_tenants=1', 'event_id~=001'), ('3.3', '3.4')))

    def test_list_with_limit_and_offset(self):
        self.assert_same(build_lists(
            ('limit=1', 'limit=2', 'limit=7', 'limit=8', 'limit=9',
             'limit=0', 'limit=-1', 'limit=1000', 'limit=1001',
             'limit=99999999999999999999', 'limit=x', 'limit=', 'limit',
             'limit=1.5', 'limit=%201', 'limit=1%20', 'limit=%2B1',
             'limit=1_0', 'limit=%D9%A1', 'LIMIT=1',
             'offset=0', 'offset=1', 'offset=7', 'offset=8', 'offset=100',
             'offset=-1', 'offset=x', 'offset=', 'offset=1.5',
             'offset=100000', 'offset=2147483648',
             'offset=99999999999999999999', 'limit=2&offset=1',
             'limit=1&offset=1&marker={id4}', 'offset=%201', 'offset=1_0',
             'offset=%2B1',
             'marker={id4}', 'marker={id1}', 'marker={unknown}',
             'marker={other_project}', 'marker={other_service}', 'marker=nope',
             'marker=', 'limit=2&marker={id4}', 'limit=2&marker={id2}',
             'marker={id2}&limit=1', 'marker={id4}&message_level=ERROR',
             'limit=0&marker={id4}', 'limit=0&marker=nope',
             'limit=2&message_level=ERROR', 'marker=%00',
             'marker=a%20b%26', 'marker=%C3%A9', 'limit=4&offset=0'),
            ('3.71',)))
        self.assert_same(build_lists((
            'limit=2', 'limit=-1', 'offset=1', 'offset=x', 'marker={id4}',
            'marker=nope', 'limit=2&offset=1&marker={id4}')))

    def test_list_of_a_project_with_limit(self):
        self.assert_same(build(f'/v3/{{red}}/messages?{query}')
                         for query in ('limit=2', 'limit=1&marker={id3}',
                                       'limit=1&offset=1&sort_key=id'))

    def test_list_with_duplicate_parameters(self):
        self.assert_same(build_lists(
            ('message_level=INFO&message_level=ERROR',
             'resource_type=VOLUME&resource_type=VOLUME'), ('3.5', '3.71')))
        self.assert_same(build_lists(
            ('limit=1&limit=2', 'offset=1&offset=2', 'sort=id&sort=id',
             'marker={id4}&marker={id3}', 'sort_dir=asc&sort_dir=desc'),
            ('3.71',)))

    def test_list_with_one_sort_key(self):
        keys = ('created_at', 'id', 'event_id', 'message_level',
                'request_id', 'resource_type', 'resource_uuid',
                'project_id', 'expires_at', 'detail_id', 'action_id',
                'updated_at', 'deleted', 'deleted_at', 'guaranteed_until',
                'user_message', 'nope', '', 'user_id', 'links',
                '__class__', 'metadata', 'prefix', 'created_at%20')
        self.assert_same(build_lists(
            [f'{form.format(key)}' for key, form in itertools.product(
                keys, ('sort_key={}', 'sort={}:asc'))]))

    def test_list_with_several_sort_keys(self):
        self.assert_same(build_lists((
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
            'sort=created_at:desc,event_id:asc', 'sort=created_at,id:asc',
            'sort=created_at:asc,resource_type:desc,id:desc',
            'sort=deleted:asc,created_at:desc,message_level:asc',
            'sort=created_at:asc,deleted,created_at:desc',
            'sort_dir=asc', 'sort_dir=desc', 'sort_dir=ASC',
            'sort_dir=nope', 'sort_dir=', 'sort_dir=%20asc%20',
            'sort_key=a,b', 'sort_key=event_id,id', 'sort=id&sort_key=id',
            'sort=id&sort_dir=asc', 'sort=&sort_key=')))

    def test_list_with_sort_key_and_marker(self):
        self.assert_same(build_lists((
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
            'sort=created_at:desc,event_id:asc&limit=2',
            'sort=created_at:desc,event_id:asc&marker={id7}',
            'sort=created_at:asc,event_id:asc&limit=2&marker={id6}',
            'sort=created_at:asc,event_id:desc&offset=2&marker={id5}',
            'sort=created_at:desc,message_level:asc&marker={id8}',
            'sort=created_at,id:asc&limit=1&marker={id7}',
            'sort_key=message_level&sort_dir=desc&limit=1&marker={id4}')))

    def test_precedence_of_errors(self):
        self.assert_same(build_lists((
            'limit=-1&marker=nope', 'limit=x&offset=x',
            'offset=-1&marker=nope', 'marker=nope&sort_key=nope',
            'limit=-1&sort=a&sort_key=b', 'sort_dir=nope&marker=nope',
            'sort_key=nope&colour=red', 'sort_dir=nope&colour=red',
            'marker=nope&colour=red', 'limit=0&colour=red',
            'marker=nope&message_level=nope', 'marker={id3}&event_id=nope',
            'sort_key=nope&message_level=nope', 'limit=0&request_id=',
            'marker=nope&sort_key=nope&resource_type='),
            ('3.5', '3.71')))
        self.assert_same([
            build(f'{_LIST}?limit=-1', user='strange'),
            build(f'{_LIST}?limit=-1', 'x', user='strange'),
            build('/v3/{blue}/messages', '3.2'),
            build('/v3/{blue}/messages', 'x'),
            build('/v3/{blue}/messages', user='strange'),
            build(f'{_LIST}', '3.2', user='strange'),
            build('/v3/messages/{id1}', user='strange', method='DELETE')])

    def test_list_with_filters(self):
        resource = 'aaaaaaaa-0000-4000-8000-000000000001'
        request = 'req-bbbbbbbb-0000-4000-8000-000000000001'
        self.assert_same(build_lists((
            f'resource_uuid={resource}', 'resource_uuid=nope',
            'resource_uuid=', f'resource_uuid={"a" * 300}',
            'resource_type=VOLUME', 'resource_type=VOLUME_SNAPSHOT',
            'resource_type=nope', 'resource_type=',
            'event_id=VOLUME_VOLUME_001_003', 'event_id=nope',
            'event_id=',
            f'request_id={request}', f'request_id={request.upper()}',
            'request_id=nope', 'request_id=',
            'message_level=ERROR', 'message_level=INFO',
            'message_level=WARNING', 'message_level=WARN',
            'message_level=nope', 'message_level=', 'message_level=%C3%A9',
            'message_level=%00', 'resource_type=VOLUME&message_level=ERROR',
            'resource_type=VOLUME&message_level=INFO', '&', '&&limit=1'),
            ('3.5', '3.71')))
        self.assert_same(build_lists((
            f'resource_uuid={resource}', 'resource_type=VOLUME_SNAPSHOT',
            'event_id=VOLUME_VOLUME_001_003', f'request_id={request}',
            'message_level=INFO'), ('3.5', '3.31', '3.71'), ('admin',)))

    def test_filters_that_a_member_may_use_no_longer(self):
        self.assert_same(build_lists((
            'id={id1}', 'id={unknown}', 'project_id={red}',
            'project_id={blue}', 'project_id=', 'project_id=nope',
            'detail_id=003', 'action_id=001', 'colour=red', 'colour=',
            'colour', 'colour=red&shape=round', 'Message_Level=ERROR',
            'user_id=u', 'guaranteed_until=x', 'user_message=x', 'links=x',
            'name=x', 'status=error', 'all_projects=1', 'with_count=true',
            'created_since=2026-01-01', '%C3%A9=x', 'a%20b=x', '=x',
            'project_id={red}&message_level=INFO'),
            ('3.5', '3.31')))
        self.assert_same(build_lists(
            ('project_id={red}', 'detail_id=003', 'colour=red'),
            ('3.30', '3.33', '3.34', '3.71')))

    def test_filter_by_time(self):
        queries = [f'created_at={time}' for time in (
            '2026-11-21%2020:09:01.000000', '2026-11-21%2020:09:05.123456',
            '2026-11-21%2020:09:05.123457', '2026-11-21%2020:09:06.000000',
            '2026-11-21%2020:09:06.000000&event_id=nope',
            '2026-11-21%2020:09:06.000000&limit=2&marker={id8}',
            '2026-11-21%2020:09:06.000000&sort=event_id:asc&marker={id7}',
            '2026-11-21%2020:09:06.000000&marker={id2}', 'nope', '',
            'nope&marker=nope')]
        self.assert_same(build_lists(
            queries, ('3.5', '3.30', '3.31', '3.71'), ('member', 'admin')))

    def test_filters_that_are_refused_even_for_an_admin(self):
        self.assert_same(build_lists(
            ('colour=red', 'colour', 'user_message=x', 'links=x', 'name=x',
             'id={id1}', 'detail_id=003', 'action_id=001',
             'project_id={red}', 'project_id=nope', '%C3%A9=x',
             'metadata=x'), ('3.5', '3.31', '3.71'), ('admin',)))

    def test_substring_filters_since_filters_are_checked(self):
        self.assert_same(build_lists(
            ('event_id~=VOLUME', 'event_id%7E=001', 'message_level~=ERR',
             'colour~=x', 'event_id~=001&message_level=ERROR',
             'event_id~=001&message_level~=ERR', '~=x'),
            ('3.31', '3.33', '3.34', '3.71')))

    def test_member_with_all_tenants(self):
        self.assert_same(build_lists(
            ('all_tenants=1', 'all_tenants=0', 'all_tenants=true',
             'all_tenants=nope', 'all_tenants=', 'all_tenants',
             'all_tenants=1&message_level=INFO',
             'all_tenants=1&colour=red', 'all_tenants=1&project_id={blue}'),
            ('3.31', '3.71')))

    def test_permissions_of_every_user(self):
        self.assert_same(
            build(path, user=user) for path, user in itertools.product(
                (_LIST, '/v3/{red}/messages', '/v3/{blue}/messages',
                 '/v3/messages/{id1}', '/v3/{red}/messages/{id1}',
                 '/v3/{blue}/messages/{id1}'),
                ('member', 'reader', 'manager', 'admin', 'service',
                 'strange', 'anonymous')))
        self.assert_same(
            build(path, user=user, method='DELETE')
            for path, user in itertools.product(
                ('/v3/messages/{id1}', '/v3/{red}/messages/{id1}',
                 '/v3/{blue}/messages/{id1}'),
                ('reader', 'service', 'strange', 'anonymous', 'blue')))
        self.assert_same(
            build('/v3/messages/{unknown}', user=user, method=method)
            for method, user in itertools.product(
                ('GET', 'DELETE'), ('member', 'reader', 'manager', 'admin',
                                    'anonymous')))

    def test_messages_of_others_are_not_found(self):
        for path in ('/v3/messages/{other_project}',
                     '/v3/messages/{other_service}'):
            self.assert_same([build(path), build(path, method='DELETE')])

    def test_delete_and_requests_after_it(self):
        requests = (
            build('/v3/messages/{{id{}}}', method='DELETE'),
            build('/v3/{{red}}/messages/{{id{}}}', method='DELETE'),
            build('/v3/messages/{{id{}}}', user='admin', method='DELETE'),
            build('/v3/messages/{{id{}}}', user='manager', method='DELETE'),
            build('/v3/messages/{{id{}}}', '3.3', method='DELETE'),
            build('/v3/messages/{{id{}}}?colour=red', method='DELETE'))
        names = self.pair.record(len(requests))
        for name, request in zip(names, requests):
            delete = request._replace(path=request.path.format(name))
            self.assert_same([
                delete, delete, build(f'/v3/messages/{{id{name}}}'),
                build(f'{_LIST}?marker={{id{name}}}')])

    def test_malformed_message_ids(self):
        self.assert_same(
            build(f'/v3/messages/{identity}', method=method)
            for identity, method in itertools.product(
                ('nope', '%00', 'a%20b', 'x' * 40, 'detail', '%2e%2e', '1',
                 'None', '{{{id1}}}', '{id1}%0A'), ('GET', 'DELETE')))

    def test_equivalent_urls(self):
        self.assert_same(build(path) for path in (
            '/v3/messages?', '/v3/%6Dessages'))

    def test_version_discovery(self):
        self.assert_same(
            build(path, version, user) for path, version, user in
            itertools.product(('/', '/v3/'), (
                None, '3.0', '3.5', 'latest', '3.999', 'x'), ('member',)))
        self.assert_same(build('/', version, 'anonymous') for version in (
            None, '3.5', 'latest', '3.999', 'x'))
        self.assert_same([build('/?a=b', None, 'anonymous')])

    def test_accept_header_is_ignored(self):
        self.assert_same(
            build(path, version, Accept=accept)
            for accept, (path, version) in itertools.product(
                ('*/*', 'application/xml', 'invalid',
                 'application/json;q=0'),
                ((f'{_LIST}?limit=1', '3.5'), ('/v3/messages/nope', '3.5'),
                 (_LIST, '3.2'), (_LIST, 'x'))))


#: Parameters of lists -> values, some of them invalid.
_VALUES = {
    'limit': ('0', '1', '2', '3', '7', '8', '9', '1000', '-1', 'x', ''),
    'offset': ('0', '1', '2', '7', '8', '100', '-1', 'x'),
    'marker': ('{id1}', '{id3}', '{id5}', '{id6}', '{id7}', '{id8}',
               '{unknown}', '{other_service}', 'nope', ''),
    'sort_key': ('created_at', 'id', 'event_id', 'message_level', 'nope'),
    'sort_dir': ('asc', 'desc', 'ASC', ''),
    'resource_uuid': ('aaaaaaaa-0000-4000-8000-000000000001',
                      'aaaaaaaa-0000-4000-8000-000000000007', 'nope', ''),
    'resource_type': ('VOLUME', 'VOLUME_SNAPSHOT', 'VOLUME_BACKUP', 'NOPE',
                      ''),
    'event_id': ('VOLUME_VOLUME_001_003', 'VOLUME_VOLUME_SNAPSHOT_009_013',
                 'VOLUME_000002', 'NOPE', ''),
    'request_id': ('req-bbbbbbbb-0000-4000-8000-000000000002', 'nope', ''),
    'message_level': ('ERROR', 'INFO', 'WARNING', 'WARN', 'DEBUG', ''),
    'id': ('{id2}', '{unknown}', 'nope', ''),
    'project_id': ('{red}', 'nope', ''),
    'action_id': ('001', '013', 'nope'),
    'detail_id': ('003', '018', 'nope'),
    'colour': ('red', ''),
}

_SORT_KEYS = ('created_at', 'id', 'event_id', 'message_level', 'request_id',
              'resource_type', 'resource_uuid', 'project_id', 'expires_at',
              'detail_id', 'action_id', 'nope')

_LIST_VERSIONS = ('3.5', '3.30', '3.31', '3.33', '3.34', '3.71')

#: Part of the page -> pairs of a parameter by which the responses differ, and
#: one with which Cinder has the same response as the facade with the first.
_EQUIVALENTS = {
    'Types, levels and events are not case-sensitive': (
        ('resource_type=volume', 'resource_type=VOLUME'),
        ('resource_type=Volume_Backup', 'resource_type=VOLUME_BACKUP'),
        ('message_level=error', 'message_level=ERROR'),
        ('message_level=Warning', 'message_level=WARNING'),
        ('event_id=volume_volume_007_010',
         'event_id=VOLUME_VOLUME_007_010')),
    'in upper case or without dashes and they contain its canonical form': (
        ('resource_uuid=AAAAAAAA-0000-4000-8000-000000000006',
         'resource_uuid=aaaaaaaa-0000-4000-8000-000000000006'),
        ('resource_uuid=aaaaaaaa000040008000000000000008',
         'resource_uuid=aaaaaaaa-0000-4000-8000-000000000008')),
    'Neither are ids of messages': (
        ('marker={ID7}', 'marker={id7}'), ('id={ID4}', 'id={id4}')),
    'without a prefix, ``000002``, means ``VOLUME_000002``': (
        ('event_id=000002', 'event_id=VOLUME_000002'),),
    'only ``&`` separates keys': (
        ('message_level=ERROR;limit=1', 'message_level=ERROR%3Blimit=1'),),
    'no message matches a filter with them, or with ``expires_at``': (
        ('deleted=0', 'colour=red'),
        ('expires_at=2026-12-21T20:09:01', 'colour=red')),
    '``created_at`` as a filter, before 3.31 or for an administrator': (
        ('created_at=2026-11-21T20:09:05.123456', 'id={id5}'),
        ('created_at=2026-11-21T20:09:02', 'id={id2}'),
        ('created_at=nope', 'id=nope')),
}


def _draw_parameters(generator):
    """Return a list of one to four parameters of a list."""
    names = generator.sample([*_VALUES, 'sort', 'sort'],
                             generator.randint(1, 4))
    return [f'{name}={generator.choice(_VALUES[name])}' if name != 'sort' else
            f'sort={_draw_sort(generator)}' for name in sorted({*names})]


def _draw_sort(generator):
    return ','.join(
        f'{key}{generator.choice(("", ":asc", ":desc"))}' for key in
        generator.sample(_SORT_KEYS, generator.randint(1, 3)))


class TestGeneratedLists(comparison.TestCase):
    """Lists with parameters that are drawn with a constant seed."""

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def test_lists_equal_those_of_cinder(self):
        generator = random.Random(1)
        self.assert_same(
            build(f'{path}?{"&".join(_draw_parameters(generator))}',
                  generator.choice(_LIST_VERSIONS), user)
            for _number in range(75) for path, user in (
                (_LIST, 'member'), ('/v3/{red}/messages', 'reader'),
                (_LIST, 'manager'), (_LIST, 'admin')))
        self.assert_same(
            build(f'{_LIST}?{"&".join(_draw_parameters(generator))}',
                  generator.choice(_LIST_VERSIONS), user)
            for _number in range(10)
            for user in ('service', 'strange', 'anonymous'))

    def test_lists_with_two_sort_keys_equal_those_of_cinder(self):
        generator = random.Random(2)
        for keys in itertools.permutations(_SORT_KEYS[:6], 2):
            for directions in itertools.product(('asc', 'desc'), repeat=2):
                sort = ','.join(map(':'.join, zip(keys, directions)))
                marker = generator.randint(1, 8)
                self.assert_same(build_lists([generator.choice((
                    f'sort={sort}', f'sort={sort}&marker={{id{marker}}}',
                    f'sort={sort}&marker={{id{marker}}}&limit=2&offset=1'))]))

    def test_equivalent_lists_equal_those_of_cinder(self):
        generator = random.Random(3)
        for part in _EQUIVALENTS:
            self.assert_documented(part)
        pairs = [*itertools.chain.from_iterable(_EQUIVALENTS.values())]
        for parameter, equivalent in pairs * 4:
            names = [text.partition('=')[0] for text in (
                parameter, equivalent)]
            more = [drawn for drawn in _draw_parameters(generator)
                    if drawn.partition('=')[0] not in names]
            version = generator.choice(_LIST_VERSIONS)
            user = generator.choice(('member', 'admin'))
            self.assert_equivalent(*(
                build(f'{_LIST}?{"&".join([*more, text])}', version, user)
                for text in (parameter, equivalent)))

    def test_lists_without_a_version_equal_those_of_3_5(self):
        generator = random.Random(4)
        for _number in range(50):
            path = f'{_LIST}?{"&".join(_draw_parameters(generator))}'
            self.assert_equivalent(build(path, None), build(path, '3.5'))

    def assert_equivalent(self, request, equivalent):
        """Check the facade's response to a request.

        :param equivalent: request to which Cinder's response is the same
        """
        real, facade = self.pair.summaries(equivalent, request)
        self.assertEqual(real, facade, str(request))


class TestDifferences(comparison.TestCase):
    """Documented differences between the facade and Cinder."""

    ALL = '200 8 7 6 5 4 3 2 1'

    def setUp(self):
        super().setUp()
        self.pair = _pair()

    def get_list(self, query, version='3.5', user='member'):
        return build(f'{_LIST}?{query}', version, user)

    def test_request_without_a_version_is_accepted(self):
        self.assert_documented(
            'A request without ``OpenStack-API-Version`` is handled as')
        self.assert_different([
            (build(version=None), '404 itemNotFound', self.ALL),
            (self.get_list('limit=2', None), '404 itemNotFound',
             '200 8 7 next'),
            (self.get_list('message_level=INFO', None), '404 itemNotFound',
             '200 4'),
            (build('/v3/messages/{id1}', None), '404 itemNotFound', '200 1')])

    def test_versions_before_3_5_have_no_next_link(self):
        self.assert_documented('Before 3.5 there is no next link')
        self.assert_different([
            (self.get_list('limit=1', version), f'{self.ALL} next', self.ALL)
            for version in ('3.3', '3.4')])

    def test_admin_may_list_other_projects(self):
        self.assert_documented(
            'give an administrator the messages of other projects as well')
        self.assert_different([
            (self.get_list('all_tenants=1', user='admin'), '200',
             f'{self.ALL} other_project'),
            (self.get_list('all_tenants=True', '3.71', 'admin'), '200',
             f'{self.ALL} other_project'),
            (self.get_list('project_id={blue}', user='admin'), '200',
             '200 other_project'),
            (self.get_list('all_tenants=1&project_id={blue}', '3.71',
                           'admin'), '200', '200 other_project'),
            (self.get_list('all_tenants=0', user='admin'), '200', self.ALL),
            (self.get_list('all_tenants=1'), '200', self.ALL),
            (build('/v3/messages/{other_project}', user='admin'),
             '404 itemNotFound', '200 other_project')])

    def test_types_levels_events_and_ids_match_in_any_letter_case(self):
        self.assert_documented(
            'Types, levels and events are not case-sensitive')
        self.assert_different([
            (self.get_list('resource_type=volume'), '200', '200 7 5 2 1'),
            (self.get_list('resource_type=Volume_Backup'), '200', '200 6 4'),
            (self.get_list('message_level=info'), '200', '200 4'),
            (self.get_list('message_level=Warning', '3.71'), '200', '200 6'),
            (self.get_list('event_id=volume_volume_001_003'), '200',
             '200 5 1'),
            (self.get_list('marker={ID2}'), '404 itemNotFound', '200 1'),
            (build('/v3/messages/{ID1}'), '404 itemNotFound', '200 1')])

    def test_duplicate_query_keys_return_400(self):
        self.assert_documented(
            'A duplicate key in the query is an error (400)')
        self.assert_different([
            (self.get_list(query), '200', '400 badRequest')
            for query in ('limit=1&limit=2', 'offset=1&offset=2',
                          'sort=id&sort=id', 'marker={id4}&marker={id3}',
                          'sort_dir=asc&sort_dir=desc')])

    def test_semicolon_is_part_of_the_value(self):
        self.assert_documented('only ``&`` separates keys')
        self.assert_different([
            (self.get_list('message_level=ERROR;limit=1'), '200 8 next',
             '200')])

    def test_substring_filters_match_nothing(self):
        self.assert_documented(
            'is not supported as a search for a part of a value')
        self.assert_different([
            (self.get_list('event_id~=VOLUME'), self.ALL, '200'),
            (self.get_list('event_id~=001', '3.30'), '200 5 1', '200'),
            (self.get_list('event_id~=001', '3.34', 'admin'), '200 5 1',
             '400 badRequest')])

    def test_filter_by_deleted_or_expiry_time_matches_nothing(self):
        self.assert_documented(
            'no message matches a filter with them, or with ``expires_at``')
        self.assert_different([
            (self.get_list('deleted=0'), self.ALL, '200'),
            (self.get_list('expires_at=2026-12-21%2020:09:01.000000'),
             '200 1', '200')])

    def test_filter_by_time_matches_the_time_that_is_shown(self):
        self.assert_documented(
            'matches the time that is shown, with its microseconds')
        # For SQLite a time is a text, in another format.
        self.assert_different([
            (self.get_list(f'created_at={time}', version, user), '200', result)
            for version, user in (('3.5', 'member'), ('3.30', 'reader'),
                                  ('3.31', 'admin'))
            for time, result in (
                ('2026-11-21T20:09:01.000000', '200 1'),
                ('2026-11-21%2020:09:01', '200 1'),
                ('2026-11-21T20:09:05.123456', '200 5'),
                ('2026-11-21T20:09:05', '200'),
                ('2026-11-21T20:09:06.000000', '200 8 7 6'))])

    def test_administrator_without_a_project_gets_403(self):
        self.assert_documented(
            'a token for the system or a domain receives 403')
        for user in ('system-admin', 'domain-admin'):
            self.assert_different([
                (build(user=user), self.ALL, '403 forbidden'),
                (self.get_list('limit=1', '3.71', user), '200 8 next',
                 '403 forbidden'),
                (build('/v3/messages/{id1}', user=user), '200 1',
                 '403 forbidden'),
                (build('/v3/messages/{unknown}', user=user),
                 '404 itemNotFound', '403 forbidden'),
                (build('/v3/messages/{unknown}', user=user, method='DELETE'),
                 '404 itemNotFound', '403 forbidden')])

    def test_list_contains_the_messages_of_the_project(self):
        self.assert_documented(
            "A list contains the messages of the user's project.")
        self.assert_different([
            (build(user='blue'), self.ALL, '200 other_project'),
            (build('/v3/messages/{id1}', user='blue'), '404 itemNotFound',
             '404 itemNotFound')])

    def test_trailing_slash_matches_and_unknown_url_returns_404(self):
        self.assert_documented('A path may end with a slash or not')
        not_found = '404 itemNotFound'
        self.assert_different([
            (build('/v3/messages/'), '404', self.ALL),
            (build('/v3/messages/{id1}/'), '404', '200 1'),
            (build('/v3/messages.json'), self.ALL, not_found),
            (build('/v3/messages/{id1}.json'), '200 1', not_found),
            (build('/v3/nope/messages'), '404', '400 badRequest'),
            (build('/v3/nope'), '404', not_found),
            (build('/v3/{red}'), '404', not_found),
            (build('/nope'), '404', not_found),
            (build('/nope', user='anonymous'), '404', not_found),
            (build('/v3/nope', user='anonymous'), '401 error', not_found),
            (build('/v3', None), '302', '200 versions'),
            (build('/v3/', None, 'anonymous'), '401 error', '200 versions')])

    def test_head_and_options_succeed_and_other_methods_return_404(self):
        self.assert_documented('``HEAD`` is supported wherever GET is.')
        self.assert_different([
            (build(method='OPTIONS'), '200', '204'),
            (build(method='HEAD'), '404', '200'),
            (build(method='PUT'), '404', '404 itemNotFound'),
            (build(method='PUT', user='anonymous'), '401 error',
             '404 itemNotFound'),
            (build(method='POST'), '404 itemNotFound', '404 itemNotFound'),
            (build('/v3/messages/{id1}', method='PATCH'), '404',
             '404 itemNotFound'),
            (build('/', None, method='POST'), '300 versions',
             '404 itemNotFound')])

    def test_user_without_permission_gets_403_before_404(self):
        self.assert_documented(
            'receives 403 before the service looks up anything')
        self.assert_different([
            (build('/v3/messages/{unknown}', user=user, method=method),
             '404 itemNotFound', '403 forbidden')
            for user, method in itertools.product(
                ('service', 'strange'), ('GET', 'DELETE'))])

    def test_delete_with_a_body_ignores_it(self):
        self.assert_documented('A body sent with DELETE is ignored.')
        [name] = self.pair.record(1)
        path = f'/v3/messages/{{id{name}}}'
        self.assert_different([
            (build(path, method='DELETE', body='{"a": 1}',
                   Content_Type='application/json'), '400 badRequest', '204'),
            (build(path, method='DELETE'), '204', '404 itemNotFound')])

    def test_version_headers_that_fail_in_cinder_return_400(self):
        self.assert_documented(
            'Requests to which the original services respond with 500')
        self.assert_different([
            (build_raw(version=version), '500 computeFault', '400 badRequest')
            for version in ('volume', 'volume ', 'volume3.5',
                            'volume 3.5 more')])

    def test_unsupported_low_version_is_repeated_in_the_response(self):
        self.assert_documented('The response to a version below 3 is 406')
        real, facade = self.pair.send(build(version='2.0'))
        self.assertEqual((406, real.body), (facade.status, facade.body))
        self.assertNotIn('openstack-api-version', dict(real.headers))
        self.assertEqual('volume 2.0',
                         dict(facade.headers)['openstack-api-version'])
