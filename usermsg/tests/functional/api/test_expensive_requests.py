# SPDX-License-Identifier: Apache-2.0
"""Tests that expensive requests of one project don't occupy the server."""

import concurrent.futures
import threading

import fixtures

from usermsg.api import app
from usermsg.api import expensive_requests
from usermsg.objects import message
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import waiting

RED = http_client.build_headers('red', 'member', 'reader')
BLUE = http_client.build_headers('blue', 'member', 'reader')
ADMIN = http_client.build_headers('red', 'admin')

EXPENSIVE = (
    '/v3/messages?resource_type=VOLUME',
    '/v3/messages?event_id=VOLUME_000002',
    '/v3/messages?message_level=INFO&resource_uuid=a',
    '/volume/v3/messages?message_level=info',
    '/volume/v3/messages?event_id=VOLUME_000002',
    '/volume/v3/messages?sort=event_id:asc',
    '/volume/v3/messages?sort=message_level:asc,created_at:asc',
    '/volume/v3/messages?offset=1001',
    '/share/v2/messages?action_id=001',
    '/share/v2/messages?detail_id=001',
    '/share/v2/messages?sort_key=resource_id',
    '/share/v2/messages?offset=100000',
)

CHEAP = (
    '/v3/messages',
    '/v3/messages?sort=created_at:asc&created_since=2026-01-01',
    '/v3/messages?resource_uuid=a&request_id=req-1',
    '/volume/v3/messages?request_id=req-1',
    '/volume/v3/messages?id=01a20000-0000-7000-8000-000000000000'
    '&message_level=INFO',
    '/volume/v3/messages?sort=created_at:asc,event_id:asc',
    '/volume/v3/messages?sort=updated_at',
    '/volume/v3/messages?offset=1000',
    '/share/v2/messages?resource_id=a&sort_key=id',
)

#: Lists that would be expensive, and their statuses.
REJECTED = (
    ('/v3/messages?message_level=INFO&created_since=yesterday', 400),
    ('/v3/messages?message_level=INFO&marker=x', 400),
    ('/v3/messages?message_level=INFO&event_id=', 400),
    ('/v3/messages?message_level=INFO&limit=0', 400),
    ('/volume/v3/messages?sort=event_id:asc,user_id:asc', 400),
    ('/volume/v3/messages?sort=event_id:asc&limit=0', 200),
    ('/volume/v3/messages?sort=event_id:asc&message_level=x', 200),
    ('/volume/v3/messages?sort=event_id:asc'
     '&marker=01a20000-0000-7000-8000-000000000000', 404),
    ('/volume/v3/messages?offset=100001', 400),
    ('/share/v2/messages?sort_key=user_id', 400),
)


class TestLists(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime()
        self.limiter = expensive_requests.Limiter(
            threads=8, timeout=0.05, cores=4)
        self.app = app.make_app(self.service, self.limiter)
        for project in ('red', 'blue'):
            http_client.record(self.service, project)
        self.finish = threading.Event()
        self.addCleanup(self.finish.set)

    def request(self, address, headers=RED):
        return http_client.request(self.app, address, headers={
            **headers, 'X-OpenStack-Manila-API-Version': '2.52'})

    def occupy(self):
        """Start two expensive lists that last until ``self.finish`` is set.

        :returns: futures of their responses
        """
        get_page = message.MessageList.get_page

        def slow_get_page(database, filters, **options):
            if filters.get('resource_uuid') == 'slow':
                self.finish.wait(120)
            return get_page(database, filters, **options)

        self.useFixture(fixtures.MockPatchObject(
            message.MessageList, 'get_page', slow_get_page))
        threads = concurrent.futures.ThreadPoolExecutor(2)
        self.addCleanup(threads.shutdown)
        self.addCleanup(self.finish.set)  # runs before shutdown
        pending = [
            threads.submit(self.request, f'{path}&resource_uuid=slow')
            for path in ('/v3/messages?message_level=ERROR',
                         '/volume/v3/messages?event_id=VOLUME_000002')]
        waiting.until(
            lambda: self.limiter.in_progress() == {'red': (2, 0)})
        return pending

    def test_third_expensive_list_of_a_project_returns_429(self):
        pending = self.occupy()
        for address in EXPENSIVE:
            response = self.request(address)
            self.assertEqual(429, response.status_int, address)
            self.assertEqual('1', response.headers['Retry-After'])
            if address.startswith('/v3'):
                [error] = response.json['errors']
                self.assertEqual('user-message.too_many_requests',
                                 error['code'])
            else:
                self.assertEqual(429, response.json['overLimit']['code'])

        self.finish.set()
        self.assertEqual([200, 200],
                         [future.result().status_int for future in pending])
        self.assertEqual({}, self.limiter.in_progress())
        for address in EXPENSIVE:
            self.assertEqual(200, self.request(address).status_int, address)

    def test_rejected_lists_need_no_place(self):
        self.occupy()
        for address, status in REJECTED:
            self.assertEqual(status, self.request(address).status_int,
                             address)

    def test_cheap_lists_of_the_project_are_unaffected(self):
        self.occupy()
        for address in CHEAP:
            self.assertEqual(200, self.request(address).status_int, address)

    def test_expensive_lists_of_another_project_are_unaffected(self):
        self.occupy()
        for address in EXPENSIVE:
            self.assertEqual(200, self.request(address, BLUE).status_int,
                             address)

    def test_lists_of_all_projects_are_limited_by_project_of_the_token(self):
        self.occupy()
        for address, status in (
                ('/v3/messages?all_projects=true', 200),
                ('/v3/messages?all_projects=true&message_level=INFO', 429),
                ('/v3/messages?project_id=blue&message_level=INFO', 429),
                ('/volume/v3/messages?all_tenants=1', 429),
                ('/volume/v3/messages?all_tenants=1&resource_uuid=a', 200)):
            self.assertEqual(
                status, self.request(address, ADMIN).status_int, address)
