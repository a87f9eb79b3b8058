# SPDX-License-Identifier: Apache-2.0
"""Encoding of notifications and of their request contexts."""

from collections import abc
import json
import re

from oslo_serialization import jsonutils

from usermsg import exception
from usermsg.notifications import errors

# Attributes of a context that no consumer needs.
_SECRETS = ('auth_token', 'service_token')

#: Maximum depth of nested objects and arrays. Python's own limit depends on
#: the depth of the call, and differs between the steps of the drivers.
MAX_DEPTH = 100

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_LEVELS = {'[': 1, '{': 1, ']': -1, '}': -1}


def to_json(content, driver):
    """Return the body of a notification as JSON, in ASCII and on one line.

    :param driver: name of the driver, for the error
    :raises usermsg.notifications.errors.Rejected: JSON can't represent the
        content, or it is nested more than :data:`MAX_DEPTH` levels deep
    """
    try:
        return _to_json(content, MAX_DEPTH)
    except ValueError as error:
        raise errors.Rejected(f'{driver}: the notification {error}') from None


def envelope(message):
    """Return the envelope of oslo.messaging, version 2.0, as JSON in ASCII.

    :param message: JSON
    """
    return json.dumps({'oslo.version': '2.0', 'oslo.message': message})


def payload_to_json(payload):
    """Return a payload as JSON with the values that every driver sends.

    It is as short as possible: only lone surrogates, which UTF-8 can't
    represent, are escaped.

    :raises usermsg.exception.InvalidInput: the drivers would reject a
        notification with this payload
    """
    try:
        # The object that contains the payload is one level.
        text = _to_json(payload, MAX_DEPTH - 1, ensure_ascii=False,
                        separators=(',', ':'))
    except ValueError as error:
        raise exception.InvalidInput('payload', f'{error}.') from None
    return text.encode(errors='backslashreplace').decode()


def _to_json(content, max_depth, **options):
    """Encode times, UUIDs and objects as oslo.messaging encodes them.

    Payloads of other services contain them.
    """
    try:
        text = jsonutils.dumps(content, allow_nan=False, **options)
    except (TypeError, ValueError, RecursionError):
        # Without the original text, which may repeat the payload.
        raise ValueError('cannot be encoded as JSON') from None
    # Few notifications have so many brackets that the depth must be counted.
    if text.count('{') + text.count('[') > max_depth and (
            _depth(text) > max_depth):
        raise ValueError(f'is nested more than {max_depth} levels deep')
    return text


def _depth(text):
    """Return the depth of nested objects and arrays in valid JSON."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += _LEVELS.get(match[0], 0)
        deepest = max(deepest, depth)
    return deepest


def redact_context(ctxt):
    """Return a dict of the request context without its tokens.

    :param ctxt: a RequestContext, a dict or None
    """
    if hasattr(ctxt, 'redacted_copy'):
        ctxt = ctxt.redacted_copy()
    if hasattr(ctxt, 'to_dict'):
        ctxt = ctxt.to_dict()
    if not isinstance(ctxt, abc.Mapping):
        return {}
    return {name: value for name, value in ctxt.items()
            if name not in _SECRETS}
