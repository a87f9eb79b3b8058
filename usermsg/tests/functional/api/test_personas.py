# SPDX-License-Identifier: Apache-2.0
"""Tests of the permissions of each persona in personas.yaml."""

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
        """Return the status of a route for a persona.

        The message belongs to OWNING_PROJECT.
        """
        runtime, application = service
        message = http_client.record(
            runtime, personas.OWNING_PROJECT, personas.choose_event(route))
        method, address, headers, body = personas.build_request(
            route, personas.OWNING_PROJECT, message.id)
        if personas.TABLE['personas'][persona] is not None:
            headers['X-Auth-Token'] = persona
        return http_client.request(
            application, address, method, headers, body).status_int

    def test_statuses_match_table_for_every_persona(self):
        service = self.service()
        actual = {route: {persona: self.status(service, route, persona)
                          for persona in personas.TABLE['personas']}
                  for route in personas.TABLE['routes']}
        self.assertEqual(personas.TABLE['routes'], actual)

    def test_table_has_a_row_for_every_route(self):
        routes = root.Root(self.runtime()).table.routes
        self.assertEqual({personas.route_key(route) for route in routes},
                         set(personas.TABLE['routes']))

    def test_rows_have_a_status_for_every_persona(self):
        for route, expected in personas.TABLE['routes'].items():
            self.assertEqual(
                set(personas.TABLE['personas']), set(expected), route)

    def test_denied_rule_returns_403_on_its_routes(self):
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

    def test_relaxed_rule_permits_request(self):
        policy_file = self.write(
            'policy.yaml', '"message:delete": "role:reader"\n')
        service = self.service(oslo_policy={'policy_file': policy_file})
        self.assertEqual(204, self.status(
            service, 'DELETE /v3/messages/{message_id}', 'reader'))

    def test_relaxed_read_all_projects_permits_reading(self):
        policy_file = self.write(
            'policy.yaml', '"message:read_all_projects": "role:reader"\n')
        service = self.service(oslo_policy={'policy_file': policy_file})
        for route in ('GET /v3/messages/{message_id}',
                      'GET /v3/{project_id}/messages'):
            self.assertEqual(200, self.status(service, route, 'other-reader'))

    def test_relaxed_read_all_projects_denies_delete(self):
        policy_file = self.write(
            'policy.yaml', '"message:read_all_projects": "role:reader"\n')
        service = self.service(oslo_policy={'policy_file': policy_file})
        for route in ('DELETE /v3/messages/{message_id}',
                      'DELETE /v3/{project_id}/messages/{message_id}'):
            self.assertEqual(404, self.status(service, route, 'other-member'))
