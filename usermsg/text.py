# SPDX-License-Identifier: Apache-2.0
"""Texts from outside, in a form that a log, a table or a terminal can hold."""

import re

#: It breaks lines of logs, or can't be stored or encoded.
UNFIT = re.compile(r'[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]')


def cleaned(text, longest=255):
    """A text of users: without control characters, cut to a length."""
    # Cut first: what comes from outside may be long.
    return UNFIT.sub('\ufffd', text[:longest])


def line(text, longest):
    """A text in one line; what can't be printed is a blank."""
    return ''.join(letter if letter.isprintable() else ' '
                   for letter in text[:longest])


def printable(value):
    """A name or an id of any kind and any characters, in a few of ASCII."""
    shown = ascii(value)
    if isinstance(value, str):
        shown = shown[1:-1]
    return shown if len(shown) <= 60 else shown[:60] + '...'


def quoted(value):
    """What a caller gave, short enough for a message."""
    if not isinstance(value, str):
        # An exception, for example, whose text is nobody's business, or an
        # object whose __repr__ raises.
        return f'a value of type {type(value).__name__}'
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:76] + "...'"
