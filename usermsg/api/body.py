# SPDX-License-Identifier: Apache-2.0
"""Request bodies: read up to a limit, and parsed as strict JSON.

Pecan and WebOb treat a body that they can't parse as an empty one, and JSON
parsers use the last of duplicate keys. Here both are errors for the client.
"""

import collections
import json

from usermsg.api import errors
from usermsg import exception
from usermsg import validation


def read(request, limit, check=lambda data: None):
    """Return the JSON object in the body.

    :param limit: bytes
    :param check: called with the body before it is parsed, which takes long;
        its exceptions are passed on
    :returns: a dict, to be validated with a schema: the value of a duplicate
        key is :data:`usermsg.validation.DUPLICATE`, which no schema permits
    :raises usermsg.api.errors.UnsupportedMediaType: its headers declare
        another format than JSON
    :raises usermsg.api.errors.BodyTooLarge:
    :raises usermsg.exception.InvalidInput: it isn't valid JSON
    """
    _check_headers(request)
    data = _receive(request, limit)
    check(data)
    content = _parse(data)
    if not isinstance(content, dict):
        raise exception.InvalidInput('body', 'must be a JSON object.')
    return content


def _check_headers(request):
    media_type, *parameters = request.environ.get(
        'CONTENT_TYPE', '').split(';')
    if media_type.strip().lower() != 'application/json':
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
                                          'is not supported; send the '
                                          'body uncompressed.')


def _receive(request, limit):
    environ = request.environ
    stream = environ['wsgi.input']
    length = request.content_length
    if length is None:
        if not environ.get('wsgi.input_terminated'):
            # Neither its length nor its existence is known.
            if 'HTTP_TRANSFER_ENCODING' in environ:
                raise errors.LengthRequired()
            return b''
        length = limit + 1
    elif length > limit:
        raise errors.BodyTooLarge(limit)
    try:
        data = _read_fully(stream, length)
    except Exception:
        # The client disconnected or was too slow, or the chunks are
        # malformed: each WSGI server has its own error classes for this, some
        # of which share no base class but Exception.
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
        return json.loads(
            data.decode('utf-8'), parse_constant=_refuse_constant,
            object_pairs_hook=_mark_duplicates)
    except UnicodeDecodeError:
        reason = 'is not valid UTF-8.'
    except RecursionError:
        reason = 'is nested too deeply.'
    except json.JSONDecodeError as error:
        reason = (f'is not valid JSON: {error.msg} at line {error.lineno}, '
                  f'column {error.colno}.')
    except ValueError:  # a number of thousands of digits
        reason = 'is not valid JSON: a number is too long.'
    raise exception.InvalidInput('body', reason)


def _refuse_constant(name):
    raise exception.InvalidInput(
        'body', f'is not valid JSON: {name} is not permitted.')


def _mark_duplicates(pairs):
    content = dict(pairs)
    if len(content) < len(pairs):
        # The parser doesn't know the path of an object, which the error is
        # to name; the schema validation does.
        counts = collections.Counter(name for name, _value in pairs)
        content.update((name, validation.DUPLICATE)
                       for name, count in counts.items() if count > 1)
    return content
