# SPDX-License-Identifier: Apache-2.0
"""What options may hold, for argparse, which names the option.

Each takes the text, or makes what does; what cannot be raises
argparse.ArgumentTypeError.
"""

import argparse

from usermsg.db import models
from usermsg import exception
from usermsg import validation

_MOST_SECONDS = 1_000_000

#: Characters of a value that are repeated.
_SHOWN = 60


def number(low, high):
    """A whole number from one to another, neither of them negative."""
    def check(text):
        # Without what int() takes besides, and what is too long for it.
        if (text.isascii() and text.isdigit() and len(text) < 20 and
                low <= int(text) <= high):
            return int(text)
        raise argparse.ArgumentTypeError(
            f'{text[:_SHOWN]!r} is not a number from {low} to {high}')
    return check


def seconds(text):
    """More than none; a float."""
    try:
        found = float(text)
    except ValueError:
        found = 0
    if 0 < found <= _MOST_SECONDS:
        return found
    raise argparse.ArgumentTypeError(
        f'{text[:_SHOWN]!r} is not a number of seconds up to {_MOST_SECONDS}')


def identifier(longest):
    """Printable ASCII, as in a column of so many characters."""
    def check(text):
        try:
            return validation.identifier('value', text, longest)
        except exception.InvalidInput as error:
            raise argparse.ArgumentTypeError(error.reason) from None
    return check


project = identifier(validation.PROJECT_ID)

# Of notifications.
message_id, driver, event_type = (
    identifier(models.outbox.c[name].type.length)
    for name in ('id', 'driver', 'event_type'))
