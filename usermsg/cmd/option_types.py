# SPDX-License-Identifier: Apache-2.0
"""Option types for argparse, which adds the option's name to errors.

A type is a function that converts the text or raises
argparse.ArgumentTypeError; ``number`` and ``identifier`` return a type.
"""

import argparse

from usermsg.db import models
from usermsg import exception
from usermsg import validation

_MAX_SECONDS = 1_000_000

#: Maximum number of characters of a value that an error repeats.
_MAX_ECHO = 60


def number(low, high):
    """Return the type of integers from ``low`` >= 0 to ``high``, inclusive."""
    def check(text):
        # int() would also accept signs, blanks, underscores and non-ASCII
        # digits, and rejects very long numbers.
        if (text.isascii() and text.isdigit() and len(text) < 20 and
                low <= int(text) <= high):
            return int(text)
        raise argparse.ArgumentTypeError(
            f'{text[:_MAX_ECHO]!r} is not a number from {low} to {high}')
    return check


def seconds(text):
    """Return a positive float."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if 0 < value <= _MAX_SECONDS:
        return value
    raise argparse.ArgumentTypeError(
        f'{text[:_MAX_ECHO]!r} is not a number of seconds up to '
        f'{_MAX_SECONDS}')


def identifier(max_length):
    """Return the type of printable ASCII for a column of that length."""
    def check(text):
        try:
            return validation.identifier('value', text, max_length)
        except exception.InvalidInput as error:
            raise argparse.ArgumentTypeError(error.reason) from None
    return check


project = identifier(validation.PROJECT_ID)

# Types of the identifiers of notifications.
message_id, driver, event_type = (
    identifier(models.outbox.c[name].type.length)
    for name in ('id', 'driver', 'event_type'))
