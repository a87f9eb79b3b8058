# SPDX-License-Identifier: Apache-2.0
"""The query string: what is allowed there, and what it means."""

import re
import urllib.parse

from usermsg.api import errors
from usermsg import exception
from usermsg import text


def read(request):
    """The query of a request, a dict of strings.

    :raises usermsg.exception.InvalidInput: the route knows no such key, or
        it stands there more than once
    :raises usermsg.api.errors.MalformedRequest: it isn't UTF-8
    """
    if not request.environ.get('QUERY_STRING'):
        return {}
    allowed = request.route.query
    values = read_any(request)
    for key in values:
        if key not in allowed:
            raise exception.InvalidInput(
                text.printable(key), 'is not known here; ' + (
                    f'the query may have {", ".join(sorted(allowed))}.'
                    if allowed else 'there is no query.'))
    return values


def read_any(request):
    """The query of a request with any keys, in its order. See :func:`read`."""
    string = request.environ.get('QUERY_STRING', '')
    # Not WebOb's, for which ";" ends a value too: browsers and proxies don't
    # think so, and an id may have one.
    try:
        pairs = urllib.parse.parse_qsl(
            string.encode('latin-1').decode('utf-8'), keep_blank_values=True,
            errors='strict')
    except UnicodeDecodeError:
        raise errors.MalformedRequest() from None
    values = {}
    for key, value in pairs:
        if key in values:
            raise exception.InvalidInput(
                text.printable(key), 'stands there more than once.')
        values[key] = value
    return values


def digits(value):
    """Digits alone, not too many."""
    if not re.fullmatch('[0-9]{1,100}', value):
        raise ValueError()
    return int(value)


def limit(values, maximum, parse=digits, least=1):
    """The entries that a page may have at most; clamped to the maximum.

    :param parse: see :func:`number`
    """
    return min(number(values, 'limit', maximum, parse, least), maximum)


def number(values, name, default, parse, least=0):
    """A number of a query.

    :param parse: makes a number of text, or raises ValueError
    :raises usermsg.exception.InvalidInput: it is none, or less than the least
    """
    if name not in values:
        return default
    try:
        value = parse(values[name])
    except ValueError:
        value = least - 1
    if value < least:
        raise exception.InvalidInput(
            name, 'must be a positive integer.' if least else
            'must be an integer, and not negative.')
    return value


def boolean(values, field):
    """Whether a key says yes; no if it isn't there."""
    value = values.get(field, 'false')
    if value not in _BOOLEANS:
        raise exception.InvalidInput(field, 'must be true or false.')
    return _BOOLEANS[value]


# "True" is how Python clients write it.
_BOOLEANS = {'true': True, 'True': True, '1': True,
             'false': False, 'False': False, '0': False}


def next_page(address, values, marker, safe=''):
    """The link to the page behind a marker, with the same query else.

    :param address: of the list
    :param safe: characters of values that stand there as they are
    """
    query = urllib.parse.urlencode(
        [(name, value) for name, value in values.items()
         if name != 'marker'] + [('marker', marker)], safe=safe)
    return {'rel': 'next', 'href': f'{address}?{query}'}
