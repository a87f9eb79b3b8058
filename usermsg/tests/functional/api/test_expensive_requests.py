# SPDX-License-Identifier: Apache-2.0
"""Tests that expensive requests of one project don't occupy the server."""

import collections
import concurrent.futures
import contextlib
import http.client
import threading
import time
import urllib.request

import fixtures

from usermsg.api import app
from usermsg.api import expensive_requests
from usermsg.message import api as message_api
from usermsg.objects import message
from usermsg.tests import base
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import scrape
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import standalone
from usermsg.tests.fixtures import waiting

RED = http_client.build_headers('red', 'member', 'reader')
BLUE = http_client.build_headers('blue', 'member', 'reader')
GREEN = http_client.build_headers('green', 'member', 'reader')
ADMIN = http_client.build_headers('red', 'admin')

#: Lists that are expensive for a project with more than 1,000 messages: all
#: of one resource and of one request, in each facade.
EXPENSIVE = (
    '/v3/messages?resource_type=VOLUME',
    '/v3/messages?event_id=VOLUME_000002',
    '/v3/messages?message_level=INFO&resource_uuid=a',
    '/v3/messages?resource_uuid=a&request_id=req-1',
    '/v3/messages?resource_uuid=in:a,b,c',
    '/v3/messages?resource_type=VOLUME&limit=1',
    '/v3/messages?resource_type=VOLUME&sort=created_at:asc',
    '/volume/v3/messages?message_level=info',
    '/volume/v3/messages?event_id=VOLUME_000002',
    '/volume/v3/messages?request_id=req-1',
    '/volume/v3/messages?resource_uuid=a',
    '/volume/v3/messages?sort=event_id:asc',
    '/volume/v3/messages?sort=message_level:asc,created_at:asc',
    '/volume/v3/messages?sort=created_at:asc,event_id:asc',
    '/share/v2/messages?action_id=001',
    '/share/v2/messages?detail_id=001',
    '/share/v2/messages?resource_id=a&sort_key=id',
    '/share/v2/messages?sort_key=resource_id',
)

#: Lists that are expensive for each project.
DEEP = (
    '/volume/v3/messages?offset=1001',
    '/share/v2/messages?offset=100000',
)

CHEAP = (
    '/v3/messages',
    '/v3/messages?sort=created_at:asc&created_since=2026-01-01',
    '/v3/messages?resource_uuid=a',
    '/v3/messages?resource_uuid=in:a,b',
    '/v3/messages?request_id=req-1',
    '/v3/messages?message_level=INFO',
    '/v3/messages?message_level=ERROR&sort=created_at:asc',
    '/v3/messages?resource_uuid=b&request_id=req-2',
    '/v3/messages?message_level=INFO&resource_uuid=b',
    '/v3/messages?resource_type=IMAGE&created_since=2100-01-01',
    '/v3/messages?resource_type=IMAGE&created_before=2000-01-01',
    '/v3/messages?resource_type=IMAGE'
    '&marker=00000000-0000-7000-8000-000000000000',
    '/volume/v3/messages?request_id=req-2',
    '/volume/v3/messages?resource_uuid=b',
    '/volume/v3/messages?id=01a20000-0000-7000-8000-000000000000'
    '&message_level=INFO',
    '/volume/v3/messages?sort=created_at:asc,id:asc,event_id:asc',
    '/volume/v3/messages?sort=updated_at',
    '/volume/v3/messages?offset=1000',
    '/share/v2/messages?resource_id=b&sort_key=id',
)

#: Lists that would be expensive, and their statuses.
REJECTED = (
    ('/v3/messages?resource_type=IMAGE&created_since=yesterday', 400),
    ('/v3/messages?resource_type=IMAGE&marker=x', 400),
    ('/v3/messages?resource_type=IMAGE&event_id=', 400),
    ('/v3/messages?resource_type=IMAGE&limit=0', 400),
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
            self.service.metrics, threads=8, timeout=0.05, cores=4,
            # No time passes, so that no project uses its share.
            clock=lambda: 0)
        self.app = app.make_app(self.service, self.limiter)
        self.insert('red', message_api.MAX_CHEAP + 1)
        self.insert('blue', message_api.MAX_CHEAP + 1)
        self.insert('green', message_api.MAX_CHEAP // 2)
        self.finish = threading.Event()
        self.addCleanup(self.finish.set)

    def insert(self, project, number):
        """Store a number of messages of each facade."""
        samples.insert(self.service.db, [
            samples.row(project_id=project, prefix=prefix, resource_uuid='a',
                        request_id='req-1')
            for prefix in ('VOLUME', 'SHARE') for _ in range(number)])

    def request(self, address, headers=RED):
        return http_client.request(self.app, address, headers={
            **headers, 'X-OpenStack-Manila-API-Version': '2.52'})

    def occupy(self):
        """Start two expensive lists that last until ``self.finish`` is set.

        :returns: futures of their responses
        """
        get_page = message.MessageList.get_page

        def slow_get_page(database, filters, *arguments, **options):
            if filters.get('resource_type') == 'TEAPOT':
                self.finish.wait(120)
            return get_page(database, filters, *arguments, **options)

        self.useFixture(fixtures.MockPatchObject(
            message.MessageList, 'get_page', slow_get_page))
        threads = concurrent.futures.ThreadPoolExecutor(2)
        self.addCleanup(threads.shutdown)
        self.addCleanup(self.finish.set)  # runs before shutdown
        pending = [
            threads.submit(self.request, f'{path}?resource_type=teapot')
            for path in ('/v3/messages', '/volume/v3/messages')]
        waiting.until(
            lambda: self.limiter.in_progress() == {'red': (2, 0)})
        return pending

    def test_third_expensive_list_of_a_project_returns_429(self):
        pending = self.occupy()
        for address in (*EXPENSIVE, *DEEP):
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
        for address in (*EXPENSIVE, *DEEP):
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

    def test_lists_of_at_most_1000_messages_need_no_place(self):
        with contextlib.ExitStack() as places:
            for _ in range(2):
                places.enter_context(self.limiter.admit('green', 'filter'))
            for address in (*EXPENSIVE, *CHEAP):
                self.assertEqual(
                    200, self.request(address, GREEN).status_int, address)
            for address in DEEP:
                self.assertEqual(
                    429, self.request(address, GREEN).status_int, address)

    def test_list_after_a_marker_counts_only_its_messages(self):
        with contextlib.ExitStack() as places:
            for _ in range(2):
                places.enter_context(self.limiter.admit('red', 'filter'))
            for sort in ('asc', 'desc'):
                page = self.request(
                    f'/v3/messages?sort=created_at:{sort}&limit=1000').json
                # The list has 2,002 messages: 2,001 or 1,002 come after.
                for number, status in ((0, 429), (999, 429)):
                    self.check_after(page, number, sort, status)
                page = self.request(
                    f'/v3/messages?sort=created_at:{sort}&limit=1000&marker='
                    + page['messages'][-1]['id']).json
                for number, status in ((0, 429), (1, 200), (999, 200)):
                    self.check_after(page, number, sort, status)

    def check_after(self, page, number, sort, status):
        marker = page['messages'][number]['id']
        self.assertEqual(status, self.request(
            f'/v3/messages?resource_type=IMAGE&sort=created_at:{sort}'
            f'&marker={marker}').status_int, (number, sort))

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
                ('/v3/messages?project_id=blue&resource_type=IMAGE', 429),
                ('/v3/messages?project_id=blue&message_level=INFO', 200),
                ('/volume/v3/messages?all_tenants=1', 429),
                ('/volume/v3/messages?all_tenants=1&resource_uuid=a', 429),
                ('/volume/v3/messages?all_tenants=1&resource_uuid=b', 200),
                ('/volume/v3/messages?resource_uuid=a', 429),
                ('/volume/v3/messages?resource_uuid=b', 200),
                ('/share/v2/messages?resource_id=a', 429),
                ('/share/v2/messages?resource_id=b', 200),
                ('/v3/messages?all_projects=true&resource_uuid=a', 200),
                # They are sorted.
                ('/v3/messages?all_projects=true&request_id=req-1', 429),
                ('/v3/messages?all_projects=true&request_id=req-2', 200),
                ('/v3/messages?all_projects=true&resource_uuid=a'
                 '&request_id=req-1', 429)):
            self.assertEqual(
                status, self.request(address, ADMIN).status_int, address)


class TestServer(base.TestCase):

    def test_refused_lists_are_counted_by_cause(self):
        port = servers.free_port()
        server = standalone.UsermsgApi(metrics={'port': port})
        self.addCleanup(server.stop)
        samples.insert(server.runtime.db, [
            samples.row(project_id='red')
            for _ in range(message_api.MAX_CHEAP + 1)])
        refused = []
        end = time.monotonic() + 300

        def send(cause, query):
            client = http.client.HTTPConnection(
                '127.0.0.1', server.port, timeout=60)
            with contextlib.closing(client):
                while cause not in refused and time.monotonic() < end:
                    client.request('GET', f'/volume/v3/messages?{query}',
                                   headers=RED)
                    response = client.getresponse()
                    response.read()
                    if response.status == 429:
                        refused.append(cause)

        for cause, query in (('filter', 'message_level=info'),
                             ('sort', 'sort=event_id:asc'),
                             ('offset', 'offset=1001')):
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(send, [cause] * 8, [query] * 8))
            self.assertIn(cause, refused)
        with urllib.request.urlopen(  # nosec
                f'http://127.0.0.1:{port}/metrics', timeout=30) as response:
            metrics = scrape.parse(response.read().decode())
        self.assertEqual(
            collections.Counter((cause,) for cause in refused),
            metrics['usermsg_lists_refused_total'])

    def test_quick_lists_of_many_connections_are_not_refused(self):
        server = standalone.UsermsgApi()
        self.addCleanup(server.stop)
        for _ in range(5):
            http_client.record(server.runtime, 'red')
        statuses = []
        begin = threading.Barrier(16)

        def send(address):
            client = http.client.HTTPConnection(
                '127.0.0.1', server.port, timeout=60)
            with contextlib.closing(client):
                for _ in range(5):
                    begin.wait(60)
                    client.request('GET', address, headers=RED)
                    response = client.getresponse()
                    response.read()
                    statuses.append(response.status)

        for address in ('/volume/v3/messages?resource_uuid=a',
                        '/v3/messages?message_level=INFO'):
            threads = [threading.Thread(target=send, args=(address,))
                       for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual([200] * 160, statuses)
