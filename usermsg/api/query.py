# SPDX-License-Identifier: Apache-2.0
"""The query string: what is allowed there, and what it means."""

import re
import urllib.parse

from usermsg.api import errors
from usermsg import exception


def read(request):
    """The query of a request, a dict of strings.

    :raises usermsg.exception.InvalidInput: the route knows no such key, or
        it stands there more than once
    :raises usermsg.api.errors.MalformedRequest: it isn't UTF-8
    """
    if not request.environ.get('QUERY_STRING'):
        return {}
    allowed = request.route.query
    values = {}
    for key, value in pairs(request):
        if key not in allowed:
            raise exception.InvalidInput(
                printable(key), 'is not known here; ' + (
                    f'the query may have {", ".join(sorted(allowed))}.'
                    if allowed else 'there is no query.'))
        if key in values:
            raise exception.InvalidInput(key, 'stands there more than once.')
        values[key] = value
    return values


def pairs(request):
    """The keys and values of a query, in order.

    :raises usermsg.api.errors.MalformedRequest: it isn't UTF-8
    """
    text = request.environ.get('QUERY_STRING', '')
    # Not WebOb's, for which ";" ends a value too: browsers and proxies don't
    # think so, and an id may have one.
    try:
        return urllib.parse.parse_qsl(
            text.encode('latin-1').decode('utf-8'), keep_blank_values=True,
            errors='strict')
    except UnicodeDecodeError:
        raise errors.MalformedRequest() from None


def limit(values, maximum):
    """How many entries a page may have; clamped to the maximum."""
    value = values.get('limit')
    if value is None:
        return maximum
    if not re.fullmatch('[0-9]{1,100}', value) or int(value) == 0:
        raise exception.InvalidInput('limit', 'must be a positive integer.')
    return min(int(value), maximum)


def boolean(values, field, default=False):
    value = values.get(field)
    if value is None:
        return default
    if value not in _BOOLEANS:
        raise exception.InvalidInput(field, 'must be true or false.')
    return _BOOLEANS[value]


# "True" is how Python clients write it.
_BOOLEANS = {'true': True, 'True': True, '1': True,
             'false': False, 'False': False, '0': False}


def next_page(request, values, marker):
    """The link to the page behind a marker, with the same query else."""
    values = {**values, 'marker': marker}
    path = urllib.parse.quote(request.path_info)
    return {'rel': 'next', 'href': f'{request.endpoint}{path}?'
                                   f'{urllib.parse.urlencode(values)}'}


def printable(key):
    """A name that a client chose, fit to be repeated to it."""
    text = ascii(key)[1:-1]
    return text if len(text) <= 60 else text[:60] + '...'
