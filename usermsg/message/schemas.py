# SPDX-License-Identifier: Apache-2.0
"""JSON schemas of a new message and of the filters of a list.

Both HTTP requests and calls of the library are validated against them.
"""

import functools

from usermsg import validation


def nullable(schema):
    return {**schema, 'type': [schema['type'], 'null']}


def described(schema, description):
    return {**schema, 'description': description}


#: Constant or id of an entry of the catalogue.
_PART = {'type': 'string', 'minLength': 1, 'maxLength': 64,
         'pattern': '^[A-Za-z0-9_]+$'}

RESOURCE_TYPE = validation.identifier_schema(
    64, 'Resource type in the catalogue, in any case: VOLUME, IMAGE.')
EVENT_ID = validation.identifier_schema(
    validation.EVENT_ID, 'Event id in the catalogue.')
_RESOURCE_UUID = validation.identifier_schema(
    validation.RESOURCE_UUID,
    'Id of the resource in its service, stored as given. Lists find a UUID in '
    'any form if it is recorded in lower case with dashes.')

#: Column -> schema of its values.
FILTERS = {
    'resource_type': RESOURCE_TYPE,
    'resource_uuid': described(
        _RESOURCE_UUID,
        'Id of the resource in its service. A UUID in upper case or without '
        'dashes also finds messages with the same UUID in lower case with '
        'dashes.'),
    'event_id': EVENT_ID,
    'request_id': validation.identifier_schema(
        validation.REQUEST_ID,
        'Id of the request that started the operation.'),
    'message_level': validation.LEVEL,
    'id': validation.identifier_schema(36),
    'project_id': validation.identifier_schema(validation.PROJECT_ID),
    'prefix': validation.identifier_schema(32),
    'action_id': validation.identifier_schema(64),
    'detail_id': validation.identifier_schema(64),
}

#: Columns that a list can filter by several values, and their maximum number.
LISTS = ('resource_type', 'resource_uuid', 'event_id', 'message_level')
MAX_LIST = 100

_NEW_MESSAGE = {
    'type': 'object',
    'additionalProperties': False,
    'required': ['project_id'],
    'properties': {
        'project_id': validation.identifier_schema(
            validation.PROJECT_ID, 'Project that can read the message.'),
        'event_id': nullable({
            **EVENT_ID, 'x-catalogue': 'events', 'description':
            'Event id of a whole or composed message. Exactly one of '
            'event_id and action is required.'}),
        'action': nullable({
            **_PART, 'x-catalogue': 'actions', 'description':
            'Operation that the message is about: an id or a constant in '
            'the catalogue.'}),
        'detail': nullable({
            **_PART, 'x-catalogue': 'details', 'description':
            'Cause of the failure: an id or a constant in the catalogue. '
            'Allowed only with action.'}),
        'resource_type': nullable({
            **RESOURCE_TYPE, 'x-catalogue': 'resource types',
            # Stored in upper case.
            'pattern': '^[A-Za-z][A-Za-z0-9_]*$', 'description':
            RESOURCE_TYPE['description'] + ' Required with action.'}),
        'resource_uuid': nullable(_RESOURCE_UUID),
        'message_level': {**validation.LEVEL, 'default': 'ERROR'},
        'user_id': nullable(validation.identifier_schema(
            validation.USER_ID, 'User who started the operation.')),
        'request_id': nullable(validation.identifier_schema(
            validation.REQUEST_ID,
            'Id of the request that started the operation. Defaults to the '
            'header X-OpenStack-Request-Id.')),
        'source_id': nullable({
            **validation.identifier_schema(
                validation.SOURCE_ID,
                'Idempotency key of the client: a message that is recorded '
                'again with the same key gets the first response, also from '
                'another user and with another request id.'),
            # Reserved for messages that usermsg records from notifications
            # and imports.
            'not': {'type': 'string', 'pattern':
                    f'^({"|".join(validation.RESERVED_SOURCES)})'}}),
    }}

#: With exactly one of event_id and action, and the attributes that each of
#: them requires or excludes.
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

#: Attributes of a message that is reported over the bus, all of them: the
#: sender has resolved its action and detail.
_REPORTED = ('project_id', 'event_id', 'resource_type', 'resource_uuid',
             'message_level', 'user_id', 'request_id', 'source_id')

#: Payload of the notification "usermsg.report".
REPORT = {
    'type': 'object',
    'additionalProperties': False,
    'required': list(_REPORTED),
    'properties': {
        **{name: _NEW_MESSAGE['properties'][name] for name in _REPORTED},
        'event_id': {**EVENT_ID, 'x-catalogue': 'events', 'description':
                     'Event id of a whole or composed message.'}},
}


@functools.cache
def new_message():
    """Return the :class:`usermsg.validation.Schema` of a new message.

    The combination of attributes is checked by the catalogue, whose errors
    name the attribute.
    """
    return validation.Schema(_NEW_MESSAGE)


@functools.cache
def report():
    """Return the :class:`usermsg.validation.Schema` of a report's payload."""
    return validation.Schema(REPORT)


@functools.cache
def filters():
    """Return the :class:`usermsg.validation.Schema` of filters."""
    return validation.Schema({
        'type': 'object', 'additionalProperties': False,
        'properties': FILTERS})
