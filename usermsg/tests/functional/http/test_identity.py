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
"""Who is let in, with a real Keystone and its tokens."""

import atexit
import contextlib
import functools
import http.client
import itertools
import json
import socket
import time
import uuid

from keystoneauth1 import exceptions

from usermsg.api import app
from usermsg.api import errors
from usermsg.tests import base
from usermsg.tests.functional.db import samples
from usermsg.tests.functional.http import client
from usermsg.tests.functional.http import test_personas
from usermsg.tests.functional.http import test_uwsgi
from usermsg.tests.functional import keystone
from usermsg.tests.functional import servers

TABLE = test_personas.TABLE


class Service:
    """usermsg under uWSGI, and ``runtime``, one on its configuration.

    :param identity: the Keystone that it asks
    """

    def __init__(self, identity, **options):
        # Only a directory that goes when the server does.
        self._home = servers.Process()
        try:
            self.runtime = client.make_runtime(
                self._home.directory, api={'auth_strategy': 'keystone'},
                keystone_authtoken=identity.authtoken(**options))
            self.server = test_uwsgi.start(self._home.path('usermsg.conf'))
        except BaseException:
            self._home.stop()
            raise

    def stop(self):
        self.server.stop()
        self._home.stop()

    def ask(self, address, token=None, method='GET', headers=None, body=b'',
            timeout=120):
        """One request; returns (answer, content)."""
        headers = dict(headers or {})
        if token is not None:
            headers['X-Auth-Token'] = token
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, address, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        return answer, json.loads(content) if content else None


@functools.cache
def shared():
    """The one of this test process, on its Keystone."""
    service = Service(keystone.shared())
    atexit.register(service.stop)
    return service


@functools.cache
def short():
    """A Keystone whose tokens live for some seconds."""
    identity = keystone.Keystone(token={'expiration': 5})
    atexit.register(identity.stop)
    return identity


class Personas:
    """Those of personas.yaml, in projects of their own.

    :param identity: the Keystone that is to know them
    """

    def __init__(self, identity):
        self._identity = identity
        self._mark = uuid.uuid4().hex[:8]
        self.tokens = {}
        self.projects = {}
        for name, persona in TABLE['personas'].items():
            persona = persona or {}
            project = persona.get('project')
            if project:
                project = f'{project}-{self._mark}'
                self.projects[name] = identity.project(project)
            with contextlib.suppress(exceptions.Unauthorized):
                self.tokens[name] = None
                if TABLE['personas'][name] is not None:
                    del self.tokens[name]
                    self.tokens[name] = self._token(name, persona, project)

    def _token(self, name, persona, project):
        user = f'{name}-{self._mark}'
        scope = {'project': project, 'domain': persona.get('domain'),
                 'system': 'system' in persona}
        # The other roles are implied by the first.
        self._identity.user(user, roles=persona.get('roles', ())[:1], **scope)
        return self._identity.token(user, unscoped=not any(scope.values()),
                                    **scope)


@functools.cache
def personas():
    return Personas(keystone.shared())


class TestPersonas(base.TestCase):
    """Each persona with a token of its own, under uWSGI."""

    def setUp(self):
        super().setUp()
        self.service = servers.require(shared)
        self.tokens = personas().tokens
        self.projects = personas().projects
        self.mine = self.projects['reader']

    def test_nobody_gets_a_token_for_a_project_without_a_role(self):
        self.assertEqual({'no-role'},
                         set(TABLE['personas']) - set(self.tokens))

    def test_each_persona_gets_what_the_table_says(self):
        found = {route: {persona: self.status(route, token)
                         for persona, token in self.tokens.items()}
                 for route in TABLE['routes']}
        expected = {route: {persona: status
                            for persona, status in statuses.items()
                            if persona in self.tokens}
                    for route, statuses in TABLE['routes'].items()}
        self.assertEqual(expected, found)
        self.assertNotIn('Traceback', self.service.server.log())

    def status(self, route, token):
        message = client.record(self.service.runtime, self.mine)
        method, address, headers, body = test_personas.request_of(
            route, self.mine, message.id)
        return self.service.ask(
            address, token, method, headers, body)[0].status

    def test_no_list_has_what_is_not_for_who_asks(self):
        projects = [self.mine, self.projects['other-reader'],
                    self.projects['service'], uuid.uuid4().hex]
        for project in projects * 2:
            client.record(self.service.runtime, project)
        owners = {row['id']: row['project_id']
                  for row in samples.stored(self.service.runtime.db)}
        seen = {persona: set() for persona in self.tokens}
        for persona, (address, project), query in itertools.product(
                self.tokens, self.lists(projects),
                ['', 'all_projects=true', 'limit=1', *(
                    f'project_id={project}' for project in projects)]):
            answer, content = self.service.ask(
                f'{address}?{query}', self.tokens[persona])
            if answer.status == 200:
                found = {owners[message['id']]
                         for message in content['messages']}
                seen[persona] |= found
                asked = {project, query.partition('project_id=')[2]}
                if persona not in ('admin', 'other-admin'):
                    self.assertLessEqual(
                        found, {self.projects[persona]},
                        f'{persona} {address} {query}')
                elif query != 'all_projects=true':
                    self.assertLessEqual(
                        found, asked | {self.projects[persona]},
                        f'{persona} {address} {query}')
        self.assertEqual({self.mine}, seen['reader'])
        self.assertEqual({self.projects['other-reader']},
                         seen['other-member'])
        self.assertEqual(set(projects), seen['admin'] & set(projects))
        for persona in ('service', 'unscoped', 'system-admin',
                        'domain-admin', 'nobody'):
            self.assertEqual(set(), seen[persona], persona)

    def lists(self, projects):
        """Each address that lists messages, and the project in it."""
        for route in TABLE['routes']:
            method, _, path = route.partition(' ')
            if method == 'GET' and path.endswith('/messages'):
                if '{project_id}' not in path:
                    yield path, None
                else:
                    for project in projects:
                        yield path.format(project_id=project), project


class TestCase(base.TestCase):
    """The application in this process, with a Keystone that runs."""

    identity = None

    def setUp(self):
        super().setUp()
        self.identity = self.identity or keystone.shared()

    def application(self, **options):
        """The application; tokens are believed for a time, as ever."""
        self.service = self.runtime(
            api={'auth_strategy': 'keystone'},
            keystone_authtoken=self.identity.authtoken(**options))
        return app.make_app(self.service)

    def token(self, project='red', roles=('member',)):
        """A new token of a user that is there for all tests."""
        return self.identity.token(self.user(project, roles), project)

    def user(self, project='red', roles=('member',)):
        name = '-'.join([project, *roles])
        self.identity.user(name, project=project, roles=roles)
        return name

    def ask(self, application, token=None, address='/v3/messages',
            method='GET', service_token=None, **headers):
        if token is not None:
            headers['X-Auth-Token'] = token
        if service_token is not None:
            headers['X-Service-Token'] = service_token
        return client.ask(application, address, method, headers)

    def assert_error(self, status, code, answer):
        self.assertEqual(status, answer.status_int, answer.body)
        self.assertEqual('application/json', answer.content_type)
        [entry] = answer.json['errors']
        self.assertEqual(f'user-message.{code}', entry['code'])
        self.assertEqual(status, answer.json['error']['code'])
        self.assertEqual(answer.headers['X-OpenStack-Request-Id'],
                         entry['request_id'])

    def assert_refused(self, answer):
        self.assert_error(401, 'unauthorized', answer)
        self.assertEqual([f'Keystone uri="{self.identity.url}"'],
                         answer.headers.getall('WWW-Authenticate'))

    def assert_unavailable(self, answer):
        self.assert_error(503, 'identity_unavailable', answer)
        self.assertEqual(str(errors.RETRY_AFTER),
                         answer.headers['Retry-After'])
        self.assertNotIn('WWW-Authenticate', answer.headers)


class TestTokens(TestCase):

    def test_a_token_shows_its_project(self):
        application = self.application()
        token = self.token()
        message = client.record(
            self.service, self.identity.project('red'))
        client.record(self.service,
                      self.identity.project('blue'))
        for _ in range(2):
            answer = self.ask(application, token)
            self.assertEqual(200, answer.status_int)
            self.assertEqual([message.id], [
                entry['id'] for entry in answer.json['messages']])

    def test_what_is_no_token_is_refused(self):
        application = self.application()
        token = self.token()
        for wrong in (None, '', ' ', 'nonsense', 'x' * 3000, 'x' * 10_000,
                      '\xe4', 'a b', '\t', token[:-1], token[1:],
                      token + 'A', token[:40] + 'A' + token[41:],
                      f'{token},{token}', uuid.uuid4().hex, '../users'):
            self.assert_refused(self.ask(application, wrong))

    def test_headers_change_nothing_about_a_token(self):
        application = self.application()
        token = self.token(roles=['reader'])
        message = client.record(
            self.service, self.identity.project('blue'))
        blue = self.identity.project('blue')
        forged = {'X-Project-Id': blue, 'X-Tenant-Id': blue,
                  'X-Roles': 'admin', 'X-Role': 'admin',
                  'X-Service-Roles': 'service', 'X-Domain-Id': 'default',
                  'OpenStack-System-Scope': 'all',
                  'X-Identity-Status': 'Confirmed',
                  'X-Service-Identity-Status': 'Confirmed'}
        # The first is asked about, the second is known.
        for _ in range(2):
            answer = self.ask(application, token, **forged)
            self.assertEqual([], answer.json['messages'])
            answer = self.ask(application, token,
                              f'/v3/messages/{message.id}', **forged)
            self.assertEqual(404, answer.status_int)
            answer = self.ask(application, token,
                              f'/v3/messages/{message.id}', 'DELETE',
                              **forged)
            self.assertEqual(403, answer.status_int)

    def test_a_revoked_token_is_refused(self):
        application = self.application()
        token = self.token()
        self.identity.revoke(token)
        self.assert_refused(self.ask(application, token))

    def test_a_token_is_asked_about_each_time_if_nothing_is_cached(self):
        application = self.application(token_cache_time=-1)
        token = self.token()
        self.assertEqual(200, self.ask(application, token).status_int)
        self.identity.revoke(token)
        self.assert_refused(self.ask(application, token))

    def test_a_revoked_token_lives_as_long_as_it_is_cached(self):
        application = self.application(token_cache_time=2)
        token = self.token()
        self.assertEqual(200, self.ask(application, token).status_int)
        self.identity.revoke(token)
        end = time.monotonic() + 60
        while self.ask(application, token).status_int == 200:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        self.assert_refused(self.ask(application, token))

    def test_a_token_of_a_disabled_project_is_refused(self):
        application = self.application()
        token = self.token('disabled')
        self.identity.disable_project('disabled')
        self.assert_refused(self.ask(application, token))

    def test_a_token_of_a_deleted_project_is_refused(self):
        application = self.application()
        token = self.token('deleted')
        self.identity.delete_project('deleted')
        self.assert_refused(self.ask(application, token))

    def test_an_application_credential_has_its_own_roles(self):
        application = self.application()
        credential = self.identity.application_credential(
            self.user(), 'red', ['reader'])
        token = self.identity.credential_token(*credential)
        message = client.record(
            self.service, self.identity.project('red'))
        for _ in range(2):
            self.assertEqual(200, self.ask(application, token).status_int)
            self.assertEqual(403, self.ask(
                application, token, f'/v3/messages/{message.id}',
                'DELETE').status_int)

    def test_access_rules_hold_for_each_request(self):
        application = self.application()
        credential = self.identity.application_credential(
            self.user(), 'red', ['member'],
            [{'service': 'user-message', 'method': 'GET',
              'path': '/v3/messages'}])
        token = self.identity.credential_token(*credential)
        for _ in range(2):
            self.assertEqual(200, self.ask(application, token).status_int)
            self.assert_refused(self.ask(
                application, token, '/v3/defined-messages'))
            self.assert_refused(self.ask(
                application, token, '/v3/messages', 'POST'))


class TestServiceTokens(TestCase):

    def setUp(self):
        super().setUp()
        self.app = self.application()

    def test_a_service_may_ask_for_a_user(self):
        user = self.token()
        service = self.token('services', ['service'])
        for _ in range(2):
            answer = self.ask(self.app, user, service_token=service)
            self.assertEqual(200, answer.status_int)

    def test_a_service_that_is_none_spoils_the_request(self):
        user = self.token()
        self.assertEqual(200, self.ask(self.app, user).status_int)
        for wrong in (self.token('services', ['member']), 'nonsense', user):
            for _ in range(2):
                self.assert_refused(
                    self.ask(self.app, user, service_token=wrong))

    def test_a_service_changes_no_scope(self):
        self.identity.user('scopes', system=True, roles=['admin'])
        self.identity.user('scopes', project='red', roles=['admin'])
        system = self.identity.token('scopes', system=True)
        service = self.token('services', ['service'])
        answer = self.ask(self.app, system, service_token=service,
                          address='/v3/messages?all_projects=true')
        self.assertEqual(403, answer.status_int)
        self.identity.user('service', system=True, roles=['service'])
        answer = self.ask(
            self.app, self.identity.token('scopes', project='red'),
            service_token=self.identity.token('service', system=True))
        self.assertEqual(200, answer.status_int)

    def test_a_service_alone_is_nobody(self):
        service = self.token('services', ['service'])
        self.assert_refused(self.ask(self.app, service_token=service))

    def test_a_service_saves_no_bad_token(self):
        service = self.token('services', ['service'])
        self.assert_refused(
            self.ask(self.app, 'nonsense', service_token=service))


class TestExpiry(TestCase):

    def setUp(self):
        self.identity = short()
        super().setUp()

    def until_refused(self, *request, **more):
        end = time.monotonic() + 60
        while True:
            answer = self.ask(*request, **more)
            if answer.status_int != 200:
                return answer
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def test_a_token_ends_in_time(self):
        application = self.application()
        user = self.user()
        first, second = (self.identity.token(user, 'red')
                         for _ in range(2))
        self.assert_refused(self.until_refused(application, first))
        # And one that was never heard of before.
        self.assert_refused(self.until_refused(application, second))

    def test_only_a_service_may_come_with_one_that_has_expired(self):
        application = self.application()
        token = self.token()
        service = self.user('services', ['service'])
        other = self.user('services', ['member'])
        self.assert_refused(self.until_refused(application, token))

        def come_with(name):
            return self.ask(
                application, token, service_token=self.identity.token(
                    name, 'services'))

        # Its own token may end meanwhile.
        end = time.monotonic() + 60
        while come_with(service).status_int != 200:
            self.assertLess(time.monotonic(), end)
        self.assert_refused(come_with(other))
        # That it was accepted once means nothing.
        self.assert_refused(self.ask(application, token))


def memcached():
    """A memcached."""
    program = servers.find('memcached', "Debian's package memcached")
    server = servers.Process()
    server.ready = lambda: socket.create_connection(
        ('127.0.0.1', server.port), 5).close()
    try:
        server.start_on_free_port(lambda port: [
            program, '-l', '127.0.0.1', '-p', str(port), '-U', '0',
            '-u', 'nobody'])
    except BaseException:
        server.stop()
        raise
    return server


class TestMemcached(TestCase):

    def setUp(self):
        super().setUp()
        self.server = servers.require(memcached)
        self.addCleanup(self.server.stop)
        self.options = {
            'memcached_servers': f'127.0.0.1:{self.server.port}',
            'memcache_security_strategy': 'ENCRYPT',
            'memcache_secret_key': uuid.uuid4().hex}

    def test_what_one_process_has_learnt_another_knows(self):
        token = self.token()
        self.assertEqual(200, self.ask(
            self.application(**self.options), token).status_int)
        away = f'http://127.0.0.1:{servers.free_port()}/v3'
        self.assertEqual(200, self.ask(
            self.application(auth_url=away, **self.options),
            token).status_int)
        # Nobody else can read it, or write it.
        self.options['memcache_secret_key'] = uuid.uuid4().hex
        self.assert_unavailable(self.ask(
            self.application(auth_url=away, **self.options), token))

    def test_without_it_keystone_is_asked(self):
        application = self.application(**self.options)
        token = self.token()
        self.server.kill()
        for _ in range(2):
            self.assertEqual(200, self.ask(application, token).status_int)
        self.identity.revoke(token)
        self.assert_refused(self.ask(application, token))


class TestKeystoneAway(TestCase):

    def setUp(self):
        super().setUp()
        self.nowhere = f'http://127.0.0.1:{servers.free_port()}/v3'

    def test_without_keystone_no_token_is_judged(self):
        application = self.application(auth_url=self.nowhere)
        for address in ('/v3/messages', f'/v3/messages/{uuid.uuid4()}',
                        '/v3/red/messages', '/v3/defined-messages'):
            self.assert_unavailable(self.ask(application, 'any', address))
        self.assert_unavailable(
            self.ask(application, 'any', method='POST'))
        # With a service's it is the same.
        self.assert_unavailable(
            self.ask(application, 'any', service_token='other'))

    def test_without_keystone_the_rest_works(self):
        application = self.application(auth_url=self.nowhere)
        for address in ('/', '/v3', '/v3/', '/healthcheck'):
            for token in (None, 'any'):
                answer = self.ask(application, token, address)
                self.assertEqual(200, answer.status_int)
        # Who sees the details isn't known.
        self.assertEqual({'status'}, set(answer.json))
        self.assertEqual(404, self.ask(
            application, 'any', '/nothing').status_int)
        # Nor need Keystone be asked about these.
        for token in (None, '', 'x' * 10_000):
            answer = self.ask(application, token)
            self.assert_error(401, 'unauthorized', answer)

    def test_an_account_that_keystone_refuses_is_no_fault_of_users(self):
        for wrong in ({'password': 'wrong'}, {'username': 'nobody'}):
            application = self.application(**wrong)
            self.assert_unavailable(self.ask(application, self.token()))

    def test_an_account_without_the_right_to_ask_is_no_fault_of_users(self):
        name = self.user('services', ['member'])
        application = self.application(
            username=name, project_name='services',
            password=self.identity.user(name))
        self.assert_unavailable(self.ask(application, self.token()))

    def test_a_keystone_that_is_not_in_the_catalogue(self):
        application = self.application(region_name='Elsewhere')
        self.assert_unavailable(self.ask(application, self.token()))

    def test_keystone_dies_freezes_and_comes_back(self):
        identity = keystone.Keystone()
        self.addCleanup(identity.stop)
        identity.user('alice', project='red', roles=['member'])
        known, unknown, third = (
            identity.token('alice', project='red') for _ in range(3))
        service = servers.require(
            lambda: Service(identity, http_connect_timeout=1))
        self.addCleanup(service.stop)

        def ask(address, token):
            answer, content = service.ask(address, token)
            if answer.status == 503:
                self.assertEqual(str(errors.RETRY_AFTER),
                                 answer.headers['Retry-After'])
                self.assertEqual('user-message.identity_unavailable',
                                 content['errors'][0]['code'])
            return answer.status

        # Each of the two processes knows its own.
        while [ask('/v3/messages', known) for _ in range(4)] != [200] * 4:
            pass
        identity.freeze()
        self.assertEqual(503, ask('/v3/messages', unknown))
        self.assertEqual(200, ask('/v3', unknown))
        self.assertEqual(200, ask('/healthcheck', unknown))
        identity.thaw()
        self.until(lambda: ask('/v3/messages', unknown) == 200)

        identity.kill()
        self.assertEqual(503, ask('/v3/messages', third))
        self.assertEqual(200, ask('/healthcheck', third))
        self.assertEqual(200, ask('/v3', third))
        identity.start()
        self.until(lambda: ask('/v3/messages', third) == 200)
        self.assertNotIn('Traceback', service.server.log())

    def until(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
