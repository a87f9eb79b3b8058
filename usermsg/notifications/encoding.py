# SPDX-License-Identifier: Apache-2.0
"""Encoding of notifications and of their request contexts."""

from collections import abc
import re

from oslo_serialization import jsonutils

from usermsg.notifications import errors

# Attributes of a context that no consumer needs.
_SECRETS = ('auth_token', 'service_token')

#: Maximum depth of nested objects and arrays. Python's own limit depends on
#: the depth of the call, and differs between the steps of the drivers.
MAX_DEPTH = 100

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_LEVELS = {'[': 1, '{': 1, ']': -1, '}': -1}


def to_json(content, driver):
    """Return the content as JSON, in ASCII and without line breaks.

    Times, UUIDs and objects are encoded as oslo.messaging encodes them, since
    payloads of other services contain them.

    :param driver: name of the driver, for the error
    :raises usermsg.notifications.errors.Rejected: JSON can't represent the
        content, or it is nested more than :data:`MAX_DEPTH` levels deep
    """
    try:
        text = jsonutils.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        # Without the original text, which may repeat the payload.
        raise errors.Rejected(
            f'{driver}: the notification cannot be encoded as JSON') from None
    # Few notifications have so many brackets that the depth must be counted.
    if text.count('{') + text.count('[') > MAX_DEPTH and (
            _depth(text) > MAX_DEPTH):
        raise errors.Rejected(
            f'{driver}: the notification is nested more than {MAX_DEPTH} '
            f'levels deep')
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
