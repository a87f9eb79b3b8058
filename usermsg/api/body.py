# SPDX-License-Identifier: Apache-2.0
"""The body of a request: read within bounds, and as JSON in the strict sense.

Pecan and WebOb take a body that they can't parse for an empty one, and JSON
parsers take the last of two equal keys. A caller is told instead.
"""

import collections
import json

from usermsg.api import errors
from usermsg import exception
from usermsg import validation


def read(request, limit):
    """Object that the body holds.

    :param limit: bytes
    :returns: a dict, to be checked by a schema, which refuses what stands
        for a duplicate name
    :raises usermsg.api.errors.UnsupportedMediaType: it isn't JSON by its
        own account
    :raises usermsg.api.errors.BodyTooLarge:
    :raises usermsg.exception.InvalidInput: it isn't JSON in fact
    """
    _check_headers(request)
    content = _parse(_receive(request, limit))
    if not isinstance(content, dict):
        raise exception.InvalidInput('body', 'must be a JSON object.')
    return content


def _check_headers(request):
    kind, *parameters = request.environ.get('CONTENT_TYPE', '').split(';')
    if kind.strip().lower() != 'application/json':
        raise errors.UnsupportedMediaType('Content-Type',
                                          'must be application/json.')
    for parameter in parameters:
        name, _, value = parameter.partition('=')
        if (name.strip().lower() == 'charset' and
                value.strip(' "').lower() not in ('utf-8', 'utf8')):
            raise errors.UnsupportedMediaType('Content-Type',
                                              'charset must be utf-8.')
    encoding = request.environ.get('HTTP_CONTENT_ENCODING', 'identity')
    if encoding.lower() not in ('', 'identity'):
        raise errors.UnsupportedMediaType('Content-Encoding',
                                          'is not supported; send it as is.')


def _receive(request, limit):
    environ = request.environ
    stream = environ['wsgi.input']
    length = request.content_length
    if length is None:
        if not environ.get('wsgi.input_terminated'):
            # How long it is can't be told, nor whether there is one.
            if 'HTTP_TRANSFER_ENCODING' in environ:
                raise errors.LengthRequired()
            return b''
        length = limit + 1
    elif length > limit:
        raise errors.BodyTooLarge(limit)
    try:
        data = _read_fully(stream, length)
    except Exception:
        # The client went away or was too slow, or the chunks are malformed:
        # each server has errors of its own for that, also such as have
        # nothing but Exception in common with others.
        raise errors.BodyIncomplete() from None
    if len(data) > limit:
        raise errors.BodyTooLarge(limit)
    if request.content_length is not None and len(data) < length:
        raise errors.BodyIncomplete()
    return data


def _read_fully(stream, length):
    parts = []
    while length > 0:
        part = stream.read(length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b''.join(parts)


def _parse(data):
    try:
        return json.loads(data.decode('utf-8'), parse_constant=_no_constant,
                          object_pairs_hook=_object)
    except UnicodeDecodeError:
        reason = 'is not UTF-8.'
    except RecursionError:
        reason = 'is nested too deeply.'
    except json.JSONDecodeError as error:
        reason = (f'is not JSON: {error.msg} at line {error.lineno}, column '
                  f'{error.colno}.')
    except ValueError:  # a number of thousands of digits
        reason = 'is not JSON: a number is too long.'
    raise exception.InvalidInput('body', reason)


def _no_constant(name):
    raise exception.InvalidInput('body', f'is not JSON: {name}.')


def _object(pairs):
    made = dict(pairs)
    if len(made) < len(pairs):
        # The parser can't tell where an object stands; a schema can.
        names = collections.Counter(name for name, _value in pairs)
        made.update((name, validation.DUPLICATE)
                    for name, number in names.items() if number > 1)
    return made
