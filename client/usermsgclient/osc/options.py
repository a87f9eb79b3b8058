# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and the types of their values."""

import argparse
import datetime
import re

from osc_lib import utils

LEVELS = ('INFO', 'WARN', 'ERROR')

_UNITS = {'s': 'seconds', 'm': 'minutes', 'h': 'hours', 'd': 'days',
          'w': 'weeks'}
_AGE = re.compile(f'([0-9]+)([{"".join(_UNITS)}])')

# A language tag, or the value of $LANG: de_DE.UTF-8, C.UTF-8.
_LANGUAGE = re.compile('([A-Za-z]{1,8}(?:[_-][A-Za-z0-9]{1,8})*)'
                       '(?:[.@][A-Za-z0-9_.@-]+)?')

_SORT_ORDERS = {'created_at': 'created_at:desc',
                'created_at:asc': 'created_at:asc',
                'created_at:desc': 'created_at:desc'}


def add_language(parser):
    parser.add_argument(
        '--language',
        metavar='<language>',
        type=language,
        default=utils.env('OS_USER_MESSAGE_LANGUAGE', default=None),
        help='Show texts in this language where there is a translation, '
             'such as de; the name of a locale is accepted, too (default: '
             'English; Env: OS_USER_MESSAGE_LANGUAGE)')


def add_pages(parser, items):
    parser.add_argument(
        '--limit',
        metavar='<limit>',
        type=positive,
        help=f'The maximum number of {items} to display (default: all)')
    parser.add_argument(
        '--marker',
        metavar='<marker>',
        help=f'Display the {items} after this ID, usually the last ID of '
             'the previous page')


def add_scope(parser, action):
    parser.add_argument(
        '--all-projects',
        action='store_true',
        help=f'{action} of all projects (admin only)')
    add_project(parser, help=f'{action} of this project (name or ID) (admin '
                             'only, except for your own project)')


def add_project(parser, required=False, help=None):
    parser.add_argument(
        '--project',
        metavar='<project>',
        required=required,
        help=help)
    parser.add_argument(
        '--project-domain',
        metavar='<project-domain>',
        help='Domain the project belongs to (name or ID), in case there are '
             'several projects of that name')


def add_flag(parser, name, true_help, false_help):
    """Add ``--NAME`` and ``--not-NAME``; the value is None without either."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(f'--{name}', action='store_true', default=None,
                       help=true_help)
    group.add_argument(f'--not-{name}', action='store_false',
                       dest=name.replace('-', '_'), help=false_help)


def identifier(text):
    if not text:
        raise argparse.ArgumentTypeError('an ID must not be empty')
    return text


def positive(text):
    if not re.fullmatch('[0-9]{1,9}', text) or int(text) == 0:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a positive number')
    return int(text)


def level(text):
    if text.upper() not in LEVELS:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not one of {", ".join(LEVELS)}')
    return text.upper()


def language(text):
    match = _LANGUAGE.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a language tag, such as de or pt-BR')
    tag = match[1].replace('_', '-')
    return 'en' if tag in ('C', 'POSIX') else tag


def sort_order(text):
    if text not in _SORT_ORDERS:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not created_at:asc or created_at:desc')
    return _SORT_ORDERS[text]


def time(text):
    """Parse a time in ISO 8601 or an age; return an aware datetime in UTC."""
    try:
        if age := _AGE.fullmatch(text):
            delta = datetime.timedelta(**{_UNITS[age[2]]: int(age[1])})
            return datetime.datetime.now(datetime.timezone.utc) - delta
        parsed = datetime.datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            return parsed.replace(tzinfo=datetime.timezone.utc)
        return parsed.astimezone(datetime.timezone.utc)
    except OverflowError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is outside the years 1 to 9999') from None
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is neither a time in ISO 8601, such as 2026-01-31 or '
            '2026-01-31T12:00:00+01:00, nor an age such as 90s, 15m, 2h, 3d '
            'or 1w') from None
