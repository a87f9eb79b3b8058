# SPDX-License-Identifier: Apache-2.0
"""Validation of input before any other use.

The databases handle values that are too long differently (SQLite stores them,
MariaDB and PostgreSQL fail, each with its own error), so no value reaches them
that doesn't fit its column.

The validation uses JSON schemas. Two annotations determine the text of errors:
``x-one-of`` lists the values that a pattern matches, and ``x-catalogue`` marks
values that are invalid because the catalogue doesn't contain them.
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

#: Message levels, which are also the priorities of notifications.
LEVELS = ('INFO', 'WARN', 'ERROR')

#: Prefixes of the source ids of messages that usermsg records from
#: notifications and imports from the tables of other services.
RESERVED_SOURCES = ('notification:', 'import:')

#: The canonical form, and the form that clients may send.
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
UUID_OF_ANY_CASE = re.compile(
    r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')
# With all dashes, or without some of them.
_UUID_WITHOUT_DASHES = re.compile('-?'.join(
    f'([0-9a-fA-F]{{{length}}})' for length in (8, 4, 4, 4, 12)))

#: Schema of a message level in any mixture of upper and lower case.
LEVEL = {
    'type': 'string',
    'pattern': '^({})$'.format('|'.join(
        ''.join(f'[{letter}{letter.lower()}]' for letter in level)
        for level in LEVELS)),
    'x-one-of': list(LEVELS),
    'description': 'INFO, WARN or ERROR, in upper or lower case.'}

#: Value of a duplicate key of a JSON object; its type matches no schema.
DUPLICATE = object()

#: Keyword of a schema -> text of the error, formatted with the schema.
_REASONS = {
    'minLength': 'must not be empty.',
    'maxLength': 'must not be longer than {maxLength} characters.',
    'minItems': 'must contain {minItems} to {maxItems} messages.',
    'maxItems': 'must contain {minItems} to {maxItems} messages.',
    'pattern': 'must be printable ASCII without leading or trailing spaces.',
    # Bodies of requests have no other format.
    'format': 'must be a UUID.'}

# Printable ASCII without leading or trailing spaces.
_IDENTIFIER = re.compile('[!-~]([ -~]*[!-~])?')

_TYPES = {'string': 'a string', 'object': 'an object', 'array': 'an array'}


class Schema:
    """Compiled JSON schema.

    :param schema: a dict; ``description`` and other annotations are ignored
    """

    def __init__(self, schema):
        self._validate = fastjsonschema.compile(schema, use_default=False)

    def check(self, value, place=''):
        """Return the value if it is valid.

        :param place: name of the value in errors
        :raises usermsg.exception.InvalidInput: names the invalid field
        """
        try:
            return self._validate(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise _build_error(error, place) from None


def identifier_schema(max_length, description=''):
    """Return the schema of an identifier of another system.

    It is printable ASCII without leading or trailing spaces, because the
    columns are ASCII and are compared byte by byte.
    """
    return {'type': 'string', 'minLength': 1, 'maxLength': max_length,
            'pattern': f'^{_IDENTIFIER.pattern}$', 'description': description}


def identifier(field, value, max_length):
    """Return the value if it is printable ASCII of a limited length.

    :raises usermsg.exception.InvalidInput: names the field
    """
    # A schema, which takes five times as long, has the reason of an error.
    if (isinstance(value, str) and len(value) <= max_length and
            _IDENTIFIER.fullmatch(value)):
        return value
    return _identifier(max_length).check(value, field)


def optional_identifier(field, value, max_length):
    return None if value is None else identifier(field, value, max_length)


def level(field, value):
    """Return a message level in upper case."""
    return _level().check(value, field).upper()


@functools.cache
def _identifier(max_length):
    return Schema(identifier_schema(max_length))


@functools.cache
def _level():
    return Schema(LEVEL)


def _build_error(error, place):
    """Return an InvalidInput for an error of a schema.

    :param error: an error of fastjsonschema, which names the root value "data"
    """
    schema, value = error.definition, error.value
    field = (place + error.name.removeprefix('data')).lstrip('.')
    if value is DUPLICATE:
        return exception.InvalidInput(field, 'is given more than once.')
    if 'x-catalogue' in schema:
        return exception.NotPermitted(
            field, f'{text.quoted(value)} is not in the catalogue.')
    if 'x-one-of' in schema:
        return exception.NotPermitted(
            field, f'must be one of {", ".join(schema["x-one-of"])}.')
    if error.rule in ('required', 'additionalProperties', 'minProperties',
                      'maxProperties'):
        return _build_property_error(error, field)
    return exception.InvalidInput(field or 'body', _reason(
        error.rule, schema, value))


def _build_property_error(error, field):
    """Return an InvalidInput about missing or additional properties."""
    schema, prefix = error.definition, field and f'{field}.'
    properties = sorted(schema['properties'])
    for name in error.value:
        if name not in schema['properties']:
            return exception.InvalidInput(
                f'{prefix}{text.printable(name)}',
                f'is not a valid attribute; valid attributes are '
                f'{", ".join(properties)}.')
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
        return f'must not begin with "{reserved}", which is reserved.'
    return _REASONS[rule].format(**schema)


def upper_case(value):
    """Return the value in upper case, or None if it isn't an ASCII string.

    The upper case of some other letters is ASCII.
    """
    if isinstance(value, str) and value.isascii():
        return value.upper()
    return None


def uuid(field, value):
    """Return a UUID of the form 8-4-4-4-12 in lower case."""
    lower = value.lower() if isinstance(value, str) else ''
    # The lower case of a non-ASCII letter is never a hex digit.
    if not UUID.fullmatch(lower):
        raise exception.InvalidInput(field, 'must be a UUID.')
    return lower


def canonical_uuid(value):
    """Return the canonical form of a text that is a UUID in another form.

    That is the form 8-4-4-4-12 in lower case, from one in any letter case,
    with or without dashes; any other text is returned unchanged.
    """
    match = _UUID_WITHOUT_DASHES.fullmatch(value)
    return '-'.join(match.groups()).lower() if match else value


def time(field, value):
    """Return an aware datetime in UTC from an ISO 8601 time or a datetime.

    A time without a zone is in UTC.
    """
    if isinstance(value, str):
        # A "+" that isn't percent-encoded in a URL arrives as a space.
        iso = re.sub(r' (?=\d\d:?\d\d$)', '+', value)
        try:
            value = datetime.datetime.fromisoformat(iso)
        except ValueError:
            value = None
    if not isinstance(value, datetime.datetime):
        raise exception.InvalidInput(
            field, 'must be an ISO 8601 time such as '
            '2026-01-31T12:00:00+00:00.')
    if value.tzinfo is None:
        return value.replace(tzinfo=datetime.timezone.utc)
    try:
        return value.astimezone(datetime.timezone.utc)
    except OverflowError:
        raise exception.InvalidInput(
            field, 'must be within the years 1 to 9999.') from None
