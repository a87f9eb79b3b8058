# SPDX-License-Identifier: Apache-2.0
"""The database goes away and comes back, seen through the API."""

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

#: A server of each test's own, as it is killed.
SCENARIOS = [
    ('mariadb', {'make_server': servers.MariaDB}),
    ('postgresql', {'make_server': servers.PostgreSQL}),
]

READER = http_client.build_headers('red', 'member', 'reader')
SERVICE = {**http_client.build_headers('services', 'service'),
           'Content-Type': 'application/json'}


class Answers:

    def ask(self, address, method='GET'):
        return http_client.request(self.app, address, method, READER)

    def post(self, *source_ids):
        """Record a message for each, in one batch."""
        return http_client.request(
            self.app, '/v3/messages', 'POST', SERVICE, json.dumps({
                'messages': [{'project_id': 'red', 'source_id': source_id,
                              'event_id': 'VOLUME_000002'}
                             for source_id in source_ids]}).encode())

    def assert_unavailable(self, answer):
        self.assertEqual(503, answer.status_int)
        self.assertEqual('application/json', answer.content_type)
        self.assertGreater(int(answer.headers['Retry-After']), 0)
        [error] = answer.json['errors']
        self.assertEqual('user-message.database_unavailable', error['code'])
        self.assertEqual(answer.headers['X-OpenStack-Request-Id'],
                         error['request_id'])
        # Nothing of where or what the database is.
        for secret in ('127.0.0.1', str(self.port), 'SELECT', 'sql'):
            self.assertNotIn(secret, answer.text)


class TestDatabaseGone(Answers, testscenarios.WithScenarios, base.TestCase):

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

    def test_meanwhile_503_and_afterwards_all_is_well(self):
        address = f'/v3/messages/{self.message.id}'
        self.assertEqual(200, self.ask(address).status_int)
        for _time in range(2):
            self.server.kill()
            for method, asked in (('GET', address), ('GET', '/v3/messages'),
                                  ('DELETE', address)):
                self.assert_unavailable(self.ask(asked, method))
            self.assertEqual(200, self.ask('/').status_int)
            self.assertEqual(400, self.ask('/v3/messages?x=1').status_int)

            self.server.start()
            # The first request after a restart finds no dead connection.
            self.assertEqual(200, self.ask(address).status_int)
            [shown] = self.ask('/v3/messages').json['messages']
            self.assertEqual(self.message.id, shown['id'])
        self.assertEqual(204, self.ask(address, 'DELETE').status_int)

    def test_a_restart_that_nobody_noticed_harms_no_request(self):
        address = f'/v3/messages/{self.message.id}'
        self.assertEqual(200, self.ask(address).status_int)
        self.server.kill()
        self.server.start()
        for asked in (address, '/v3/messages'):
            self.assertEqual(200, self.ask(asked).status_int)
        self.assertEqual(204, self.ask(address, 'DELETE').status_int)

    def test_recording_is_repeated_when_it_is_back(self):
        self.assertEqual(201, self.post('before').status_int)
        self.server.kill()
        self.assert_unavailable(self.post('a'))
        self.assert_unavailable(self.post('before', 'a', 'b'))
        self.server.start()
        self.assertEqual(2, len(samples.stored(self.service.db)))
        for _time, status in ((1, 201), (2, 200)):
            answer = self.post('before', 'a', 'b')
            self.assertEqual(status, answer.status_int, answer.text)
            self.assertEqual(4, len(samples.stored(self.service.db)))

    def test_nothing_is_half_stored_when_it_goes_in_the_middle(self):
        batches = [[f'{number}-{place}' for place in range(20)]
                   for number in range(200)]
        under_way = threading.Semaphore(0)

        def post(batch):
            answer = self.post(*batch)
            under_way.release()
            return answer

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            pending = [threads.submit(post, batch) for batch in batches]
            for _answer in range(10):
                under_way.acquire()
            self.server.kill()
        answers = [each.result() for each in pending]
        self.assertEqual({201, 503},
                         {answer.status_int for answer in answers})

        self.server.start()
        keys = {row['source_id']: row['message_id'] for row in
                samples.stored(self.service.db, models.source_keys)}
        self.assertEqual(
            {self.message.id, *keys.values()},
            {row['id'] for row in samples.stored(self.service.db)})
        for batch, answer in zip(batches, answers):
            found = [keys[key] for key in batch if key in keys]
            if answer.status_int == 201:
                self.assertEqual([one['id'] for one in
                                  answer.json['messages']], found)
            else:
                self.assert_unavailable(answer)
                # It may have been stored and not have been able to say so.
                self.assertIn(len(found), (0, len(batch)))

        for batch, answer in zip(batches, answers):
            again = self.post(*batch)
            if answer.status_int == 201:
                self.assertEqual(200, again.status_int)
            else:
                self.assertIn(again.status_int, (200, 201))
            for key, one in zip(batch, again.json['messages']):
                self.assertEqual(keys.get(key, one['id']), one['id'])
        self.assertEqual(1 + 200 * 20, len(samples.stored(self.service.db)))


class TestFile(Answers, base.TestCase):

    port = 'usermsg.sqlite'

    def test_a_file_that_somebody_else_writes_to(self):
        # Else it would wait for seconds each time.
        service = self.runtime(database={
            'connection': f'{self.sqlite_url()}?timeout=0'})
        self.app = app.make_app(service)
        other = sqlite3.connect(self.home / 'usermsg.sqlite',
                                isolation_level=None)
        self.addCleanup(other.close)
        other.execute('BEGIN IMMEDIATE')
        self.assert_unavailable(self.post('a', 'b'))
        self.assertEqual(200, self.ask('/v3/messages').status_int)
        other.execute('ROLLBACK')
        self.assertEqual([], samples.stored(service.db))
        self.assertEqual(201, self.post('a', 'b').status_int)
        self.assertEqual(2, len(samples.stored(service.db)))


class TestReplacedFile(Answers, base.TestCase):

    port = 'usermsg.sqlite'

    def test_nothing_is_written_to_a_file_that_is_gone(self):
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

    def test_without_tables_it_is_unavailable(self):
        service = self.runtime(tables=False)
        answer = http_client.request(app.make_app(service), '/v3/messages',
                                     headers=READER)
        self.assertEqual(503, answer.status_int)
        self.assertEqual('application/json', answer.content_type)
        self.assertNotIn('no such table', answer.text)
