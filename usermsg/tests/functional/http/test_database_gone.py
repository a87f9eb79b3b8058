# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""The database goes away and comes back, seen through the API."""

import testscenarios

from usermsg.api import app
from usermsg.tests import base
from usermsg.tests.functional.http import client
from usermsg.tests.functional import servers

#: A server of each test's own, as it is killed.
SCENARIOS = [
    ('mariadb', {'make_server': servers.MariaDB}),
    ('postgresql', {'make_server': servers.PostgreSQL}),
]

READER = client.headers_of('red', 'member', 'reader')


class TestDatabaseGone(testscenarios.WithScenarios, base.TestCase):

    scenarios = SCENARIOS

    def setUp(self):
        super().setUp()
        self.server = servers.require(
            lambda: self.make_server(fast=True))
        self.addCleanup(self.server.stop)
        service = self.runtime(
            database={'connection': self.server.create_database()})
        self.message = client.record(service, 'red')
        self.app = app.make_app(service)

    def ask(self, address, method='GET'):
        return client.ask(self.app, address, method, READER)

    def assert_unavailable(self, answer):
        self.assertEqual(503, answer.status_int)
        self.assertEqual('application/json', answer.content_type)
        self.assertGreater(int(answer.headers['Retry-After']), 0)
        [error] = answer.json['errors']
        self.assertEqual('user-message.database_unavailable', error['code'])
        self.assertEqual(answer.headers['X-OpenStack-Request-Id'],
                         error['request_id'])
        # Nothing of where or what the database is.
        for secret in ('127.0.0.1', str(self.server.port), 'SELECT', 'sql'):
            self.assertNotIn(secret, answer.text)

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


class TestNoTables(base.TestCase):

    def test_without_tables_it_is_unavailable(self):
        service = self.runtime(tables=False)
        answer = client.ask(app.make_app(service), '/v3/messages',
                            headers=READER)
        self.assertEqual(503, answer.status_int)
        self.assertEqual('application/json', answer.content_type)
        self.assertNotIn('no such table', answer.text)
