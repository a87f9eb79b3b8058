# SPDX-License-Identifier: Apache-2.0
"""Property tests of lists of messages and of arbitrary requests."""

import functools
import itertools
import json
import string

import hypothesis
from hypothesis import strategies

from usermsg.api import app
from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import http_client

#: Every run uses the same examples, and none fails on a slow machine.
SETTINGS = functools.partial(
    hypothesis.settings, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck))

READER = http_client.build_headers('red', 'member', 'reader')
ADMIN = {**http_client.build_headers('red', 'admin'),
         'X-OpenStack-Manila-API-Version': '2.52'}

LEVELS = ('INFO', 'WARN', 'ERROR')
RESOURCES = ('a', 'b', 'A')
#: Event ids and levels.
EVENTS = (*itertools.product(
    ('VOLUME_000002', 'VOLUME_VOLUME_001_003', 'SHARE_SHARE_001_003'),
    LEVELS),)

MESSAGES = strategies.lists(
    strategies.tuples(strategies.sampled_from(('red', 'red', 'blue')),
                      strategies.sampled_from(LEVELS),
                      strategies.sampled_from(RESOURCES)),
    max_size=12)

FILTERS = strategies.fixed_dictionaries({}, optional={
    'message_level': strategies.sampled_from(LEVELS),
    'resource_uuid': strategies.sampled_from(RESOURCES),
})

#: Text of a request line or header: any byte except a line break.
TEXT = strategies.text(strategies.characters(
    max_codepoint=255, exclude_characters='\r\n'), max_size=30)
QUOTED = strategies.sampled_from(
    ('%00', '%ff', '%c3%a4', '%2f', '%', '%zz', '+', '%26', '%3d', '%0a'))
WORDS = strategies.one_of(
    TEXT, QUOTED, strategies.text(string.digits, max_size=25),
    strategies.sampled_from(
        ('true', 'created_at:asc', 'red', 'VOLUME', '000002',
         'ffffffff-ffff-ffff-ffff-ffffffffffff', '9999-12-31', '-1',
         '9999-12-31T23:59:59.999999Z', '0001-01-01T00:00:00-14:00',
         '2026-01-31T12:00:00 00:00', '1969-12-31T23:59:59.999999')))
KEYS = strategies.one_of(
    strategies.sampled_from((
        'limit', 'marker', 'sort', 'all_projects', 'project_id',
        'resource_type', 'resource_uuid', 'event_id', 'request_id',
        'message_level', 'created_since', 'created_before', '_method')),
    TEXT)
QUERIES = strategies.one_of(
    TEXT,
    strategies.lists(strategies.tuples(KEYS, WORDS), max_size=4).map(
        lambda pairs: '&'.join('='.join(pair) for pair in pairs)))
PATHS = strategies.lists(strategies.one_of(
    strategies.sampled_from(
        ('v3', 'messages', 'red', '', '..', '.', '__class__',
         '01a1fffd-9de1-7529-81fb-1bdcb2a0ad74')), WORDS),
    max_size=5).map(lambda parts: '/' + '/'.join(parts).replace('?', ''))
METHODS = strategies.one_of(
    strategies.sampled_from(
        ('GET', 'DELETE', 'POST', 'PUT', 'PATCH', 'HEAD', 'OPTIONS')), TEXT)
HEADERS = strategies.dictionaries(
    strategies.sampled_from(
        ('Accept', 'Accept-Language', 'Content-Type', 'Content-Length',
         'OpenStack-API-Version', 'X-OpenStack-Request-Id', 'Host', 'Cookie',
         'X-Roles', 'X-User-Id', 'X-Domain-Id', 'Range', 'If-Match',
         'X-Service-Catalog', 'Transfer-Encoding', 'Authorization')),
    strategies.one_of(TEXT, WORDS, strategies.sampled_from(
        ('application/json', 'text/plain; charset=utf-16', 'de;q=0.5',
         'user-message latest', 'user-message 3.1', 'text/html', 'member'))),
    max_size=4)


def follow(application, address):
    """Follow the next links; return the ids, a list for each page."""
    pages = []
    while address and len(pages) < 15:  # more than the examples need
        response = http_client.request(application, address, headers=ADMIN)
        if response.status_int != 200:
            raise AssertionError(response.text)
        pages.append([message['id'] for message in response.json['messages']])
        links = response.json.get('messages_links')
        address = links and links[0]['href'].partition('://')[2]
        address = address and '/' + address.partition('/')[2]
    return pages


class TestPages(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.app = app.make_app(self.service)

    @SETTINGS(max_examples=40)
    @hypothesis.given(messages=MESSAGES, limit=strategies.integers(1, 13),
                      ascending=strategies.booleans(), filters=FILTERS,
                      all_projects=strategies.booleans())
    def test_pages_contain_each_message_once_in_order(
            self, messages, limit, ascending, filters, all_projects):
        self.delete_all()
        recorded = []
        for project, level, resource in messages:
            message = http_client.record(
                self.service, project, level=level, resource_uuid=resource,
                now=clocks.behind)
            values = {'message_level': level, 'resource_uuid': resource}
            if ((all_projects or project == 'red') and
                    filters.items() <= values.items()):
                recorded.append(message.id)
        expected = sorted(recorded, reverse=not ascending)
        order = 'asc' if ascending else 'desc'
        query = ''.join(f'&{name}={value}' for name, value in filters.items())
        if all_projects:
            query += '&all_projects=true'

        pages = follow(self.app, f'/v3/messages?limit={limit}'
                                 f'&sort=created_at:{order}{query}')

        self.assertEqual(expected, sum(pages, []))
        for page in pages[:-1]:
            self.assertEqual(limit, len(page))
        if expected:
            self.assertNotEqual([], pages[-1])

    @SETTINGS(max_examples=40)
    @hypothesis.given(
        events=strategies.lists(strategies.sampled_from(EVENTS), max_size=12),
        limit=strategies.integers(1, 7), offset=strategies.integers(0, 7),
        level=strategies.sampled_from(LEVELS), path=strategies.sampled_from(
            ('/v3/messages?', '/volume/v3/messages?',
             '/volume/v3/messages?sort=event_id:asc&',
             '/share/v2/messages?', '/share/v2/messages?sort_key=detail_id&')))
    def test_page_with_next_link_is_never_empty(
            self, events, limit, offset, level, path):
        self.delete_all()
        for event, event_level in events:
            http_client.record(self.service, 'red', event, level=event_level)
        if path.startswith('/v3'):
            path += f'limit={limit}&message_level={level}'
        else:
            path += f'limit={limit}&message_level={level}&offset={offset}'

        for page in follow(self.app, path)[:-1]:
            self.assertNotEqual([], page)

    def delete_all(self):
        for project in ('red', 'blue'):
            headers = http_client.build_headers(project, 'member', 'reader')
            listed = http_client.request(
                self.app, '/v3/messages', headers=headers)
            for message in listed.json['messages']:
                response = http_client.request(
                    self.app, f'/v3/messages/{message["id"]}', 'DELETE',
                    headers)
                self.assertEqual(204, response.status_int)


class TestAnyRequest(base.TestCase):

    def setUp(self):
        super().setUp()
        service = self.runtime()
        http_client.record(service, 'red', resource_uuid='a')
        self.app = app.make_app(service)

    def assert_handled(self, response):
        self.assertLess(response.status_int, 500, response.body)
        self.assertIn('X-OpenStack-Request-Id', response.headers)
        self.assertIn('OpenStack-API-Version', response.headers)
        if response.status_int != 204:
            self.assertEqual('application/json', response.content_type)
        if response.body:
            json.loads(response.body)

    @SETTINGS(max_examples=250)
    @hypothesis.given(query=QUERIES)
    def test_any_query_is_handled(self, query):
        self.assert_handled(http_client.request(
            self.app, f'/v3/messages?{query}', headers=READER))

    @SETTINGS(max_examples=250)
    @hypothesis.given(path=PATHS, method=METHODS)
    def test_any_path_and_method_are_handled(self, path, method):
        self.assert_handled(http_client.request(
            self.app, path, method, headers=READER))

    @SETTINGS(max_examples=250)
    @hypothesis.given(path=PATHS, method=METHODS, headers=HEADERS,
                      query=QUERIES, body=strategies.binary(max_size=20))
    def test_any_request_is_handled(self, path, method, headers, query, body):
        self.assert_handled(http_client.request(
            self.app, f'{path}?{query}', method, {**ADMIN, **headers}, body))
