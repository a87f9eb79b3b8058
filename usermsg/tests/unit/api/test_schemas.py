# SPDX-License-Identifier: Apache-2.0
"""Tests that the published schemas agree with the validation."""

import json
import re

import hypothesis
from hypothesis import strategies
import jsonschema
import testtools
from testtools import matchers

from usermsg.api.controllers import messages
from usermsg.api import expensive_requests
from usermsg.api import schemas
from usermsg import exception
from usermsg.message import schemas as message_schemas
from usermsg.tests import base
from usermsg import validation


def _pattern(validator, pattern, instance, schema):
    # Python's "$" also matches before a trailing newline; that of JSON schemas
    # doesn't.
    if isinstance(instance, str) and not re.search(
            re.sub(r'\$$', r'\\Z', pattern), instance):
        yield jsonschema.ValidationError(f'no match for {pattern}')


VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {'pattern': _pattern})

#: Values of any type, and some that are nearly valid.
ANYTHING = strategies.one_of(
    strategies.none(), strategies.booleans(), strategies.integers(),
    strategies.floats(allow_nan=False, allow_infinity=False),
    strategies.text(max_size=5), strategies.just([]), strategies.just({}),
    strategies.sampled_from([
        'a', ' a', 'a ', 'a\n', 'a b', '\x00', '\xe4', '\ud800', '',
        'x' * 64, 'x' * 65, 'x' * 255, 'x' * 256, 'true', '1',
        '\u0131nfo', '\u017fhare', 'VOLUME_000002\n']))


def mostly(*values):
    return strategies.one_of(strategies.sampled_from(values),
                             strategies.sampled_from(values), ANYTHING)


ATTRIBUTES = {
    'project_id': mostly('red', 'blue', 'x' * 64),
    'event_id': mostly('VOLUME_000002', '000002', 'VOLUME_VOLUME_001_001',
                       'volume_000002', 'VOLUME_999999'),
    'action': mostly('001', 'attach_volume', 'ATTACH_VOLUME', '999'),
    'detail': mostly('001', 'unknown_error', '999'),
    'resource_type': mostly('VOLUME', 'volume', 'Share', 'SPOON'),
    'resource_uuid': mostly('a', 'x' * 255),
    'message_level': mostly('INFO', 'warn', 'Error', 'LOUD'),
    'user_id': mostly('user'),
    'request_id': mostly('req-1', 'x' * 64),
    'source_id': mostly('a key', 'notification:1', 'Notification:1',
                        'a notification:', 'import:1', 'important',
                        'x' * 255),
    'colour': ANYTHING,
}


def entry(*names):
    required = {name: ATTRIBUTES[name] for name in names}
    return strategies.fixed_dictionaries(required, optional={
        name: values for name, values in ATTRIBUTES.items()
        if name not in names})


ENTRIES = strategies.one_of(
    entry(), entry('project_id', 'event_id'),
    entry('project_id', 'action', 'resource_type'),
    *(strategies.fixed_dictionaries(
        {'project_id': strategies.just('red'),
         'event_id': strategies.just('VOLUME_000002'),
         name: ATTRIBUTES[name]}) for name in ATTRIBUTES),
    *(strategies.fixed_dictionaries(
        {'project_id': strategies.just('red'),
         'action': strategies.just('001'),
         'resource_type': strategies.just('volume'),
         name: ATTRIBUTES[name]}) for name in ATTRIBUTES))
BODIES = strategies.one_of(
    ENTRIES.map(lambda one: {'message': one}),
    strategies.lists(ENTRIES, max_size=2).map(
        lambda entries: {'messages': entries}),
    ANYTHING.map(lambda value: {'message': value}),
    ANYTHING.map(lambda value: {'messages': value}),
    ANYTHING.map(lambda value: {'messages': [value]}),
    strategies.fixed_dictionaries({}, optional={
        'message': ENTRIES, 'messages': strategies.lists(
            ENTRIES, min_size=1, max_size=1), 'more': ANYTHING}))


class Request:
    global_request_id = None


class AgreementTest(base.TestCase):

    def setUp(self):
        super().setUp()
        runtime = self.runtime(tables=False)
        self.controller = messages.Messages(
            runtime, expensive_requests.Limiter(runtime.metrics))
        self.create = VALIDATOR(schemas.CREATE)

    def accept(self, content):
        """Parse a body as the controller does before it stores anything."""
        return list(self.controller._parse(Request, content).values())

    @hypothesis.settings(max_examples=500)
    @hypothesis.given(BODIES)
    def test_controller_accepts_exactly_the_valid_bodies(
            self, content):
        valid = self.create.is_valid(content)
        try:
            new_messages = self.accept(content)
        except exception.NotPermitted as error:
            # The schema doesn't contain the catalogue.
            self.assertIn('message', error.field)
        except exception.InvalidInput as error:
            self.assertFalse(valid, error)
        else:
            self.assertTrue(valid, content)
            self.assertNotEqual([], new_messages)

    def test_batch_size_limits(self):
        one = {'project_id': 'red', 'event_id': 'VOLUME_000002'}
        for count, valid in ((0, False), (1, True), (schemas.MAX_BATCH, True),
                             (schemas.MAX_BATCH + 1, False)):
            content = {'messages': [one] * count}
            self.assertEqual(valid, self.create.is_valid(content))
            if valid:
                self.assertEqual(count, len(self.accept(content)))
            else:
                error = self.assertRaises(exception.InvalidInput,
                                          self.accept, content)
                self.assertEqual('messages: must contain 1 to 1000 messages.',
                                 str(error))

    def test_permitted_null_equals_missing_attribute(self):
        one = {'project_id': 'red', 'event_id': 'VOLUME_000002'}
        for name in message_schemas.NEW_MESSAGE['properties']:
            if name in one:
                continue
            content = {'message': {**one, name: None}}
            valid = self.create.is_valid(content)
            self.assertEqual(name != 'message_level', valid, name)
            if valid:
                [new_message] = self.accept(content)
                [other] = self.accept({'message': one})
                fresh = {'id': None, 'created_at': None,
                         'expires_at': None}
                self.assertEqual(other.row._replace(**fresh),
                                 new_message.row._replace(**fresh))

    def test_source_id_with_reserved_prefix_is_refused(self):
        for source_id in ('notification:', 'notification:7', 'import:',
                          'import:7'):
            content = {'message': {
                'project_id': 'red', 'event_id': 'VOLUME_000002',
                'source_id': source_id}}
            self.assertFalse(self.create.is_valid(content))
            error = self.assertRaises(exception.InvalidInput, self.accept,
                                      content)
            self.assertEqual('message.source_id', error.field)

    def test_error_names_entry_and_attribute(self):
        good = {'project_id': 'red', 'event_id': 'VOLUME_000002'}
        for bad, field in (
                (None, ''), ([], ''), ({}, '.project_id'),
                ({**good, 'colour': 1}, '.colour'),
                ({**good, 'source_id': 1}, '.source_id'),
                ({**good, 'message_level': True}, '.message_level'),
                ({**good, 'project_id': 'x' * 65}, '.project_id')):
            for count in (1, 2, 3):
                entries = [good] * count
                entries[-1] = bad
                error = self.assertRaises(exception.InvalidInput, self.accept,
                                          {'messages': entries})
                self.assertEqual(f'messages[{count - 1}]{field}', error.field)


class SchemasTest(testtools.TestCase):

    def schemas(self):
        by_name = {name: value for name, value in vars(schemas).items()
                   if name.isupper() and isinstance(value, dict)}
        by_name['NEW_MESSAGE'] = message_schemas.NEW_MESSAGE
        for name in ('FILTERS', 'LIST_QUERY', 'DEFINITIONS_QUERY'):
            by_name[name] = {'type': 'object', 'properties': by_name[name]}
        return by_name

    def test_schemas_are_valid_and_serializable(self):
        by_name = self.schemas()
        self.assertIn('CREATE', by_name)
        for name, schema in by_name.items():
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertEqual(schema, json.loads(json.dumps(schema)), name)

    def test_maximum_lengths_match_columns(self):
        for name, length in (
                ('project_id', validation.PROJECT_ID),
                ('user_id', validation.USER_ID),
                ('request_id', validation.REQUEST_ID),
                ('resource_uuid', validation.RESOURCE_UUID),
                ('source_id', validation.SOURCE_ID)):
            self.assertThat(
                message_schemas.NEW_MESSAGE['properties'][name],
                matchers.ContainsDict({'maxLength': matchers.Equals(length)}))
