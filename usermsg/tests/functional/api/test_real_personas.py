# SPDX-License-Identifier: Apache-2.0
"""Tests of the permissions of each persona, with real Keystone tokens."""

import contextlib
import functools
import itertools
import time
import uuid

from keystoneauth1 import exceptions

from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import keystone
from usermsg.tests.fixtures import keystone_case
from usermsg.tests.fixtures import personas
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import short_tokens

TABLE = personas.TABLE


class Personas:
    """Personas of personas.yaml, in newly created projects.

    :param identity: the Keystone in which their users are created
    :ivar tokens: persona -> Keystone's token; None for a request without one
    :ivar projects: persona -> id of its project
    """

    def __init__(self, identity):
        self._identity = identity
        self._mark = uuid.uuid4().hex[:8]
        self.tokens = {}
        self.projects = {}
        for name, persona in TABLE['personas'].items():
            if persona is None:
                self.tokens[name] = None
                continue
            project = self._project(name)
            if project:
                self.projects[name] = identity.project(project)
            with contextlib.suppress(exceptions.Unauthorized):
                self.tokens[name] = self._token(name, persona, project)

    def kinds(self):
        """Return other kinds of tokens, with the persona that each equals.

        It is a dict: kind -> (persona, token, service token or None). The
        expiring tokens expire after some seconds, the first one last.
        """
        revoked = self._again('member')
        self._identity.revoke(revoked)
        # That Keystone has the same keys, and the same admin in the same
        # project.
        expired, cached = (short_tokens.short().token('admin', project='admin')
                           for _ in range(2))
        credential = self._identity.credential_token(
            *self._identity.application_credential(
                self._user('member'), self._project('member'), ['reader']))
        member, service = (self.tokens[name] for name in (
            'member', 'service'))
        return {
            'expired and cached': ('anonymous', cached, None),
            'expired': ('anonymous', expired, None),
            # With a service token an otherwise valid expired token is valid.
            'expired, from a service': ('other-admin', expired, service),
            'expired, from another': ('anonymous', expired,
                                      self.tokens['reader']),
            'revoked': ('anonymous', revoked, None),
            'revoked, from a service': ('anonymous', revoked, service),
            'garbage': ('anonymous', 'garbage', None),
            'application credential': ('reader', credential, None),
            'from a service': ('member', member, service),
            'from a user': ('anonymous', member, self.tokens['reader']),
            'from an invalid service token': ('anonymous', member, 'garbage'),
            'only of a service': ('anonymous', None, service),
        }

    def _user(self, name):
        return f'{name}-{self._mark}'

    def _project(self, name):
        project = TABLE['personas'][name].get('project')
        return project and f'{project}-{self._mark}'

    def _again(self, name):
        """Return another token of a persona with a project."""
        return self._identity.token(self._user(name), self._project(name))

    def _token(self, name, persona, project):
        user = self._user(name)
        scope = {'project': project, 'domain': persona.get('domain'),
                 'system': 'system' in persona}
        # The first role implies the others.
        self._identity.user(user, roles=persona.get('roles', ())[:1], **scope)
        return self._identity.token(user, unscoped=not any(scope.values()),
                                    **scope)


@functools.cache
def in_keystone():
    return Personas(keystone.shared())


class TestPersonas(base.TestCase):
    """Requests of each persona with its token, to a service in uWSGI."""

    def setUp(self):
        super().setUp()
        self.service = servers.require(keystone_case.shared)
        self.tokens = in_keystone().tokens
        self.projects = in_keystone().projects
        self.mine = self.projects['reader']

    def test_token_for_project_needs_a_role(self):
        self.assertEqual({'no-role'},
                         set(TABLE['personas']) - set(self.tokens))

    def test_statuses_match_table_for_every_persona(self):
        actual = {route: {persona: self.status(route, token)
                          for persona, token in self.tokens.items()}
                  for route in TABLE['routes']}
        expected = {route: {persona: status
                            for persona, status in statuses.items()
                            if persona in self.tokens}
                    for route, statuses in TABLE['routes'].items()}
        self.assertEqual(expected, actual)
        self.assertNotIn('Traceback', self.service.server.log())

    def test_statuses_match_table_for_every_kind_of_token(self):
        kinds = in_keystone().kinds()
        _, cached, _ = kinds['expired and cached']
        end = time.monotonic() + 60
        while self.service.request('/v3/messages', cached)[0].status == 200:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        actual = {kind: {route: self.status(route, token, service)
                         for route in TABLE['routes']}
                  for kind, (_, token, service) in kinds.items()}
        expected = {kind: {route: statuses[persona]
                           for route, statuses in TABLE['routes'].items()}
                    for kind, (persona, _, _) in kinds.items()}
        self.assertEqual(expected, actual)
        self.assertNotIn('Traceback', self.service.server.log())

    def test_facades_return_401_in_their_format(self):
        for address, token in itertools.product(
                ('/volume/v3/messages', '/share/v2/messages'),
                (None, 'garbage', self.tokens['reader'])):
            # The last token is valid, but the service token isn't.
            response, content = self.service.request(
                address, token, headers={'X-Service-Token': 'garbage'})
            self.assertEqual(401, response.status)
            self.assertEqual({'error': {
                'code': 401, 'title': 'Unauthorized', 'message':
                'The request you have made requires authentication.',
            }}, content)
            self.assertIn('Keystone uri=',
                          response.headers['WWW-Authenticate'])

    def status(self, route, token, service=None):
        message = http_client.record(self.service.runtime, self.mine,
                                     personas.choose_event(route))
        method, address, headers, body = personas.build_request(
            route, self.mine, message.id)
        if service is not None:
            headers['X-Service-Token'] = service
        return self.service.request(
            address, token, method, headers, body)[0].status

    def test_lists_contain_permitted_projects_only(self):
        projects = [self.mine, self.projects['other-reader'],
                    self.projects['service'], uuid.uuid4().hex]
        for project in projects * 2:
            for event_id in (personas.EVENT, personas.SHARE_EVENT):
                http_client.record(self.service.runtime, project, event_id)
        owners = {row['id']: row['project_id']
                  for row in samples.stored(self.service.runtime.db)}
        listed = {persona: set() for persona in self.tokens}
        all_projects = ('all_projects=true', 'all_tenants=true')
        for persona, (address, project), query in itertools.product(
                self.tokens, self.lists(projects),
                ['', *all_projects, 'limit=1', *(
                    f'project_id={project}' for project in projects)]):
            response, content = self.service.request(
                f'{address}?{query}', self.tokens[persona],
                headers=personas.HEADERS)
            if response.status == 200:
                projects_listed = {
                    owners[message['id']] for message in content['messages']}
                listed[persona] |= projects_listed
                requested = {project, query.partition('project_id=')[2]}
                if persona not in ('admin', 'other-admin'):
                    self.assertLessEqual(
                        projects_listed, {self.projects[persona]},
                        f'{persona} {address} {query}')
                elif query not in all_projects:
                    self.assertLessEqual(
                        projects_listed,
                        requested | {self.projects[persona]},
                        f'{persona} {address} {query}')
        self.assertEqual({self.mine}, listed['reader'])
        self.assertEqual({self.projects['other-reader']},
                         listed['other-member'])
        self.assertEqual(set(projects), listed['admin'] & set(projects))
        for persona in ('service', 'unscoped', 'system-admin',
                        'domain-admin', 'anonymous'):
            self.assertEqual(set(), listed[persona], persona)

    def lists(self, projects):
        """Yield the path of each list of messages, and the project in it."""
        for route in TABLE['routes']:
            method, _, path = route.partition(' ')
            if method == 'GET' and path.endswith('/messages'):
                if '{project_id}' not in path:
                    yield path, None
                else:
                    for project in projects:
                        yield path.format(project_id=project), project
