# SPDX-License-Identifier: Apache-2.0
"""Points in time, as an operator writes them on a command line."""

import argparse
import datetime
import re

from usermsg import exception
from usermsg import validation

_UNITS = {'s': 'seconds', 'm': 'minutes', 'h': 'hours', 'd': 'days',
          'w': 'weeks'}

#: What :func:`parse` takes, for the help.
FORMS = 'an age (90s, 45m, 12h, 30d, 8w) or a time in ISO 8601 (UTC if it ' \
        'names no zone)'


def parse(text):
    """An age, as a timedelta, or a time, as an aware datetime.

    For argparse, which names the option.
    """
    found = re.fullmatch(r'([0-9]{1,9})([smhdw])', text)
    try:
        if found:
            return datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})
        return validation.time('time', text)
    except (OverflowError, exception.InvalidInput):
        raise argparse.ArgumentTypeError(
            f'{text!r} is neither an age such as 30d nor a time in ISO 8601 '
            f'such as 2026-01-31T12:00:00+00:00') from None


def before(now, given):
    """The time that is meant, at the time of ``now``."""
    if not isinstance(given, datetime.timedelta):
        return given
    try:
        return now - given
    except OverflowError:
        return datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
