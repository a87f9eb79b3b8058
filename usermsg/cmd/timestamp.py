# SPDX-License-Identifier: Apache-2.0
"""Points in time on the command line: ages and ISO 8601 times."""

import argparse
import datetime
import re

from usermsg.db import clock
from usermsg import exception
from usermsg import validation

_UNITS = {'s': 'seconds', 'm': 'minutes', 'h': 'hours', 'd': 'days',
          'w': 'weeks'}

#: The formats that :func:`parse` accepts, for help texts.
FORMATS = 'an age (90s, 45m, 12h, 30d, 8w) or a time in ISO 8601 (UTC ' \
          'without a zone)'


def format(time):
    """Return a time of a row in ISO 8601."""
    return clock.aware(time).isoformat(timespec='seconds')


def parse(text):
    """Convert an age to a timedelta, or a time to an aware datetime.

    It is a type for argparse, which adds the option's name to the error.
    """
    age = re.fullmatch(r'([0-9]{1,9})([smhdw])', text)
    try:
        if age:
            return datetime.timedelta(**{_UNITS[age[2]]: int(age[1])})
        return validation.time('time', text)
    except (OverflowError, exception.InvalidInput):
        raise argparse.ArgumentTypeError(
            f'{text!r} is neither an age such as 30d nor a time in ISO 8601 '
            f'such as 2026-01-31T12:00:00+00:00') from None


def resolve(now, value):
    """Return a parsed value as an aware datetime; ages count from ``now``."""
    if not isinstance(value, datetime.timedelta):
        return value
    try:
        return now - value
    except OverflowError:
        return datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
