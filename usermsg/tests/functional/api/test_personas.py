# SPDX-License-Identifier: Apache-2.0
"""What each kind of user may do, from personas.yaml."""

from keystonemiddleware import fixture as keystone_fixture

from usermsg.api import app
from usermsg.api.controllers import root
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import personas


class TestPersonas(base.TestCase):

    def setUp(self):
        super().setUp()
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        for name, persona in personas.TABLE['personas'].items():
            if persona is not None:
                self.keystone.add_token(personas.build_token(persona), name)

    def service(self, **groups):
        runtime = self.runtime(**http_client.KEYSTONE, **groups)
        return runtime, app.make_app(runtime)

    def status(self, service, route, persona):
        """What a persona gets on a route, for a message of MINE."""
        runtime, application = service
        message = http_client.record(
            runtime, personas.MINE, personas.choose_event(route))
        method, address, headers, body = personas.build_request(
            route, personas.MINE, message.id)
        if personas.TABLE['personas'][persona] is not None:
            headers['X-Auth-Token'] = persona
        return http_client.request(
            application, address, method, headers, body).status_int

    def test_each_persona_gets_what_the_table_says(self):
        service = self.service()
        found = {route: {persona: self.status(service, route, persona)
                         for persona in personas.TABLE['personas']}
                 for route in personas.TABLE['routes']}
        self.assertEqual(personas.TABLE['routes'], found)

    def test_each_route_has_a_row(self):
        routes = root.Root(self.runtime()).table.routes
        self.assertEqual({personas.route_key(route) for route in routes},
                         set(personas.TABLE['routes']))

    def test_each_route_says_something_of_each_persona(self):
        for route, expected in personas.TABLE['routes'].items():
            self.assertEqual(
                set(personas.TABLE['personas']), set(expected), route)

    def test_each_route_with_a_rule_asks_the_policy_for_it(self):
        routes = [route for route in root.Root(self.runtime()).table.routes
                  if route.rule is not None]
        self.assertNotEqual([], routes)
        for route in routes:
            policy_file = self.write('policy.yaml', f'"{route.rule}": "!"\n')
            service = self.service(oslo_policy={'policy_file': policy_file})
            self.assertEqual(
                403, self.status(service, personas.route_key(route), 'admin'),
                personas.route_key(route))
            self.assertEqual(
                403, self.status(
                    service, personas.route_key(route), 'member'),
                personas.route_key(route))

    def test_a_rule_that_is_opened_lets_in(self):
        policy_file = self.write(
            'policy.yaml', '"message:delete": "role:reader"\n')
        service = self.service(oslo_policy={'policy_file': policy_file})
        self.assertEqual(204, self.status(
            service, 'DELETE /v3/messages/{message_id}', 'reader'))

    def test_who_reads_everything_can_be_somebody_else(self):
        policy_file = self.write(
            'policy.yaml', '"message:read_all_projects": "role:reader"\n')
        service = self.service(oslo_policy={'policy_file': policy_file})
        for route in ('GET /v3/messages/{message_id}',
                      'GET /v3/{project_id}/messages'):
            self.assertEqual(200, self.status(service, route, 'other-reader'))

    def test_reading_everything_is_no_right_to_delete(self):
        policy_file = self.write(
            'policy.yaml', '"message:read_all_projects": "role:reader"\n')
        service = self.service(oslo_policy={'policy_file': policy_file})
        for route in ('DELETE /v3/messages/{message_id}',
                      'DELETE /v3/{project_id}/messages/{message_id}'):
            self.assertEqual(404, self.status(service, route, 'other-member'))
