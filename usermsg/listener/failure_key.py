# SPDX-License-Identifier: Apache-2.0
"""Keys of failures: equal for everything that reports the same failure.

A service may announce one failure with several notifications, and also store
it in a table that is imported. Each of them yields the same key.
"""

import hashlib

from usermsg import validation

#: Prefix of the source ids of messages about failures; clients can't use it.
PREFIX = 'notification:'

#: Number of hexadecimal digits of a key, 160 bits.
_LENGTH = 40


def operation_key(event, resource_uuid, request_id):
    """Return the key of a failed operation on a resource.

    :param event: a :class:`usermsg.catalogue.catalogue.ResolvedEvent`, or a
        :class:`usermsg.db.models.MessageRow`; its detail has no effect,
        because two notifications of a failure may describe the cause
        differently
    :param resource_uuid: None if the failure concerns no single resource
    :param request_id: of the request that failed
    """
    return _digest('operation', *_operation(event, resource_uuid), request_id)


def value_key(event, resource_uuid, value):
    """Return the key of a failure that a value of the service identifies.

    :param value: a string or number, such as the id of a task
    """
    return _digest('value', *_operation(event, resource_uuid), value)


def notification_key(rule, message_id):
    """Return the key of a failure of which one notification reports.

    :param rule: name of the rule, because a notification may report several
    """
    return _digest('notification', rule, message_id)


def observation_ident(rule, message_id):
    """Return the identity of an observation, 40 characters."""
    return _digest('observation', rule, message_id)


def waiting_ident(kind, correlation, key):
    """Return the identity of an observation that waits for a proof.

    All those of a failure have one identity for each kind, so that only one is
    stored.

    :param key: of the failure
    """
    return _digest('waiting', kind, correlation, key)


def _operation(event, resource_uuid):
    if resource_uuid is not None and validation.UUID_OF_ANY_CASE.fullmatch(
            resource_uuid):
        resource_uuid = resource_uuid.lower()
    # Only a whole message has no action.
    return (event.prefix, event.resource_type,
            event.action_id or event.event_id, resource_uuid)


def _digest(*values):
    # The representation separates the values unambiguously, and is ASCII for
    # any string.
    return hashlib.sha256(
        ascii(values).encode('ascii')).hexdigest()[:_LENGTH]
