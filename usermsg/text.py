# SPDX-License-Identifier: Apache-2.0
"""Sanitizing of untrusted text for logs, tables and terminals."""

import re

#: Characters that break lines of logs, or can't be stored or encoded.
UNFIT = re.compile(r'[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]')


def cleaned(text, max_length=255):
    """Return text without control characters, cut to a length."""
    # Cut first, because untrusted text may be long.
    return UNFIT.sub('\ufffd', text[:max_length])


def line(text, max_length):
    """Return text in one line, with spaces for unprintable characters."""
    return ''.join(letter if letter.isprintable() else ' '
                   for letter in text[:max_length])


def printable(value):
    """Return a name or id of any type in ASCII, cut to 60 characters."""
    escaped = ascii(value)
    if isinstance(value, str):
        escaped = escaped[1:-1]
    return escaped if len(escaped) <= 60 else escaped[:60] + '...'


def quoted(value):
    """Return a caller's value in quotes, cut for an error text."""
    if not isinstance(value, str):
        # The value may be an exception whose text must not be disclosed, or
        # an object whose __repr__ raises.
        return f'a value of type {type(value).__name__}'
    literal = repr(value)
    return literal if len(literal) <= 80 else literal[:76] + "...'"
