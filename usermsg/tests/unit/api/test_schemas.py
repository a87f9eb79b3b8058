# SPDX-License-Identifier: Apache-2.0
"""What the schemas say of a message is what the service does with it."""

import json
import re

import hypothesis
from hypothesis import strategies
import jsonschema
import testtools
from testtools import matchers

from usermsg.api.controllers import messages
from usermsg.api import schemas
from usermsg import exception
from usermsg.message import schemas as message_schemas
from usermsg.tests import base
from usermsg import validation


def _pattern(validator, pattern, instance, schema):
    # Python's "$" also stands before a line's end at the end; that of JSON
    # schemas doesn't.
    if isinstance(instance, str) and not re.search(
            re.sub(r'\$$', r'\\Z', pattern), instance):
        yield jsonschema.ValidationError(f'no match for {pattern}')


VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {'pattern': _pattern})

#: Of any type, and some that look like more than they are.
ANYTHING = strategies.one_of(
    strategies.none(), strategies.booleans(), strategies.integers(),
    strategies.floats(allow_nan=False, allow_infinity=False),
    strategies.text(max_size=5), strategies.just([]), strategies.just({}),
    strategies.sampled_from([
        'a', ' a', 'a ', 'a\n', 'a b', '\x00', '\xe4', '\ud800', '',
        'x' * 64, 'x' * 65, 'x' * 255, 'x' * 256, 'true', '1',
        '\u0131nfo', '\u017fhare', 'VOLUME_000002\n']))


def often(*values):
    return strategies.one_of(strategies.sampled_from(values),
                             strategies.sampled_from(values), ANYTHING)


ATTRIBUTES = {
    'project_id': often('red', 'blue', 'x' * 64),
    'event_id': often('VOLUME_000002', '000002', 'VOLUME_VOLUME_001_001',
                      'volume_000002', 'VOLUME_999999'),
    'action': often('001', 'attach_volume', 'ATTACH_VOLUME', '999'),
    'detail': often('001', 'unknown_error', '999'),
    'resource_type': often('VOLUME', 'volume', 'Share', 'SPOON'),
    'resource_uuid': often('a', 'x' * 255),
    'message_level': often('INFO', 'warn', 'Error', 'LOUD'),
    'user_id': often('somebody'),
    'request_id': often('req-1', 'x' * 64),
    'source_id': often('a key', 'notification:1', 'Notification:1',
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
        self.controller = messages.Messages(runtime)
        self.create = VALIDATOR(schemas.CREATE)

    def accept(self, content):
        """What the controller does with a body before it is stored."""
        return list(self.controller._new_messages(Request, content).values())

    @hypothesis.settings(max_examples=500)
    @hypothesis.given(BODIES)
    def test_what_is_accepted_is_valid_and_the_rest_is_in_the_catalogue(
            self, content):
        valid = self.create.is_valid(content)
        try:
            new_messages = self.accept(content)
        except exception.NotPermitted as error:
            # What the catalogue holds is no matter of the schema.
            self.assertIn('message', error.field)
        except exception.InvalidInput as error:
            self.assertFalse(valid, error)
        else:
            self.assertTrue(valid, content)
            self.assertNotEqual([], new_messages)

    def test_how_many_a_batch_may_have(self):
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
                self.assertEqual('messages: must hold 1 to 1000 messages.',
                                 str(error))

    def test_null_is_as_good_as_left_out_where_the_schema_allows_it(self):
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

    def test_what_begins_with_the_reserved_word_is_refused(self):
        for source_id in ('notification:', 'notification:7', 'import:',
                          'import:7'):
            content = {'message': {
                'project_id': 'red', 'event_id': 'VOLUME_000002',
                'source_id': source_id}}
            self.assertFalse(self.create.is_valid(content))
            error = self.assertRaises(exception.InvalidInput, self.accept,
                                      content)
            self.assertEqual('message.source_id', error.field)

    def test_an_error_names_the_entry(self):
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
        found = {name: value for name, value in vars(schemas).items()
                 if name.isupper() and isinstance(value, dict)}
        found['NEW_MESSAGE'] = message_schemas.NEW_MESSAGE
        for name in ('FILTERS', 'LIST_QUERY', 'DEFINITIONS_QUERY'):
            found[name] = {'type': 'object', 'properties': found[name]}
        return found

    def test_they_are_schemas_and_json(self):
        found = self.schemas()
        self.assertIn('CREATE', found)
        for name, schema in found.items():
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertEqual(schema, json.loads(json.dumps(schema)), name)

    def test_lengths_are_those_of_the_columns(self):
        for name, length in (
                ('project_id', validation.PROJECT_ID),
                ('user_id', validation.USER_ID),
                ('request_id', validation.REQUEST_ID),
                ('resource_uuid', validation.RESOURCE_UUID),
                ('source_id', validation.SOURCE_ID)):
            self.assertThat(
                message_schemas.NEW_MESSAGE['properties'][name],
                matchers.ContainsDict({'maxLength': matchers.Equals(length)}))
