# SPDX-License-Identifier: Apache-2.0
"""Requests made from the OpenAPI description, many of them.

Schemathesis makes them, good and bad ones, follows the links between
operations, and holds the answers against the description. How many are made
is chosen with USERMSG_EXAMPLES, see CONTRIBUTING.rst.
"""

import collections
import copy
import json
import logging
import os

import fixtures
from keystoneauth1 import fixture as tokens
from keystonemiddleware import fixture as keystone_fixture
import schemathesis
from schemathesis import config as schemathesis_config
from schemathesis.core import failures
from schemathesis import engine
from schemathesis.engine import events
from schemathesis.openapi import checks

from usermsg.api import app
from usermsg import context
from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.fixtures import http_client

#: Examples of each operation for each identity, and sequences of operations
#: that links join. In all, some forty requests to each.
EXAMPLES = int(os.environ.get('USERMSG_EXAMPLES', '3'))

PROJECTS = ('red', 'blue', 'green')

#: A body can only be accepted if the catalogue has what it says; no schema
#: can tell that, so these are all that bodies hold here.
CATALOGUED = {
    'event_id': ('VOLUME_000002', '000002', 'VOLUME_VOLUME_001_001', None),
    'action': ('001', 'attach_volume', None),
    'detail': ('001', 'UNKNOWN_ERROR', None),
    'resource_type': ('VOLUME', 'volume', None),
}

#: What no schema can tell of a query.
DEPENDENT = 'cannot be combined with another project in the path.'


def make_config(seed, token, coverage):
    return schemathesis_config.SchemathesisConfig.from_dict({
        'seed': seed,
        'headers': {'X-Auth-Token': token},
        'continue-on-failure': True,
        'workers': 1,
        'generation': {
            'max-examples': EXAMPLES, 'deterministic': True,
            'database': 'none', 'no-shrink': True},
        'phases': {'coverage': {'enabled': coverage}},
        'checks': {
            # It hands the application in this process options that are for
            # connections, and fails. Witness has an eye on tokens instead.
            'ignored_auth': {'enabled': False},
            # 410: the source_id of a message that was deleted.
            'positive_data_acceptance': {'expected-statuses': [
                '2xx', '3xx', '401', '403', '404', '409', '410']},
            # 413: a body that is too large to be looked at.
            'negative_data_rejection': {'expected-statuses': [
                '400', '401', '403', '404', '405', '406', '409', '413',
                '415']},
        },
    })


def is_no_fault(failure, case, response):
    if isinstance(failure, failures.AcceptedNegativeData):
        # An object or an array in a query is sent as its text, or as
        # several values, which may well be allowed.
        return any(isinstance(value, (dict, list))
                   for value in (case.query or {}).values())
    if not isinstance(failure, checks.RejectedPositiveData):
        return False
    # /v3/messages/messages is the address of a message: OpenAPI prefers
    # what is fixed in a path too.
    project_id = case.path_parameters.get('project_id', '')
    if project_id in ('messages', 'defined-messages'):
        return True
    # A per cent sign in a path is sent as it is: "%e9", which is ASCII,
    # arrives as something that isn't.
    if '%' in project_id:
        return True
    return (response.status_code == 400 and
            response.json()['error']['message'].endswith(DEPENDENT))


class Witness:
    """WSGI middleware that looks at every answer.

    :param token: the only one that opens anything
    :param public: the paths that need none
    :param secrets: a set for each message that must not be shown: texts of
        it, none of which stands in anything else
    """

    def __init__(self, application, token, public, secrets):
        self._application = application
        self._token = token
        self._public = public
        self._secrets = secrets
        self.seen = collections.Counter()
        self.complaints = []

    def __call__(self, environ, start_response):
        answered = []

        def start(status, headers, exc_info=None):
            answered[:] = status, headers
            return start_response(status, headers, exc_info)

        body = b''.join(self._application(environ, start))
        status, headers = answered
        method = environ['REQUEST_METHOD']
        self.seen[method, int(status[:3])] += 1
        for complaint in self._look(environ, int(status[:3]),
                                    dict(headers), body):
            self.complaints.append(
                f'{method} {environ["PATH_INFO"]!r} '
                f'{environ["QUERY_STRING"]!r}: {status}: {complaint}')
        return [body]

    def _look(self, environ, status, headers, body):
        if status >= 500:
            yield 'failed'
        if (status < 300 and environ['PATH_INFO'] not in self._public and
                environ.get('HTTP_X_AUTH_TOKEN') != self._token):
            yield 'needs no token'
        kind = headers.get('Content-Type')
        if body:
            if kind == 'application/json':
                json.loads(body)
            else:
                yield f'is {kind}'
        elif status not in (204, 304) and environ['REQUEST_METHOD'] != 'HEAD':
            yield 'is empty'
        shown = body.decode() + json.dumps(headers)
        # Links and errors repeat what was asked for.
        asked = environ['PATH_INFO'] + environ['QUERY_STRING']
        for secrets in self._secrets:
            for secret in secrets:
                if secret in shown and secret not in asked:
                    yield f'shows {secret}'


def seasoned(description, planted):
    """The description, with values to choose that lead somewhere.

    In paths and queries what is allowed stays the same.
    """
    description = copy.deepcopy(description)
    known = {
        'message_id': [message.id for message in planted],
        'marker': [message.id for message in planted],
        'resource_uuid': [message.resource_uuid for message in planted],
        'request_id': [message.request_id for message in planted],
        'project_id': list(PROJECTS),
        'event_id': [name for name in CATALOGUED['event_id'] if name],
        'resource_type': ['VOLUME', 'volume'],
    }
    for item in description['paths'].values():
        for operation in item.values():
            for parameter in operation['parameters']:
                name = parameter.get('name')
                if name in known:
                    parameter['schema'] = {'anyOf': [
                        {'enum': known[name]}, parameter['schema']]}
                    # Each of these is surely asked for.
                    parameter['examples'] = {
                        str(number): {'value': value}
                        for number, value in enumerate(known[name])}
            if 'requestBody' in operation:
                properties = operation['requestBody']['content'][
                    'application/json']['schema']['properties']
                for entry in (properties['message'],
                              properties['messages']['items']):
                    for name, values in CATALOGUED.items():
                        entry['properties'][name] = {'enum': list(values)}
    return description


class TestWitness(base.TestCase):

    def complaints(self, status, kind=None, body=b'', address='/v3/messages',
                   token='good', **headers):
        """What is said of an answer, without the address."""
        def application(environ, start_response):
            given = [('Content-Type', kind)] if kind else []
            start_response(status, [*given, *headers.items()])
            return [body]

        witness = Witness(application, 'good', {'/'}, [{'secret', 'hidden'}])
        http_client.request(witness, address, headers={'X-Auth-Token': token})
        return [complaint.rpartition(': ')[2]
                for complaint in witness.complaints]

    def test_a_good_answer_is_let_by(self):
        self.assertEqual([], self.complaints(
            '200 OK', 'application/json', b'{}'))
        self.assertEqual([], self.complaints('204 No Content'))
        self.assertEqual([], self.complaints(
            '200 OK', 'application/json', b'{}', '/', token=''))
        self.assertEqual([], self.complaints(
            '401 Unauthorized', 'application/json', b'{}', token=''))

    def test_a_failure_is_seen(self):
        self.assertEqual(['failed'], self.complaints(
            '500 Internal Server Error', 'application/json', b'{}'))

    def test_an_answer_in_plain_text_is_seen(self):
        self.assertEqual(['is text/plain'], self.complaints(
            '404 Not Found', 'text/plain', b'no'))
        self.assertEqual(['is None'], self.complaints(
            '404 Not Found', body=b'no'))

    def test_an_empty_error_is_seen(self):
        self.assertEqual(['is empty'], self.complaints('404 Not Found'))

    def test_what_is_given_without_the_token_is_seen(self):
        for token in ('', 'bad'):
            self.assertEqual(['needs no token'], self.complaints(
                '200 OK', 'application/json', b'{}', token=token))

    def test_what_must_not_be_shown_is_seen(self):
        self.assertEqual(['shows secret'], self.complaints(
            '200 OK', 'application/json', b'{"a": ["a secret"]}'))
        self.assertEqual(['shows secret'], self.complaints(
            '204 No Content', Location='/secret'))

    def test_what_was_asked_for_may_be_repeated_but_no_more(self):
        self.assertEqual([], self.complaints(
            '404 Not Found', 'application/json', b'"secret"', '/secret'))
        self.assertEqual(['shows hidden'], self.complaints(
            '200 OK', 'application/json', b'"secret hidden"', '/secret'))


class TestConformance(base.TestCase):

    def setUp(self):
        super().setUp()
        # Each of many requests would be some lines.
        self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        self.service = self.runtime(**http_client.KEYSTONE)
        self.planted = [
            http_client.record(self.service, project, resource_type='VOLUME',
                               resource_uuid=f'secret-{project}-{number}',
                               request_id=f'req-secret-{project}-{number}')
            for project in PROJECTS for number in range(2)]

    def ask_as(self, seed, project_id, *roles, hidden=(), coverage=False):
        """Make the requests, and check the answers.

        :param hidden: projects whose messages must not be shown
        :param coverage: also try each bound of each value
        :returns: (method, status) -> how many answers
        """
        token = tokens.V3Token(user_id='somebody', project_id=project_id)
        for role in roles:
            token.add_role(name=role)
        self.keystone.add_token(token, 'token')
        application = app.make_app(self.service)
        description = http_client.request(application, '/v3/openapi.json').json
        hidden = [message for message in self.planted
                  if message.project_id in hidden]
        witness = Witness(
            application, 'token',
            {path for path, item in description['paths'].items()
             if not item.get('get', {}).get('security')} | {'/v3/'},
            [{message.id, message.resource_uuid, message.request_id}
             for message in hidden])

        schema = schemathesis.openapi.from_dict(
            seasoned(description, self.planted),
            config=make_config(seed, 'token', coverage))
        schema.app = witness

        @schema.hook
        def filter_failure(context, failure, case, response):
            return not is_no_fault(failure, case, response)

        found = []
        tested = set()
        for event in engine.from_schema(schema).execute():
            if isinstance(event, (events.NonFatalError, events.FatalError)):
                found.append(str(vars(event)))
            elif isinstance(event, events.ScenarioFinished):
                tested.add(event.phase.value)
                found += self.failures(event.recorder)

        # MetricsEndpoint where the output is not captured.
        print(f'{sum(witness.seen.values())} requests as {roles}')

        self.assertEqual([], found)
        self.assertEqual([], witness.complaints)
        self.assertLessEqual(
            {'fuzzing', 'stateful', *(['coverage'] if coverage else [])},
            {phase.lower() for phase in tested})
        for message in hidden:  # fails if it is no longer there
            message_api.API(self.service).get(
                context.RequestContext(), message.id, all_projects=True)
        return witness.seen

    def failures(self, recorder):
        for case, made in recorder.checks.items():
            for check in made:
                if check.failure_info is not None:
                    yield (f'{check.name}: {check.failure_info.failure}: '
                           f'{check.failure_info.code_sample}: '
                           f'{recorder.interactions[case].response.text}')

    def test_of_a_member(self):
        seen = self.ask_as(1, 'red', 'member', 'reader',
                           hidden=('blue', 'green'))
        self.assertIn(('GET', 200), seen)
        self.assertIn(('POST', 403), seen)

    def test_of_a_reader_elsewhere(self):
        seen = self.ask_as(2, 'blue', 'reader', hidden=('red', 'green'))
        self.assertIn(('GET', 200), seen)
        self.assertNotIn(('DELETE', 204), seen)

    def test_of_a_service(self):
        seen = self.ask_as(3, 'services', 'service', hidden=PROJECTS)
        self.assertIn(('POST', 201), seen)
        self.assertNotIn(('DELETE', 204), seen)

    def test_of_an_admin(self):
        seen = self.ask_as(4, 'red', 'admin', 'member', 'reader',
                           coverage=True)
        self.assertIn(('POST', 201), seen)
        self.assertIn(('DELETE', 204), seen)
