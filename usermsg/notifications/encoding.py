# SPDX-License-Identifier: Apache-2.0
"""A notification as text, and what goes with it."""

from collections import abc

from oslo_serialization import jsonutils

from usermsg.notifications import errors

# What a context holds that no consumer needs.
_SECRETS = ('auth_token', 'service_token')


def to_json(content, strategy):
    """Content as JSON, in ASCII and without any line break.

    Times, UUIDs and objects are written as oslo.messaging does, since other
    services' payloads hold such things.

    :param strategy: whose error it is
    :raises usermsg.notifications.errors.Rejected: JSON can't hold it
    """
    try:
        return jsonutils.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        # Without the reason, which may repeat the payload.
        raise errors.Rejected(
            f'{strategy}: it cannot be written as JSON') from None


def context(ctxt):
    """What a consumer may know of the request: a dict.

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
