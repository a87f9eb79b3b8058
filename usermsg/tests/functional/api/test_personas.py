# SPDX-License-Identifier: Apache-2.0
"""What each kind of user may do, from personas.yaml."""

import json
import pathlib

from keystoneauth1 import fixture as tokens
from keystonemiddleware import fixture as keystone_fixture
import yaml

from usermsg.api import app
from usermsg.api.controllers import root
from usermsg.tests import base
from usermsg.tests.fixtures import http_client

TABLE = yaml.safe_load(pathlib.Path(__file__).with_name(
    'personas.yaml').read_text(encoding='utf-8'))

#: The project that owns the message.
MINE = 'mine'

EVENT = 'VOLUME_000002'

#: Of what the facade of shared file systems shows; it shows no others.
SHARE_EVENT = 'SHARE_SHARE_001_002'

#: A version that has messages, where the lowest has none yet.
HEADERS = {'X-OpenStack-Manila-API-Version': '2.37'}


def token_of(persona):
    """What Keystone says about a persona."""
    token = tokens.V3Token(
        user_id='somebody', project_id=persona.get('project'),
        domain_id=persona.get('domain'))
    if 'system' in persona:
        token.system = {persona['system']: True}
    for role in persona.get('roles', ()):
        token.add_role(name=role)
    return token


def address_of(route):
    """Method and path as in the table of routes."""
    return f'{route.method} {route.path}'


def event_of(route):
    """What a message is of that a route can show."""
    return SHARE_EVENT if '/share/' in route else EVENT


def request_of(route, project_id, message_id):
    """What is asked on a route: method, address, headers and body."""
    method, _, path = route.partition(' ')
    headers = dict(HEADERS)
    body = b''
    if method == 'POST':
        headers['Content-Type'] = 'application/json'
        body = json.dumps({'message': {
            'project_id': project_id, 'event_id': EVENT}}).encode()
    return method, path.format(
        project_id=project_id, message_id=message_id,
        event_id=EVENT), headers, body


class TestPersonas(base.TestCase):

    def setUp(self):
        super().setUp()
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        for name, persona in TABLE['personas'].items():
            if persona is not None:
                self.keystone.add_token(token_of(persona), name)

    def service(self, **groups):
        runtime = self.runtime(**http_client.KEYSTONE, **groups)
        return runtime, app.make_app(runtime)

    def status(self, service, route, persona):
        """What a persona gets on a route, for a message of MINE."""
        runtime, application = service
        message = http_client.record(runtime, MINE, event_of(route))
        method, address, headers, body = request_of(route, MINE, message.id)
        if TABLE['personas'][persona] is not None:
            headers['X-Auth-Token'] = persona
        return http_client.ask(
            application, address, method, headers, body).status_int

    def test_each_persona_gets_what_the_table_says(self):
        service = self.service()
        found = {route: {persona: self.status(service, route, persona)
                         for persona in TABLE['personas']}
                 for route in TABLE['routes']}
        self.assertEqual(TABLE['routes'], found)

    def test_each_route_has_a_row(self):
        routes = root.Root(self.runtime()).table.routes
        self.assertEqual({address_of(route) for route in routes},
                         set(TABLE['routes']))

    def test_each_route_says_something_of_each_persona(self):
        for route, expected in TABLE['routes'].items():
            self.assertEqual(set(TABLE['personas']), set(expected), route)

    def test_each_route_with_a_rule_asks_the_policy_for_it(self):
        routes = [route for route in root.Root(self.runtime()).table.routes
                  if route.rule is not None]
        self.assertNotEqual([], routes)
        for route in routes:
            policy_file = self.write('policy.yaml', f'"{route.rule}": "!"\n')
            service = self.service(oslo_policy={'policy_file': policy_file})
            self.assertEqual(
                403, self.status(service, address_of(route), 'admin'),
                address_of(route))
            self.assertEqual(
                403, self.status(service, address_of(route), 'member'),
                address_of(route))

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
