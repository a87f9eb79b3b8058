# SPDX-License-Identifier: Apache-2.0
"""Values from outside, checked before anything is done with them.

The databases disagree about what is too much (SQLite cuts nothing off,
MariaDB and PostgreSQL fail, each in its way), so nothing reaches them that
doesn't fit.
"""

import datetime
import re

from usermsg import exception

#: Lengths of the columns, in characters.
PROJECT_ID = USER_ID = REQUEST_ID = 64
RESOURCE_UUID = SOURCE_ID = EVENT_ID = 255

#: What the priorities of notifications are called too.
LEVELS = ('INFO', 'WARN', 'ERROR')

#: Keys of what usermsg records by itself: from notifications, and from the
#: tables of other services.
RESERVED_SOURCES = ('notification:', 'import:')

# The columns are ASCII, compared byte by byte.
_IDENTIFIER = re.compile(r'[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?')

#: As they are written here, and as others may write them.
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
UUID_OF_ANY_CASE = re.compile(
    r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')


def identifier(field, value, max_length):
    """A value of printable ASCII; returned as it is.

    :raises usermsg.exception.InvalidInput: names the field
    """
    if value is None:
        raise exception.InvalidInput(field, 'is required.')
    if not isinstance(value, str):
        raise exception.InvalidInput(field, 'must be a string.')
    if not value:
        raise exception.InvalidInput(field, 'must not be empty.')
    if len(value) > max_length:
        raise exception.InvalidInput(
            field, f'must not be longer than {max_length} characters.')
    if not _IDENTIFIER.fullmatch(value):
        raise exception.InvalidInput(
            field, 'must be printable ASCII without a blank at either end.')
    return value


def optional_identifier(field, value, max_length):
    return None if value is None else identifier(field, value, max_length)


def source_id(value):
    identifier('source_id', value, SOURCE_ID)
    for reserved in RESERVED_SOURCES:
        if value.startswith(reserved):
            raise exception.InvalidInput(
                'source_id', f'must not begin with {reserved}')
    return value


def upper_case(value):
    """Of a word; None if it is no string of ASCII.

    Some other letters have one of ASCII as their upper case.
    """
    if isinstance(value, str) and value.isascii():
        return value.upper()
    return None


def level(field, value):
    """A message level in upper case."""
    upper = upper_case(value)
    if upper not in LEVELS:
        raise exception.NotPermitted(
            field, f'must be one of {", ".join(LEVELS)}.')
    return upper


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
        text = re.sub(r' (?=\d\d:?\d\d$)', '+', value)
        try:
            value = datetime.datetime.fromisoformat(text)
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
