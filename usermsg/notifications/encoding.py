# SPDX-License-Identifier: Apache-2.0
"""Encoding of notifications and of their request contexts."""

from collections import abc

from oslo_serialization import jsonutils

from usermsg.notifications import errors

# Attributes of a context that no consumer needs.
_SECRETS = ('auth_token', 'service_token')


def to_json(content, driver):
    """Return the content as JSON, in ASCII and without line breaks.

    Times, UUIDs and objects are encoded as oslo.messaging encodes them, since
    payloads of other services contain them.

    :param driver: name of the driver, for the error
    :raises usermsg.notifications.errors.Rejected: JSON can't represent the
        content
    """
    try:
        return jsonutils.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        # Without the original text, which may repeat the payload.
        raise errors.Rejected(
            f'{driver}: the notification cannot be encoded as JSON') from None


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
