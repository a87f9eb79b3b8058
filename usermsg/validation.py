# SPDX-License-Identifier: Apache-2.0
"""Values from outside, checked before anything is done with them.

The databases disagree about what is too much (SQLite cuts nothing off,
MariaDB and PostgreSQL fail, each in its way), so nothing reaches them that
doesn't fit.

JSON schemas say what is valid, and are what is checked. Two annotations choose
the words of errors: ``x-one-of`` lists the values that a pattern stands for,
and ``x-catalogue`` marks what only the catalogue can refuse with a reason.
"""

import datetime
import functools
import re

import fastjsonschema

from usermsg import exception
from usermsg import text

#: Lengths of the columns, in characters.
PROJECT_ID = USER_ID = REQUEST_ID = 64
RESOURCE_UUID = SOURCE_ID = EVENT_ID = 255

#: What the priorities of notifications are called too.
LEVELS = ('INFO', 'WARN', 'ERROR')

#: Keys of what usermsg records by itself: from notifications, and from the
#: tables of other services.
RESERVED_SOURCES = ('notification:', 'import:')

#: As they are written here, and as others may write them.
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
UUID_OF_ANY_CASE = re.compile(
    r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')

#: A message level in any mixture of upper and lower case.
LEVEL = {
    'type': 'string',
    'pattern': '^({})$'.format('|'.join(
        ''.join(f'[{letter}{letter.lower()}]' for letter in level)
        for level in LEVELS)),
    'x-one-of': list(LEVELS),
    'description': 'INFO, WARN or ERROR, in any case.'}

#: Value of a name that an object of JSON has more than once: of no type.
DUPLICATE = object()

#: Keyword of a schema -> reason, with values of the schema in it.
_REASONS = {
    'minLength': 'must not be empty.',
    'maxLength': 'must not be longer than {maxLength} characters.',
    'minItems': 'must hold {minItems} to {maxItems} messages.',
    'maxItems': 'must hold {minItems} to {maxItems} messages.',
    'pattern': 'must be printable ASCII without a blank at either end.'}

_TYPES = {'string': 'a string', 'object': 'an object', 'array': 'an array'}


class Schema:
    """A JSON schema, compiled.

    :param schema: a dict; ``description`` and other annotations do no harm
    """

    def __init__(self, schema):
        self._validate = fastjsonschema.compile(schema, use_default=False)

    def check(self, value, place=''):
        """Return the value if it is valid.

        :param place: what errors call it
        :raises usermsg.exception.InvalidInput: names what is wrong with it
        """
        try:
            return self._validate(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise _refusal(error, place) from None


def identifier_schema(max_length, description=''):
    """Id of another system: printable ASCII without a blank at either end.

    The columns are ASCII, compared byte by byte.
    """
    return {'type': 'string', 'minLength': 1, 'maxLength': max_length,
            'pattern': '^[!-~]([ -~]*[!-~])?$', 'description': description}


def identifier(field, value, max_length):
    """A value of printable ASCII; returned as it is.

    :raises usermsg.exception.InvalidInput: names the field
    """
    return _identifier(max_length).check(value, field)


def optional_identifier(field, value, max_length):
    return None if value is None else identifier(field, value, max_length)


def level(field, value):
    """A message level in upper case."""
    return _level().check(value, field).upper()


@functools.cache
def _identifier(max_length):
    return Schema(identifier_schema(max_length))


@functools.cache
def _level():
    return Schema(LEVEL)


def _refusal(error, place):
    """An error of a schema, in words.

    :param error: of fastjsonschema, which calls the whole value "data"
    """
    schema, value = error.definition, error.value
    field = (place + error.name.removeprefix('data')).lstrip('.')
    if value is DUPLICATE:
        return exception.InvalidInput(field, 'stands there more than once.')
    if 'x-catalogue' in schema:
        return exception.NotPermitted(
            field, f'{text.quoted(value)} is not in the catalogue.')
    if 'x-one-of' in schema:
        return exception.NotPermitted(
            field, f'must be one of {", ".join(schema["x-one-of"])}.')
    if error.rule in ('required', 'additionalProperties', 'minProperties',
                      'maxProperties'):
        return _refusal_of_names(error, field)
    return exception.InvalidInput(field or 'body', _reason(
        error.rule, schema, value))


def _refusal_of_names(error, field):
    """An error about which attributes an object has."""
    schema, prefix = error.definition, field and f'{field}.'
    properties = sorted(schema['properties'])
    for name in error.value:
        if name not in schema['properties']:
            return exception.InvalidInput(
                f'{prefix}{text.printable(name)}',
                f'is not known here; there may be {", ".join(properties)}.')
    for name in schema['required'] if error.rule == 'required' else ():
        if name not in error.value:
            return exception.InvalidInput(f'{prefix}{name}', 'is required.')
    return exception.InvalidInput(
        field or 'body',
        f'must have exactly one of {" and ".join(properties)}.')


def _reason(rule, schema, value):
    if rule == 'type':
        [kind, *_null] = ([schema['type']] if isinstance(schema['type'], str)
                          else schema['type'])
        return ('is required.' if value is None and kind == 'string' else
                f'must be {_TYPES[kind]}.')
    if rule == 'not':
        [reserved] = [prefix for prefix in RESERVED_SOURCES
                      if value.startswith(prefix)]
        return f'must not begin with {reserved}'
    return _REASONS[rule].format(**schema)


def upper_case(value):
    """Of a word; None if it is no string of ASCII.

    Some other letters have one of ASCII as their upper case.
    """
    if isinstance(value, str) and value.isascii():
        return value.upper()
    return None


def uuid(field, value):
    """A UUID of the form 8-4-4-4-12, in lower case."""
    lower = value.lower() if isinstance(value, str) else ''
    # casefold of non-ASCII letters never gives a hex digit.
    if not UUID.fullmatch(lower):
        raise exception.InvalidInput(field, 'must be a UUID.')
    return lower


def time(field, value):
    """An aware datetime in UTC, from ISO 8601; UTC if it names no zone."""
    if isinstance(value, str):
        # A "+" that wasn't quoted in a URL arrives as a blank.
        iso = re.sub(r' (?=\d\d:?\d\d$)', '+', value)
        try:
            value = datetime.datetime.fromisoformat(iso)
        except ValueError:
            value = None
    if not isinstance(value, datetime.datetime):
        raise exception.InvalidInput(
            field, 'must be a time in ISO 8601: 2026-01-31T12:00:00+00:00.')
    if value.tzinfo is None:
        return value.replace(tzinfo=datetime.timezone.utc)
    try:
        return value.astimezone(datetime.timezone.utc)
    except OverflowError:
        raise exception.InvalidInput(
            field, 'is outside the years 1 to 9999.') from None
