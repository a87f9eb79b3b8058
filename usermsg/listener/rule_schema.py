# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of files with rules.

The nested values are validated each with a schema of its own, so that an
error is assigned to the line of the value. References to the catalogue,
paths and regular expressions are checked when a rule is built.
"""

from usermsg import validation

#: Priorities of oslo.messaging's notifier.
PRIORITIES = ('AUDIT', 'CRITICAL', 'DEBUG', 'ERROR', 'INFO', 'SAMPLE', 'WARN')

#: Keys of a rule of which it has exactly one.
RESULTS = ('message', 'observe', 'suppress', 'forget')

_PATH = {'type': 'string', 'minLength': 1, 'maxLength': 500}
_GLOB = {'type': 'string', 'minLength': 1, 'maxLength': 255}
_NAME = {'type': 'string', 'pattern': '^[a-z0-9-]{1,64}$',
         'x-form': 'lower-case letters, digits and hyphens, at most 64 '
                   'characters'}
_SCALAR = {'type': ['string', 'number', 'boolean', 'null'],
           'maxLength': 4096}
_CONSTANT = {'type': 'string', 'pattern': '^[A-Z][A-Z0-9_]*$',
             'x-form': 'upper-case letters, digits and underscores'}
_REGEX = {'type': 'string', 'minLength': 1, 'maxLength': 1000}


def _or_list(schema):
    """Return a schema for a value or a list of values."""
    return {**schema,
            'type': [*([schema['type']] if isinstance(schema['type'], str)
                       else schema['type']), 'array'],
            'minItems': 1, 'maxItems': 100, 'items': schema}


def _object(properties, required=()):
    return {'type': 'object', 'properties': properties,
            'required': list(required), 'additionalProperties': False}


FILE = _object({'rules': {'type': 'array', 'items': {'type': 'object'}},
                'correlations': {'type': 'array', 'maxItems': 100,
                                 'items': {'type': 'object'}}})

RULE = _object({
    'name': _NAME,
    'event_type': _or_list(_GLOB),
    'priority': _or_list({
        'type': 'string', 'pattern': f'^({"|".join(PRIORITIES)})$',
        'x-form': f'one of {", ".join(PRIORITIES)}'}),
    'publisher': _or_list(_GLOB),
    'where': {'type': 'object', 'minProperties': 1},
    'continue': {'type': 'boolean'},
    'project': _PATH,
    'user': _PATH,
    'request': _PATH,
    'resource': _PATH,
    'message': {'type': 'object'},
    'observe': {'type': 'object'},
    'suppress': {'type': 'boolean', 'enum': [True]},
    'forget': {'type': 'string', 'enum': ['project', 'user']}},
    required=('name', 'event_type'))

#: A mapping is a :data:`MAPPED_CONDITION`.
CONDITION = {**_or_list(_SCALAR),
             'type': [*_or_list(_SCALAR)['type'], 'object']}

MAPPED_CONDITION = {**_object({
    'glob': _or_list(_GLOB), 'not': CONDITION, 'empty': {'type': 'boolean'}}),
    'minProperties': 1}

#: Mapping below ``not``.
NEGATED_CONDITION = _object({'glob': _or_list(_GLOB)}, required=('glob',))

#: The values of a mapping are checked with the catalogue.
_CHOICE = {'type': ['string', 'object'], 'minProperties': 1, 'minLength': 1}

_MESSAGE = {
    'resource_type': _CONSTANT,
    'action': _CHOICE,
    'action_from': _PATH,
    'event_id': {'type': 'string', 'minLength': 1},
    'detail': _CHOICE,
    'detail_from': _PATH,
    'exception': _PATH,
    'patterns': {'type': 'array', 'items': {'type': 'object'},
                 'minItems': 1, 'maxItems': 100},
    'level': {'type': 'string', 'enum': list(validation.LEVELS)},
    'once': _PATH}

MESSAGE = _object(_MESSAGE, required=('resource_type',))

OBSERVE = _object({
    **_MESSAGE,
    'correlation': _NAME,
    'kind': {'type': 'string', 'enum': [
        'state', 'cause', 'failure', 'subject', 'cancel']},
    'status': _PATH}, required=(
        'resource_type', 'correlation', 'kind'))

PATTERN = _object({'path': _PATH, 'regex': _REGEX, 'detail': _CONSTANT},
                  required=('path', 'regex'))
