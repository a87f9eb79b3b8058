# SPDX-License-Identifier: Apache-2.0
"""What goes in and out, as JSON schemas (2020-12).

The OpenAPI description is made of them, and what is allowed in a query or a
body is looked up here. Values are checked by :mod:`usermsg.validation` and
the catalogue, as they are for services that use the library.
"""

from usermsg.message import api as message_api
from usermsg import validation

#: Entries of one batch.
MAX_BATCH = 1000

# An id of another system: printable ASCII, no blank at either end.
_IDENTIFIER = '^[!-~]([ -~]*[!-~])?$'
# Resource types are stored in upper case.
_ANY_CASE = '^[A-Za-z][A-Za-z0-9_]*$'


def _identifier(length, description):
    return {'type': 'string', 'minLength': 1, 'maxLength': length,
            'pattern': _IDENTIFIER, 'description': description}


def _nullable(schema):
    return {**schema, 'type': [schema['type'], 'null']}


def _any_case(words):
    """A pattern for words in any mixture of upper and lower case."""
    return '^({})$'.format('|'.join(
        ''.join(f'[{letter}{letter.lower()}]' for letter in word)
        for word in words))


def _object(required, optional=(), **more):
    """An object with these properties and no others."""
    return {'type': 'object', 'additionalProperties': False,
            'required': list(required),
            'properties': {**required, **dict(optional)}, **more}


_UUID = {'type': 'string', 'format': 'uuid'}
_TIME = {'type': 'string', 'format': 'date-time'}
_BOOLEAN = {'type': 'string', 'pattern': '^([Tt]rue|1|[Ff]alse|0)$'}
_LEVEL = {'type': 'string', 'enum': list(validation.LEVELS)}
_LINKS = {'type': 'array', 'items': _object(
    {'rel': {'type': 'string'}, 'href': {'type': 'string'}})}
_TEXT = {'type': 'string'}
_FLAG = {'type': 'boolean'}

_RESOURCE_TYPE = _identifier(
    64, 'A type of the catalogue, in any case: VOLUME, IMAGE.')
_LEVEL_IN = {
    'type': 'string', 'pattern': _any_case(validation.LEVELS),
    'description': 'INFO, WARN or ERROR, in any case.'}
_EVENT_ID = _identifier(
    validation.EVENT_ID, 'What happened, an id of the catalogue.')

# -- the query of each route ----------------------------------------------

_PAGE = {
    'limit': {
        'type': 'integer', 'minimum': 1,
        'description': 'How many entries a page has at most. More than the '
                       'service allows is as good as what it allows; there '
                       'is a link to the next page.'}}

#: Keys of a list's query that name a column to compare.
FILTERS = {
    'resource_type': _RESOURCE_TYPE,
    'resource_uuid': _identifier(
        validation.RESOURCE_UUID, 'The resource, as its service knows it.'),
    'event_id': _EVENT_ID,
    'request_id': _identifier(
        validation.REQUEST_ID, 'The request that began the operation.'),
    'message_level': _LEVEL_IN,
    'created_since': {
        **_TIME, 'description': 'Recorded at this time or later.'},
    'created_before': {
        **_TIME, 'description': 'Recorded at this time or earlier.'},
}

LIST_QUERY = {
    **FILTERS,
    **_PAGE,
    'marker': {
        **_UUID,
        'description': 'The page begins behind this position, usually the '
                       'id of the last message of the page before. It need '
                       'not exist any more.'},
    'sort': {
        'type': 'string',
        'enum': [message_api.NEWEST_FIRST, message_api.OLDEST_FIRST],
        'default': message_api.NEWEST_FIRST},
    'all_projects': {
        **_BOOLEAN, 'description': 'Of every project. Needs a right.'},
    'project_id': _identifier(
        validation.PROJECT_ID,
        'Of this project. Another one than the token\'s needs a right.'),
}

DEFINITIONS_QUERY = {
    'prefix': _identifier(32, 'Of one service, in any case: VOLUME.'),
    'resource_type': _RESOURCE_TYPE,
    'user_fixable': {
        **_BOOLEAN,
        'description': 'The reader can, or can\'t, remove the cause.'},
    'retryable': {
        **_BOOLEAN,
        'description': 'The same request may, or won\'t, succeed later.'},
    **_PAGE,
    'marker': {
        **_EVENT_ID,
        'description': 'The page begins behind this id.'},
}

# -- bodies that are sent -------------------------------------------------

_PART = {'type': 'string', 'minLength': 1, 'maxLength': 64,
         'pattern': '^[A-Za-z0-9_]+$'}

_NEW = _object(
    {'project_id': _identifier(
        validation.PROJECT_ID, 'Who will be able to read it.')},
    {
        'event_id': _nullable({
            **_EVENT_ID, 'description':
            'What happened: the id of a whole message. Exactly one of it '
            'and action is given.'}),
        'action': _nullable({
            **_PART, 'description':
            'What was being done: an id or a constant of the catalogue.'}),
        'detail': _nullable({
            **_PART, 'description':
            'Why it failed, likewise; goes with action.'}),
        'resource_type': _nullable({
            **_RESOURCE_TYPE, 'pattern': _ANY_CASE, 'description':
            _RESOURCE_TYPE['description'] + ' Required with action.'}),
        'resource_uuid': _nullable(FILTERS['resource_uuid']),
        'message_level': {**_LEVEL_IN, 'default': 'ERROR'},
        'user_id': _nullable(_identifier(
            validation.USER_ID, 'Who began the operation.')),
        'request_id': _nullable(_identifier(
            validation.REQUEST_ID,
            'The request that began the operation; if left out, what the '
            'header X-OpenStack-Request-Id says.')),
        'source_id': _nullable({
            **_identifier(
                validation.SOURCE_ID,
                'The caller\'s own key for this outcome: recording it again '
                'gives the first answer, whoever records it and under '
                'whatever request.'),
            # Keys of what usermsg records by itself.
            'not': {'type': 'string',
                    'pattern':
                        f'^({"|".join(validation.RESERVED_SOURCES)})'}}),
    },
    # Exactly one of event_id and action, and what goes with each.
    anyOf=[
        {'required': ['event_id'],
         'properties': {'event_id': {'type': 'string'},
                        'action': {'type': 'null'},
                        'detail': {'type': 'null'}}},
        {'required': ['action', 'resource_type'],
         'properties': {'action': {'type': 'string'},
                        'resource_type': {'type': 'string'},
                        'event_id': {'type': 'null'}}},
    ])

#: Attributes of a message that is to be recorded.
NEW_ATTRIBUTES = _NEW['properties']

CREATE = {
    'oneOf': [
        _object({'message': _NEW}),
        _object({'messages': {'type': 'array', 'items': _NEW, 'minItems': 1,
                              'maxItems': MAX_BATCH}}),
    ]}

# -- answers --------------------------------------------------------------

_MESSAGE_VIEW = {
    'id': _UUID,
    'event_id': _TEXT,
    'user_message': _TEXT,
    'message_level': _LEVEL,
    'resource_type': _nullable(_TEXT),
    'resource_uuid': _nullable(_TEXT),
    'created_at': _TIME,
    'guaranteed_until': _TIME,
    'request_id': _nullable(_TEXT),
    'links': _LINKS,
}

MESSAGE = _object({'message': _object(_MESSAGE_VIEW)})

MESSAGES = _object(
    {'messages': {'type': 'array', 'items': _object(_MESSAGE_VIEW)}},
    {'messages_links': _LINKS})

_ERROR_ENTRY = _object(
    {
        'request_id': _TEXT,
        'code': {'type': 'string', 'pattern': '^user-message\\.'},
        'status': {'type': 'integer'},
        'title': _TEXT,
        'detail': _TEXT,
        'links': _LINKS,
    },
    {'min_version': _TEXT, 'max_version': _TEXT})

_ERRORS = {
    'errors': {'type': 'array', 'minItems': 1, 'items': _ERROR_ENTRY},
    'error': _object({
        'code': {'type': 'integer'}, 'title': _TEXT, 'message': _TEXT}),
}

ERROR = _object(_ERRORS)

_NOT_RECORDED = _object({
    'status': {
        'enum': [409, 410],
        'description': '409 if other content was recorded under its '
                       'source_id before, 410 if that message has been '
                       'deleted.'},
    'error': _ERROR_ENTRY})

CREATED = {
    'oneOf': [
        MESSAGE,
        _object({'messages': {'type': 'array', 'items': {'oneOf': [
            _object({
                **_MESSAGE_VIEW,
                'status': {
                    'enum': [200, 201],
                    'description': '201 if it is new, 200 if it was '
                                   'recorded under its source_id before.'}}),
            _NOT_RECORDED]}}}),
    ]}

#: Of a batch, if no message of it is stored.
REFUSED = {'oneOf': [
    ERROR,
    _object({'messages': {'type': 'array', 'items': _NOT_RECORDED},
             **_ERRORS})]}

_DEFINITION_VIEW = _object({
    'id': _TEXT,
    'prefix': _TEXT,
    'resource_type': _nullable(_TEXT),
    'action_id': _nullable(_TEXT),
    'detail_id': _nullable(_TEXT),
    'text': _TEXT,
    'remedy': _nullable(_TEXT),
    'user_fixable': _FLAG,
    'retryable': _FLAG,
    'link': _nullable(_TEXT),
    'links': _LINKS,
})

DEFINITION = _object({'defined_message': _DEFINITION_VIEW})

DEFINITIONS = _object(
    {'defined_messages': {'type': 'array', 'items': _DEFINITION_VIEW}},
    {'defined_messages_links': _LINKS})

_VERSION = _object({
    'id': _TEXT, 'status': _TEXT, 'version': _TEXT, 'min_version': _TEXT,
    'updated': _TIME, 'links': _LINKS})

VERSION = _object({'version': _VERSION})

VERSIONS = _object({'versions': {'type': 'array', 'items': _VERSION}})

_STATUS = {'enum': ['available', 'unavailable']}

HEALTH = _object(
    {'status': _STATUS},
    {'checks': {'type': 'array', 'items': _object({
        'name': _TEXT,
        'status': _STATUS,
        'failure': _nullable(_TEXT),
        'dialect': _TEXT,
        'latency_ms': {'type': ['number', 'null']},
        'revision': _nullable(_TEXT),
        'needed_revision': _TEXT})}})

DESCRIPTION = {'type': 'object', 'required': ['openapi', 'paths']}
