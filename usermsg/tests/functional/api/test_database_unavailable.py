# SPDX-License-Identifier: Apache-2.0
"""Tests of the API while the database is unavailable, and afterwards."""

import concurrent.futures
import contextlib
import json
import sqlite3
import threading

import testscenarios

from usermsg.api import app
from usermsg.db import models
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

#: Each test starts its own server, because it kills it.
SCENARIOS = [
    ('mariadb', {'make_server': servers.MariaDB}),
    ('postgresql', {'make_server': servers.PostgreSQL}),
]

READER = http_client.build_headers('red', 'member', 'reader')
SERVICE = {**http_client.build_headers('services', 'service'),
           'Content-Type': 'application/json'}


class RequestMixin:

    def request(self, address, method='GET'):
        return http_client.request(self.app, address, method, READER)

    def post(self, *source_ids):
        """Record a message for each source id, in one batch."""
        return http_client.request(
            self.app, '/v3/messages', 'POST', SERVICE, json.dumps({
                'messages': [{'project_id': 'red', 'source_id': source_id,
                              'event_id': 'VOLUME_000002'}
                             for source_id in source_ids]}).encode())

    def assert_unavailable(self, response):
        self.assertEqual(503, response.status_int)
        self.assertEqual('application/json', response.content_type)
        self.assertGreater(int(response.headers['Retry-After']), 0)
        [error] = response.json['errors']
        self.assertEqual('user-message.database_unavailable', error['code'])
        self.assertEqual(response.headers['X-OpenStack-Request-Id'],
                         error['request_id'])
        # No details of the database.
        for secret in ('127.0.0.1', str(self.port), 'SELECT', 'sql'):
            self.assertNotIn(secret, response.text)


class TestDatabaseUnavailable(
        RequestMixin, testscenarios.WithScenarios, base.TestCase):

    scenarios = SCENARIOS

    def setUp(self):
        super().setUp()
        self.server = servers.require(
            lambda: self.make_server(fast=True))
        self.addCleanup(self.server.stop)
        self.service = self.runtime(
            database={'connection': self.server.create_database()})
        self.message = http_client.record(self.service, 'red')
        self.app = app.make_app(self.service)
        self.port = self.server.port

    def test_requests_return_503_until_database_restarts(self):
        address = f'/v3/messages/{self.message.id}'
        self.assertEqual(200, self.request(address).status_int)
        for _time in range(2):
            self.server.kill()
            for method, path in (('GET', address), ('GET', '/v3/messages'),
                                 ('DELETE', address)):
                self.assert_unavailable(self.request(path, method))
            self.assertEqual(200, self.request('/').status_int)
            self.assertEqual(400, self.request('/v3/messages?x=1').status_int)

            self.server.start()
            # The first request after a restart doesn't get a dead connection.
            self.assertEqual(200, self.request(address).status_int)
            [listed] = self.request('/v3/messages').json['messages']
            self.assertEqual(self.message.id, listed['id'])
        self.assertEqual(204, self.request(address, 'DELETE').status_int)

    def test_restart_between_requests_fails_no_request(self):
        address = f'/v3/messages/{self.message.id}'
        self.assertEqual(200, self.request(address).status_int)
        self.server.kill()
        self.server.start()
        for path in (address, '/v3/messages'):
            self.assertEqual(200, self.request(path).status_int)
        self.assertEqual(204, self.request(address, 'DELETE').status_int)

    def test_failed_batches_use_no_tokens_of_the_rate(self):
        self.server.kill()
        batch = [f'key {number}' for number in range(1000)]
        for _time in range(6):  # more than record_burst
            self.assert_unavailable(self.post(*batch))
        self.server.start()
        self.assertEqual(201, self.post(*batch).status_int)

    def test_retried_batch_after_restart_records_once(self):
        self.assertEqual(201, self.post('before').status_int)
        self.server.kill()
        self.assert_unavailable(self.post('a'))
        self.assert_unavailable(self.post('before', 'a', 'b'))
        self.server.start()
        self.assertEqual(2, len(samples.stored(self.service.db)))
        for _time, status in ((1, 201), (2, 200)):
            response = self.post('before', 'a', 'b')
            self.assertEqual(status, response.status_int, response.text)
            self.assertEqual(4, len(samples.stored(self.service.db)))

    def test_database_lost_during_batches_stores_all_or_none(self):
        batches = [[f'{number}-{place}' for place in range(20)]
                   for number in range(200)]
        finished = threading.Semaphore(0)

        def post(batch):
            response = self.post(*batch)
            finished.release()
            return response

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            pending = [threads.submit(post, batch) for batch in batches]
            for _number in range(10):
                finished.acquire()
            self.server.kill()
        responses = [future.result() for future in pending]
        self.assertEqual({201, 503},
                         {response.status_int for response in responses})

        self.server.start()
        keys = {row['source_id']: row['message_id'] for row in
                samples.stored(self.service.db, models.source_keys)}
        self.assertEqual(
            {self.message.id, *keys.values()},
            {row['id'] for row in samples.stored(self.service.db)})
        for batch, response in zip(batches, responses):
            stored = [keys[key] for key in batch if key in keys]
            if response.status_int == 201:
                self.assertEqual([message['id'] for message in
                                  response.json['messages']], stored)
            else:
                self.assert_unavailable(response)
                # The batch may be stored although the response is an error.
                self.assertIn(len(stored), (0, len(batch)))

        for batch, response in zip(batches, responses):
            again = self.post(*batch)
            if response.status_int == 201:
                self.assertEqual(200, again.status_int)
            else:
                self.assertIn(again.status_int, (200, 201))
            for key, message in zip(batch, again.json['messages']):
                self.assertEqual(
                    keys.get(key, message['id']), message['id'])
        self.assertEqual(1 + 200 * 20, len(samples.stored(self.service.db)))


class TestFile(RequestMixin, base.TestCase):

    port = 'usermsg.sqlite'

    def test_locked_sqlite_file_returns_503(self):
        # With the default timeout each request would wait for seconds.
        service = self.runtime(database={
            'connection': f'{self.sqlite_url()}?timeout=0'})
        self.app = app.make_app(service)
        other = sqlite3.connect(self.home / 'usermsg.sqlite',
                                isolation_level=None)
        self.addCleanup(other.close)
        other.execute('BEGIN IMMEDIATE')
        self.assert_unavailable(self.post('a', 'b'))
        self.assertEqual(200, self.request('/v3/messages').status_int)
        other.execute('ROLLBACK')
        self.assertEqual([], samples.stored(service.db))
        self.assertEqual(201, self.post('a', 'b').status_int)
        self.assertEqual(2, len(samples.stored(service.db)))


class TestReplacedFile(RequestMixin, base.TestCase):

    port = 'usermsg.sqlite'

    def test_replaced_or_deleted_sqlite_file_is_noticed(self):
        service = self.runtime()
        self.app = app.make_app(service)
        path = self.home / 'usermsg.sqlite'
        backup = self.home / 'backup.sqlite'
        self.assertEqual(201, self.post('a').status_int)
        with contextlib.closing(sqlite3.connect(path)) as one:
            with contextlib.closing(sqlite3.connect(backup)) as other:
                one.backup(other)
        self.assertEqual(201, self.post('b').status_int)
        for name in ('usermsg.sqlite-wal', 'usermsg.sqlite-shm'):
            (self.home / name).unlink(missing_ok=True)
        backup.rename(path)
        self.assertEqual(201, self.post('c').status_int)
        with contextlib.closing(sqlite3.connect(path)) as one:
            self.assertEqual(2, one.execute(
                'SELECT count(*) FROM messages').fetchone()[0])
        path.unlink()
        self.assert_unavailable(self.post('d'))


class TestNoTables(base.TestCase):

    def test_missing_tables_return_503(self):
        service = self.runtime(tables=False)
        response = http_client.request(
            app.make_app(service), '/v3/messages', headers=READER)
        self.assertEqual(503, response.status_int)
        self.assertEqual('application/json', response.content_type)
        self.assertNotIn('no such table', response.text)
