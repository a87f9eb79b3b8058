# SPDX-License-Identifier: Apache-2.0
"""Conformance tests: many requests generated from the OpenAPI description.

Schemathesis generates valid and invalid requests, follows the links between
operations, and compares the responses with the description. USERMSG_EXAMPLES
determines the number of requests, see CONTRIBUTING.rst.
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

#: Number of examples of each operation for each identity, and of sequences of
#: linked operations. In total, some forty requests to each operation.
EXAMPLES = int(os.environ.get('USERMSG_EXAMPLES', '3'))

PROJECTS = ('red', 'blue', 'green')

#: A body is accepted only if the catalogue permits its values, which no schema
#: can express. So generated bodies contain these values only.
CATALOGUED = {
    'event_id': ('VOLUME_000002', '000002', 'VOLUME_VOLUME_001_001', None),
    'action': ('001', 'attach_volume', None),
    'detail': ('001', 'UNKNOWN_ERROR', None),
    'resource_type': ('VOLUME', 'volume', None),
}

#: Ends of errors about parameters that depend on each other, which the schema
#: can't express.
DEPENDENT = ('cannot be combined with another project in the path.',
             'cannot be combined with latest_by.',
             'resource_uuid: is required.')


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
            # This check passes options of connections to the application in
            # this process, and fails. ResponseChecker checks tokens instead.
            'ignored_auth': {'enabled': False},
            # 410: the source_id of a deleted message.
            'positive_data_acceptance': {'expected-statuses': [
                '2xx', '3xx', '401', '403', '404', '409', '410']},
            # 413: a body that is too large to be parsed.
            'negative_data_rejection': {'expected-statuses': [
                '400', '401', '403', '404', '405', '406', '409', '413',
                '415']},
        },
    })


def is_expected(failure, case, response):
    """Return True if a failure that Schemathesis reports isn't a defect."""
    if isinstance(failure, failures.AcceptedNegativeData):
        # An object or an array in a query is sent as its string, or as
        # several values, which may be valid.
        return any(isinstance(value, (dict, list))
                   for value in (case.query or {}).values())
    if not isinstance(failure, checks.RejectedPositiveData):
        return False
    # /v3/messages/messages is the URL of a message: OpenAPI also prefers the
    # fixed segments of a path.
    project_id = case.path_parameters.get('project_id', '')
    if project_id in ('messages', 'defined-messages'):
        return True
    # A per cent sign in a path isn't encoded: "%e9", which is ASCII, arrives
    # as a byte that isn't ASCII.
    if '%' in project_id:
        return True
    return (response.status_code == 400 and
            response.json()['error']['message'].endswith(DEPENDENT))


class ResponseChecker:
    """WSGI middleware that checks every response.

    :param token: the only valid token
    :param public: the paths that need no token
    :param secrets: for each message that must not be shown, a set of strings
        that occur only in it
    """

    def __init__(self, application, token, public, secrets):
        self._application = application
        self._token = token
        self._public = public
        self._secrets = secrets
        self.counts = collections.Counter()
        self.defects = []

    def __call__(self, environ, start_response):
        started = []

        def start(status, headers, exc_info=None):
            started[:] = status, headers
            return start_response(status, headers, exc_info)

        body = b''.join(self._application(environ, start))
        status, headers = started
        method = environ['REQUEST_METHOD']
        self.counts[method, int(status[:3])] += 1
        for defect in self._find_defects(environ, int(status[:3]),
                                         dict(headers), body):
            self.defects.append(
                f'{method} {environ["PATH_INFO"]!r} '
                f'{environ["QUERY_STRING"]!r}: {status}: {defect}')
        return [body]

    def _find_defects(self, environ, status, headers, body):
        if status >= 500:
            yield 'failed'
        if (status < 300 and environ['PATH_INFO'] not in self._public and
                environ.get('HTTP_X_AUTH_TOKEN') != self._token):
            yield 'needs no token'
        content_type = headers.get('Content-Type')
        if body:
            if content_type == 'application/json':
                json.loads(body)
            else:
                yield f'is {content_type}'
        elif status not in (204, 304) and environ['REQUEST_METHOD'] != 'HEAD':
            yield 'is empty'
        response = body.decode() + json.dumps(headers)
        # Links and errors contain parts of the request.
        request = environ['PATH_INFO'] + environ['QUERY_STRING']
        for secrets in self._secrets:
            for secret in secrets:
                if secret in response and secret not in request:
                    yield f'shows {secret}'


def add_examples(description, recorded):
    """Return the description with further values that exist in the service.

    The permitted values of paths and queries don't change.
    """
    description = copy.deepcopy(description)
    existing = {
        'message_id': [message.id for message in recorded],
        'marker': [message.id for message in recorded],
        'resource_uuid': [message.resource_uuid for message in recorded],
        'request_id': [message.request_id for message in recorded],
        'project_id': list(PROJECTS),
        'event_id': [name for name in CATALOGUED['event_id'] if name],
        'resource_type': ['VOLUME', 'volume'],
    }
    for item in description['paths'].values():
        for operation in item.values():
            for parameter in operation['parameters']:
                name = parameter.get('name')
                if name in existing:
                    parameter['schema'] = {'anyOf': [
                        {'enum': existing[name]}, parameter['schema']]}
                    # Schemathesis uses every example.
                    parameter['examples'] = {
                        str(number): {'value': value}
                        for number, value in enumerate(existing[name])}
            properties = operation.get('requestBody') and operation[
                'requestBody']['content']['application/json'][
                    'schema']['properties']
            if properties and 'messages' in properties:
                for entry in (properties['message'],
                              properties['messages']['items']):
                    for name, values in CATALOGUED.items():
                        entry['properties'][name] = {'enum': list(values)}
    return description


class TestResponseChecker(base.TestCase):

    def defects(self, status, content_type=None, body=b'',
                address='/v3/messages', token='good', **headers):
        """Return the defects of a response, without its address."""
        def application(environ, start_response):
            start_response(status, [
                *([('Content-Type', content_type)] if content_type else []),
                *headers.items()])
            return [body]

        checker = ResponseChecker(
            application, 'good', {'/'}, [{'secret', 'hidden'}])
        http_client.request(checker, address, headers={'X-Auth-Token': token})
        return [defect.rpartition(': ')[2] for defect in checker.defects]

    def test_valid_response_has_no_defects(self):
        self.assertEqual([], self.defects(
            '200 OK', 'application/json', b'{}'))
        self.assertEqual([], self.defects('204 No Content'))
        self.assertEqual([], self.defects(
            '200 OK', 'application/json', b'{}', '/', token=''))
        self.assertEqual([], self.defects(
            '401 Unauthorized', 'application/json', b'{}', token=''))

    def test_server_error_is_a_defect(self):
        self.assertEqual(['failed'], self.defects(
            '500 Internal Server Error', 'application/json', b'{}'))

    def test_response_in_plain_text_is_a_defect(self):
        self.assertEqual(['is text/plain'], self.defects(
            '404 Not Found', 'text/plain', b'no'))
        self.assertEqual(['is None'], self.defects(
            '404 Not Found', body=b'no'))

    def test_empty_error_is_a_defect(self):
        self.assertEqual(['is empty'], self.defects('404 Not Found'))

    def test_success_without_token_is_a_defect(self):
        for token in ('', 'bad'):
            self.assertEqual(['needs no token'], self.defects(
                '200 OK', 'application/json', b'{}', token=token))

    def test_secret_in_response_is_a_defect(self):
        self.assertEqual(['shows secret'], self.defects(
            '200 OK', 'application/json', b'{"a": ["a secret"]}'))
        self.assertEqual(['shows secret'], self.defects(
            '204 No Content', Location='/secret'))

    def test_value_of_request_in_response_is_permitted(self):
        self.assertEqual([], self.defects(
            '404 Not Found', 'application/json', b'"secret"', '/secret'))
        self.assertEqual(['shows hidden'], self.defects(
            '200 OK', 'application/json', b'"secret hidden"', '/secret'))


class TestConformance(base.TestCase):

    def setUp(self):
        super().setUp()
        # Each of the many requests would log several lines.
        self.useFixture(fixtures.FakeLogger(level=logging.WARNING))
        self.keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        self.service = self.runtime(**http_client.KEYSTONE)
        self.recorded = [
            http_client.record(self.service, project, resource_type='VOLUME',
                               resource_uuid=f'secret-{project}-{number}',
                               request_id=f'req-secret-{project}-{number}')
            for project in PROJECTS for number in range(2)]

    def run_as(self, seed, project_id, *roles, hidden=(), coverage=False):
        """Send the generated requests, and check the responses.

        :param hidden: projects whose messages must not be shown
        :param coverage: also try each limit of each value
        :returns: (method, status) -> number of responses
        """
        token = tokens.V3Token(user_id='alice', project_id=project_id)
        for role in roles:
            token.add_role(name=role)
        self.keystone.add_token(token, 'token')
        application = app.make_app(self.service)
        description = http_client.request(application, '/v3/openapi.json').json
        hidden = [message for message in self.recorded
                  if message.project_id in hidden]
        checker = ResponseChecker(
            application, 'token',
            {path for path, item in description['paths'].items()
             if not item.get('get', {}).get('security')} | {'/v3/'},
            [{message.id, message.resource_uuid, message.request_id}
             for message in hidden])

        schema = schemathesis.openapi.from_dict(
            add_examples(description, self.recorded),
            config=make_config(seed, 'token', coverage))
        schema.app = checker

        @schema.hook
        def filter_failure(context, failure, case, response):
            return not is_expected(failure, case, response)

        problems = []
        tested = set()
        for event in engine.from_schema(schema).execute():
            if isinstance(event, (events.NonFatalError, events.FatalError)):
                problems.append(str(vars(event)))
            elif isinstance(event, events.ScenarioFinished):
                tested.add(event.phase.value)
                problems += self.failures(event.recorder)

        # For a developer who runs the test without capturing the output.
        print(f'{sum(checker.counts.values())} requests as {roles}')

        self.assertEqual([], problems)
        self.assertEqual([], checker.defects)
        self.assertLessEqual(
            {'fuzzing', 'stateful', *(['coverage'] if coverage else [])},
            {phase.lower() for phase in tested})
        for message in hidden:  # raises if the message doesn't exist
            message_api.API(self.service).get(
                context.RequestContext(), message.id, all_projects=True)
        return checker.counts

    def failures(self, recorder):
        for case, checks_of_case in recorder.checks.items():
            for check in checks_of_case:
                if check.failure_info is not None:
                    yield (f'{check.name}: {check.failure_info.failure}: '
                           f'{check.failure_info.code_sample}: '
                           f'{recorder.interactions[case].response.text}')

    def test_member_requests_conform(self):
        counts = self.run_as(1, 'red', 'member', 'reader',
                             hidden=('blue', 'green'))
        self.assertIn(('GET', 200), counts)
        self.assertIn(('POST', 403), counts)

    def test_other_reader_requests_conform(self):
        counts = self.run_as(2, 'blue', 'reader', hidden=('red', 'green'))
        self.assertIn(('GET', 200), counts)
        self.assertNotIn(('DELETE', 204), counts)

    def test_service_requests_conform(self):
        counts = self.run_as(3, 'services', 'service', hidden=PROJECTS)
        self.assertIn(('POST', 201), counts)
        self.assertNotIn(('DELETE', 204), counts)

    def test_admin_requests_conform(self):
        counts = self.run_as(4, 'red', 'admin', 'member', 'reader',
                             coverage=True)
        self.assertIn(('POST', 201), counts)
        self.assertIn(('DELETE', 204), counts)
