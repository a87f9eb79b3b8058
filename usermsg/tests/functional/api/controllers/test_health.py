# SPDX-License-Identifier: Apache-2.0
"""Tests of health checks with available, stopped and frozen databases."""

import concurrent.futures
import datetime
import threading
import time

from keystonemiddleware import fixture as keystone_fixture
import testscenarios

from usermsg.api import app
from usermsg.db import migration
from usermsg.db import revision
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import servers

ADMIN = http_client.build_headers('ops', 'admin')
READER = http_client.build_headers('red', 'reader')

#: Seconds; less than the timeout of any database driver.
DEADLINE = 20


class HealthTestCase(base.TestCase):

    def serve(self, **groups):
        self.service = self.runtime(**groups)
        self.app = app.make_app(self.service)

    def request(self, headers=READER, method='GET'):
        return http_client.request(self.app, '/healthcheck', method, headers)

    def detail(self):
        response = self.request(ADMIN)
        [check] = response.json['checks']
        self.assertEqual(response.json['status'], check['status'])
        self.assertEqual('database', check.pop('name'))
        return check

    def wait_for(self, status):
        end = time.monotonic() + 60
        while (response := self.request()).status_int != status:
            if time.monotonic() > end:
                self.fail(f'still {response.text}')
            time.sleep(0.05)
        return response


class TestHealth(HealthTestCase):

    def test_admin_gets_checks(self):
        self.serve(tables=False)
        migration.sync(self.service.db)
        check = self.detail()
        self.assertGreater(check.pop('latency_ms'), 0)
        self.assertEqual(
            {'status': 'available', 'failure': None, 'dialect': 'sqlite',
             'revision': revision.HEAD,
             'needed_revision': revision.HEAD}, check)

    def test_missing_schema_has_no_revision(self):
        self.serve(tables=False)
        check = self.detail()
        self.assertIsNone(check['revision'])
        self.assertEqual(revision.HEAD, check['needed_revision'])

    def test_policy_grants_checks_to_other_roles(self):
        self.serve(oslo_policy={'policy_file': self.write(
            'policy.yaml', '"healthcheck:detail": "role:reader"\n')})
        self.assertIn('checks', self.request(READER).json)
        self.assertNotIn(
            'checks',
            self.request(http_client.build_headers('red', 'other')).json)

    def test_unopenable_database_returns_503(self):
        url = f'sqlite:///{self.home}/secret/usermsg.sqlite'
        self.serve(tables=False, database={'connection': url})
        response = self.request()
        self.assertEqual(503, response.status_int)
        self.assertEqual('{"status":"unavailable"}', response.text)
        check = self.detail()
        self.assertEqual(
            {'status': 'unavailable', 'failure': 'connection',
             'dialect': 'sqlite', 'latency_ms': None, 'revision': None,
             'needed_revision': revision.HEAD}, check)
        self.assertNotIn('secret', self.request(ADMIN).text)

    def test_head_returns_same_status_without_body(self):
        self.serve(tables=False, database={
            'connection': f'sqlite:///{self.home}/missing/usermsg.sqlite'})
        response = self.request(method='HEAD')
        self.assertEqual(503, response.status_int)
        self.assertEqual(b'', response.body)


class TestTokens(HealthTestCase):

    def setUp(self):
        super().setUp()
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        self.serve(**http_client.KEYSTONE)

    def content(self, **headers):
        response = self.request(headers)
        self.assertEqual(200, response.status_int)
        return response.json

    def test_admin_token_shows_checks(self):
        self.keystone.add_token_data('root', user_id='root', project_id='ops',
                                     role_list=['admin'])
        self.assertEqual({'status': 'available'}, self.content())
        self.assertIn('checks', self.content(**{'X-Auth-Token': 'root'}))

    def test_invalid_token_shows_availability_only(self):
        past = (datetime.datetime.now(datetime.timezone.utc) -
                datetime.timedelta(seconds=1))
        self.keystone.add_token_data(
            'old', expires=past, user_id='root', project_id='ops',
            role_list=['admin'])
        for token in ('old', 'invalid', '', 'x' * 10_000):
            self.assertEqual({'status': 'available'},
                             self.content(**{'X-Auth-Token': token}))

    def test_identity_headers_are_not_trusted(self):
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

    def assert_no_details(self, response):
        for secret in ('127.0.0.1', str(self.server.port), 'SELECT', 'usermsg',
                       'refused'):
            self.assertNotIn(secret, response.text)

    def test_stopped_database_returns_503_until_restart(self):
        self.server.kill()
        self.assert_no_details(self.wait_for(503))
        check = self.detail()
        self.assertEqual('connection', check['failure'])
        self.assertEqual(self.dialect, check['dialect'])
        self.assert_no_details(self.request(ADMIN))
        self.server.start()
        self.wait_for(200)

    def test_frozen_database_returns_503_until_thawed(self):
        before = set(threading.enumerate())
        self.server.freeze()
        self.addCleanup(self.server.thaw)
        started = time.monotonic()
        self.assert_no_details(self.wait_for(503))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            responses = list(pool.map(
                lambda _: self.request(ADMIN), range(64)))
        self.assertLess(time.monotonic() - started, DEADLINE)
        for response in responses:
            self.assertEqual(503, response.status_int)
            self.assertEqual('timeout', response.json['checks'][0]['failure'])
            self.assert_no_details(response)
        checking = [thread for thread in set(threading.enumerate()) - before
                    if thread.name == 'usermsg-health']
        self.assertLessEqual(len(checking), 1)
        self.server.thaw()
        self.wait_for(200)
