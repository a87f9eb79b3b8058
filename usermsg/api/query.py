# SPDX-License-Identifier: Apache-2.0
"""Parsing and validation of query strings."""

import functools
import re
import urllib.parse

from usermsg.api import errors
from usermsg import exception
from usermsg import text


def read(request):
    """Return the query parameters of a request, a dict of strings.

    :raises usermsg.exception.InvalidInput: the route doesn't support a
        parameter, or it is given more than once
    :raises usermsg.api.errors.MalformedRequest: the query isn't UTF-8
    """
    if not request.environ.get('QUERY_STRING'):
        return {}
    allowed = request.route.query
    values = read_any(request)
    for key in values:
        if key not in allowed:
            raise exception.InvalidInput(
                text.printable(key), 'is not a valid query parameter; ' + (
                    f'valid parameters are {", ".join(sorted(allowed))}.'
                    if allowed else 'none is accepted.'))
    return values


def read_any(request):
    """Return query parameters of any name, in order; see :func:`read`."""
    string = request.environ.get('QUERY_STRING', '')
    # Not WebOb's parser, for which ";" also ends a value: browsers and proxies
    # don't treat it so, and an id may contain one.
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
                text.printable(key), 'is given more than once.')
        values[key] = value
    return values


def digits(value):
    """Convert text of 1 to 100 digits to an int, or raise ValueError."""
    if not re.fullmatch('[0-9]{1,100}', value):
        raise ValueError()
    return int(value)


def limit(values, maximum, parse=digits, minimum=1):
    """Return the page size of a query, clamped to the maximum.

    :param parse: see :func:`number`
    """
    return min(number(values, 'limit', maximum, parse, minimum), maximum)


#: An operator of the guidelines for filters, before the values.
_OPERATOR = re.compile('(in|nin|neq|gt|gte|lt|lte):')


def filter_value(values, name):
    """Return the value of a filter; a list for ``in:`` and several values.

    :raises usermsg.exception.InvalidInput: the operator isn't supported
    """
    value = values[name]
    match = _OPERATOR.match(value)
    if not match:
        return value
    if match[1] != 'in':
        raise exception.InvalidInput(
            name, f'the operator {match[0]} is not supported; use in: or '
            f'none.')
    return value[match.end():].split(',')


#: Names of the catalogue. Other values can't be of a message.
_NAME = re.compile('[A-Za-z0-9_]+')


def names(field, values):
    """Return names, or a list of them, in upper case.

    :raises usermsg.exception.InvalidInput: one is not a name
    """
    if isinstance(values, list):
        return [names(field, value) for value in values]
    if not _NAME.fullmatch(values):
        raise exception.InvalidInput(
            field, 'must consist of letters, digits and _.')
    return values.upper()


def number(values, name, default, parse, minimum=0):
    """Return an integer parameter of a query.

    :param parse: function that converts text to an int or raises ValueError
    :param minimum: the lowest valid value, 0 or 1
    :raises usermsg.exception.InvalidInput: it isn't an integer, or is too low
    """
    if name not in values:
        return default
    try:
        value = parse(values[name])
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise exception.InvalidInput(
            name, 'must be a positive integer.' if minimum else
            'must be a non-negative integer.')
    return value


def boolean(values, field):
    """Return a boolean parameter of a query, False if it is missing."""
    value = values.get(field, 'false')
    if value not in _BOOLEANS:
        raise exception.InvalidInput(field, 'must be true or false.')
    return _BOOLEANS[value]


# Python clients send "True".
_BOOLEANS = {'true': True, 'True': True, '1': True,
             'false': False, 'False': False, '0': False}


#: Length of the query parameters, as text, whose links are cached.
_MAX_CACHED = 500


def build_next_link(address, values, marker, safe=''):
    """Return the link to the page behind a marker, with the same query.

    :param address: the URL of the list
    :param safe: characters in values that aren't percent-encoded
    """
    items = tuple(values.items())
    # A client may send long queries: all that is kept of them is bounded.
    build = (_link_before_marker if len(str(items)) < _MAX_CACHED else
             _link_before_marker.__wrapped__)
    return {'rel': 'next', 'href': build(address, items, safe) +
            urllib.parse.quote_plus(marker, safe=safe)}


# Encoding takes a twentieth of the time of a list of 10, and the same list is
# read again and again.
@functools.lru_cache(maxsize=1000)
def _link_before_marker(address, items, safe):
    query = urllib.parse.urlencode(
        [(name, value) for name, value in items if name != 'marker'] +
        [('marker', '')], safe=safe)
    return f'{address}?{query}'
