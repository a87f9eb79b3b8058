# SPDX-License-Identifier: Apache-2.0
"""Health checks, on databases that are well, gone and frozen."""

import concurrent.futures
import datetime
import threading
import time

from keystonemiddleware import fixture as keystone_fixture
import testscenarios

from usermsg.api import app
from usermsg.db import migration
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import servers

ADMIN = http_client.build_headers('ops', 'admin')
READER = http_client.build_headers('red', 'reader')

#: Seconds; less than what any driver waits for.
SOON = 20


class HealthTestCase(base.TestCase):

    def serve(self, **groups):
        self.service = self.runtime(**groups)
        self.app = app.make_app(self.service)

    def ask(self, headers=READER, method='GET'):
        return http_client.request(self.app, '/healthcheck', method, headers)

    def detail(self):
        answer = self.ask(ADMIN)
        [check] = answer.json['checks']
        self.assertEqual(answer.json['status'], check['status'])
        self.assertEqual('database', check.pop('name'))
        return check

    def wait_for(self, status):
        end = time.monotonic() + 60
        while (answer := self.ask()).status_int != status:
            if time.monotonic() > end:
                self.fail(f'still {answer.text}')
            time.sleep(0.05)
        return answer


class TestHealth(HealthTestCase):

    def test_who_may_sees_the_checks(self):
        self.serve(tables=False)
        migration.sync(self.service.db)
        check = self.detail()
        self.assertGreater(check.pop('latency_ms'), 0)
        self.assertEqual(
            {'status': 'available', 'failure': None, 'dialect': 'sqlite',
             'revision': migration.head(),
             'needed_revision': migration.head()}, check)

    def test_a_missing_schema_is_seen_there(self):
        self.serve(tables=False)
        check = self.detail()
        self.assertIsNone(check['revision'])
        self.assertEqual(migration.head(), check['needed_revision'])

    def test_who_sees_the_checks_can_be_somebody_else(self):
        self.serve(oslo_policy={'policy_file': self.write(
            'policy.yaml', '"healthcheck:detail": "role:reader"\n')})
        self.assertIn('checks', self.ask(READER).json)
        self.assertNotIn(
            'checks',
            self.ask(http_client.build_headers('red', 'strange')).json)

    def test_a_database_that_cannot_be_opened(self):
        url = f'sqlite:///{self.home}/secret/usermsg.sqlite'
        self.serve(tables=False, database={'connection': url})
        answer = self.ask()
        self.assertEqual(503, answer.status_int)
        self.assertEqual('{"status":"unavailable"}', answer.text)
        check = self.detail()
        self.assertEqual(
            {'status': 'unavailable', 'failure': 'connection',
             'dialect': 'sqlite', 'latency_ms': None, 'revision': None,
             'needed_revision': migration.head()}, check)
        self.assertNotIn('secret', self.ask(ADMIN).text)

    def test_a_head_tells_the_same(self):
        self.serve(tables=False, database={
            'connection': f'sqlite:///{self.home}/missing/usermsg.sqlite'})
        answer = self.ask(method='HEAD')
        self.assertEqual(503, answer.status_int)
        self.assertEqual(b'', answer.body)


class TestTokens(HealthTestCase):

    def setUp(self):
        super().setUp()
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        self.serve(**http_client.KEYSTONE)

    def content(self, **headers):
        answer = self.ask(headers)
        self.assertEqual(200, answer.status_int)
        return answer.json

    def test_an_admin_sees_more_than_nobody(self):
        self.keystone.add_token_data('root', user_id='root', project_id='ops',
                                     role_list=['admin'])
        self.assertEqual({'status': 'available'}, self.content())
        self.assertIn('checks', self.content(**{'X-Auth-Token': 'root'}))

    def test_a_bad_token_is_as_good_as_none(self):
        past = (datetime.datetime.now(datetime.timezone.utc) -
                datetime.timedelta(seconds=1))
        self.keystone.add_token_data(
            'old', expires=past, user_id='root', project_id='ops',
            role_list=['admin'])
        for token in ('old', 'nonsense', '', 'x' * 10_000):
            self.assertEqual({'status': 'available'},
                             self.content(**{'X-Auth-Token': token}))

    def test_headers_make_nobody_an_admin(self):
        self.assertEqual({'status': 'available'}, self.content(
            **ADMIN, **{'X-Identity-Status': 'Confirmed'}))


class TestFaults(testscenarios.WithScenarios, HealthTestCase):

    scenarios = [
        ('mariadb', {'make_server': servers.MariaDB, 'dialect': 'mysql'}),
        ('postgresql', {'make_server': servers.PostgreSQL,
                        'dialect': 'postgresql'}),
    ]

    def setUp(self):
        super().setUp()
        self.server = servers.require(lambda: self.make_server(fast=True))
        self.addCleanup(self.server.stop)
        self.serve(database={'connection': self.server.create_database()})
        self.wait_for(200)

    def assert_nothing_told(self, answer):
        for secret in ('127.0.0.1', str(self.server.port), 'SELECT', 'usermsg',
                       'refused'):
            self.assertNotIn(secret, answer.text)

    def test_it_is_gone_and_comes_back(self):
        self.server.kill()
        self.assert_nothing_told(self.wait_for(503))
        check = self.detail()
        self.assertEqual('connection', check['failure'])
        self.assertEqual(self.dialect, check['dialect'])
        self.assert_nothing_told(self.ask(ADMIN))
        self.server.start()
        self.wait_for(200)

    def test_it_is_frozen_and_thawed(self):
        before = set(threading.enumerate())
        self.server.freeze()
        self.addCleanup(self.server.thaw)
        began = time.monotonic()
        self.assert_nothing_told(self.wait_for(503))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.ask(ADMIN), range(64)))
        self.assertLess(time.monotonic() - began, SOON)
        for answer in answers:
            self.assertEqual(503, answer.status_int)
            self.assertEqual('timeout', answer.json['checks'][0]['failure'])
            self.assert_nothing_told(answer)
        asking = [thread for thread in set(threading.enumerate()) - before
                  if thread.name == 'usermsg-health']
        self.assertLessEqual(len(asking), 1)
        self.server.thaw()
        self.wait_for(200)
