# SPDX-License-Identifier: Apache-2.0
"""JSON schemas (2020-12) of requests and responses.

They define the permitted query parameters, validate request bodies, and are
part of the OpenAPI description. The schemas of a new message and of filters
are in :mod:`usermsg.message.schemas`, because services that use the library
need them too.
"""

import functools

from usermsg.message import api as message_api
from usermsg.message import schemas
from usermsg import validation

#: Entries of one batch.
MAX_BATCH = 1000


def _object(required, optional=(), **more):
    """Return the schema of an object without additional properties."""
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

# -- query parameters -----------------------------------------------------

_PAGE = {
    'limit': {
        'type': 'integer', 'minimum': 1,
        'description': 'Maximum number of entries in a page. A value above '
                       'the limit of the service is reduced to that limit. '
                       'If there are more entries, the response has a link '
                       'to the next page.'}}


def _or_list(schema, value):
    """Return the schema of one value, or of several after ``in:``.

    :param value: regular expression for a value in a list
    """
    schema = dict(schema)
    description = schema.pop('description', '')
    return {
        'type': 'string',
        'anyOf': [schema, {
            'pattern':
            f'^in:{value}(,{value}){{0,{schemas.MAX_LIST - 1}}}$'}],
        'description': f'{description} Several values are separated by '
                       f'commas and follow in:.'.strip()}


_NAME = '[A-Za-z0-9_]{1,64}'


def _name(schema):
    """Return a schema that only permits names of the catalogue."""
    return {**schema, 'pattern': '^[A-Za-z0-9_]*$'}


#: Query parameters of a list that filter by a column.
FILTERS = {
    **{name: _or_list(_name(schemas.FILTERS[name]), _NAME)
       for name in ('resource_type', 'event_id')},
    **{name: _or_list(schemas.FILTERS[name], value) for name, value in (
        ('resource_uuid', '[A-Za-z0-9_-]{1,255}'),
        ('message_level', f'({"|".join(validation.LEVELS)})'))},
    'request_id': schemas.FILTERS['request_id'],
    'created_since': {
        **_TIME, 'description': 'Recorded at this time or later.'},
    'created_before': {
        **_TIME, 'description': 'Recorded at this time or earlier.'},
}

#: Sort key; without a direction the order is descending.
SORT_KEY = 'created_at'

_PROJECTS = {
    'all_projects': {
        **_BOOLEAN,
        'description': 'Messages of all projects. Requires permission.'},
    'project_id': schemas.described(
        schemas.FILTERS['project_id'],
        'Messages of this project. A project other than the token\'s '
        'requires permission.'),
}

LIST_QUERY = {
    **FILTERS,
    **_PAGE,
    'marker': {
        **_UUID,
        'description': 'The page begins behind this position, usually the '
                       'id of the last message of the previous page. This '
                       'message may have been deleted.'},
    'sort': {
        'type': 'string',
        'enum': [SORT_KEY, message_api.NEWEST_FIRST,
                 message_api.OLDEST_FIRST],
        'default': message_api.NEWEST_FIRST},
    'latest_by': {
        'type': 'string',
        'enum': ['resource'],
        'description': 'List only the newest message of each resource in '
                       'resource_uuid. Of the other parameters only '
                       'created_since, created_before, all_projects and '
                       'project_id can be combined with it.'},
    **_PROJECTS,
}

#: Query parameters that can be combined with latest_by.
LATEST_QUERY = ('latest_by', 'resource_uuid', 'created_since',
                'created_before', *_PROJECTS)

SUMMARY_QUERY = {**FILTERS, **_PROJECTS}

DEFINITIONS_QUERY = {
    'prefix': _name(schemas.described(
        schemas.FILTERS['prefix'],
        'Namespace prefix, in upper or lower case, such as VOLUME.')),
    'resource_type': _name(schemas.RESOURCE_TYPE),
    'user_fixable': {
        **_BOOLEAN,
        'description': 'Messages whose cause the user can (true) or cannot '
                       '(false) remove.'},
    'retryable': {
        **_BOOLEAN,
        'description': 'Messages of requests that may (true) or will not '
                       '(false) succeed if they are repeated later.'},
    **_PAGE,
    'marker': {
        **schemas.EVENT_ID,
        'description': 'The page begins behind this event id.'},
}

# -- request bodies -------------------------------------------------------


def _create_body(message):
    return _object({}, {
        'message': message,
        'messages': {'type': 'array', 'items': message, 'minItems': 1,
                     'maxItems': MAX_BATCH},
    }, minProperties=1, maxProperties=1)


CREATE = _create_body(schemas.NEW_MESSAGE)


UPDATE_READ_MARK = _object({'message': {
    **_UUID, 'description':
    'Id of the newest message that was read. Any UUID is a valid position.'}})


@functools.cache
def update_read_mark():
    """Return the :class:`usermsg.validation.Schema` of a request body."""
    return validation.Schema(UPDATE_READ_MARK)


@functools.cache
def new_messages():
    """Return the :class:`usermsg.validation.Schema` of a request body.

    It doesn't validate the messages themselves; see
    :func:`usermsg.message.schemas.new_message`.
    """
    return validation.Schema(_create_body({'type': 'object'}))


# -- responses ------------------------------------------------------------

#: Attributes of an event that advise the user.
_ADVICE = {
    'remedy': schemas.nullable(_TEXT),
    'user_fixable': _FLAG,
    'retryable': _FLAG,
    'link': schemas.nullable(_TEXT),
}

_MESSAGE_VIEW = {
    'id': _UUID,
    'project_id': _TEXT,
    'event_id': _TEXT,
    'user_message': _TEXT,
    **_ADVICE,
    'message_level': _LEVEL,
    'resource_type': schemas.nullable(_TEXT),
    'resource_uuid': schemas.nullable(_TEXT),
    'created_at': _TIME,
    'guaranteed_until': _TIME,
    'request_id': schemas.nullable(_TEXT),
    'links': _LINKS,
}

MESSAGE = _object({'message': _object(_MESSAGE_VIEW)})

MESSAGES = _object(
    {'messages': {'type': 'array', 'items': _object(_MESSAGE_VIEW, {
        'unread': {**_FLAG, 'description':
                   'True if it is newer than the read mark. Only in lists of '
                   'the token\'s project.'}})}},
    {'messages_links': _LINKS})

READ_MARK = _object({'message': schemas.nullable(_UUID)})

_NUMBER = {'type': 'integer', 'minimum': 0}

_LEVEL_SUMMARY = _object({
    'total': _NUMBER,
    'more': {**_FLAG, 'description': 'There may be more messages than total.'},
    'ttl': _NUMBER,
}, {
    'unread': {**_NUMBER, 'description': 'Only for the token\'s project.'},
    'more_unread': {**_FLAG, 'description': 'There may be more unread '
                                            'messages than unread.'},
})

SUMMARY = _object({'summary': _object({
    'newest_id': schemas.nullable(_UUID),
    'follow_id': {**_UUID, 'description':
                  'Marker after which a list with sort=created_at:asc '
                  'contains all messages that it has held back until now. The '
                  'ETag does not depend on it.'},
    'levels': _object(dict.fromkeys(validation.LEVELS, _LEVEL_SUMMARY)),
})})

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
        'description': '409 if different content was already recorded with '
                       'its source_id, 410 if the message recorded with it '
                       'has been deleted.'},
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
                                   'already recorded with its '
                                   'source_id.'}}),
            _NOT_RECORDED]}}}),
    ]}

#: Body of a 409; the second form is that of a batch without a stored message.
REJECTED = {'oneOf': [
    ERROR,
    _object({'messages': {'type': 'array', 'items': _NOT_RECORDED},
             **_ERRORS})]}

_DEFINITION_VIEW = _object({
    'id': _TEXT,
    'prefix': _TEXT,
    'resource_type': schemas.nullable(_TEXT),
    'action_id': schemas.nullable(_TEXT),
    'detail_id': schemas.nullable(_TEXT),
    'text': _TEXT,
    **_ADVICE,
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
        'failure': schemas.nullable(_TEXT),
        'dialect': _TEXT,
        'latency_ms': {'type': ['number', 'null']},
        'revision': schemas.nullable(_TEXT),
        'needed_revision': _TEXT})}})

DESCRIPTION = {'type': 'object', 'required': ['openapi', 'paths']}
