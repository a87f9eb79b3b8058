# SPDX-License-Identifier: Apache-2.0
"""A new message, and filters of messages, as JSON schemas.

Values are checked by them, whether they come over HTTP or from a service that
uses the library.
"""

import functools

from usermsg import validation


def nullable(schema):
    return {**schema, 'type': [schema['type'], 'null']}


def described(schema, description):
    return {**schema, 'description': description}


#: A constant or an id of the catalogue.
_PART = {'type': 'string', 'minLength': 1, 'maxLength': 64,
         'pattern': '^[A-Za-z0-9_]+$'}

RESOURCE_TYPE = validation.identifier_schema(
    64, 'A type of the catalogue, in any case: VOLUME, IMAGE.')
EVENT_ID = validation.identifier_schema(
    validation.EVENT_ID, 'What happened, an id of the catalogue.')
_RESOURCE_UUID = validation.identifier_schema(
    validation.RESOURCE_UUID, 'The resource, as its service knows it.')

#: Column -> schema of the value that it must have.
FILTERS = {
    'resource_type': RESOURCE_TYPE,
    'resource_uuid': _RESOURCE_UUID,
    'event_id': EVENT_ID,
    'request_id': validation.identifier_schema(
        validation.REQUEST_ID, 'The request that began the operation.'),
    'message_level': validation.LEVEL,
    'id': validation.identifier_schema(36),
    'project_id': validation.identifier_schema(validation.PROJECT_ID),
    'prefix': validation.identifier_schema(32),
    'action_id': validation.identifier_schema(64),
    'detail_id': validation.identifier_schema(64),
}

_NEW_MESSAGE = {
    'type': 'object',
    'additionalProperties': False,
    'required': ['project_id'],
    'properties': {
        'project_id': validation.identifier_schema(
            validation.PROJECT_ID, 'Who will be able to read it.'),
        'event_id': nullable({
            **EVENT_ID, 'x-catalogue': 'events', 'description':
            'What happened: the id of a whole message. Exactly one of it '
            'and action is given.'}),
        'action': nullable({
            **_PART, 'x-catalogue': 'actions', 'description':
            'What was being done: an id or a constant of the catalogue.'}),
        'detail': nullable({
            **_PART, 'x-catalogue': 'details', 'description':
            'Why it failed, likewise; goes with action.'}),
        'resource_type': nullable({
            **RESOURCE_TYPE, 'x-catalogue': 'resource types',
            # Stored in upper case.
            'pattern': '^[A-Za-z][A-Za-z0-9_]*$', 'description':
            RESOURCE_TYPE['description'] + ' Required with action.'}),
        'resource_uuid': nullable(_RESOURCE_UUID),
        'message_level': {**validation.LEVEL, 'default': 'ERROR'},
        'user_id': nullable(validation.identifier_schema(
            validation.USER_ID, 'Who began the operation.')),
        'request_id': nullable(validation.identifier_schema(
            validation.REQUEST_ID,
            'The request that began the operation; if left out, what the '
            'header X-OpenStack-Request-Id says.')),
        'source_id': nullable({
            **validation.identifier_schema(
                validation.SOURCE_ID,
                'The caller\'s own key for this outcome: recording it again '
                'gives the first answer, whoever records it and under '
                'whatever request.'),
            # Keys of what usermsg records by itself.
            'not': {'type': 'string', 'pattern':
                    f'^({"|".join(validation.RESERVED_SOURCES)})'}}),
    }}

#: With exactly one of event_id and action, and what goes with each.
NEW_MESSAGE = {
    **_NEW_MESSAGE,
    'anyOf': [
        {'required': ['event_id'],
         'properties': {'event_id': {'type': 'string'},
                        'action': {'type': 'null'},
                        'detail': {'type': 'null'}}},
        {'required': ['action', 'resource_type'],
         'properties': {'action': {'type': 'string'},
                        'resource_type': {'type': 'string'},
                        'event_id': {'type': 'null'}}},
    ]}


@functools.cache
def new_message():
    """The :class:`usermsg.validation.Schema` of a new message.

    What goes with what is left to the catalogue, which names it.
    """
    return validation.Schema(_NEW_MESSAGE)


@functools.cache
def filters():
    """The :class:`usermsg.validation.Schema` of an object of filters."""
    return validation.Schema({
        'type': 'object', 'additionalProperties': False,
        'properties': FILTERS})
