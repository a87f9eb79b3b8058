# SPDX-License-Identifier: Apache-2.0
"""Validation of received messages, which any sender can have written."""

import re

from usermsg import exception
from usermsg.listener import notification
from usermsg.notifications.drivers.rabbit import received_message
from usermsg import validation

#: Maximum size in bytes, decompressed. The largest notifications of services,
#: of instances with many volumes and ports, have some 100 KiB.
MAX_SIZE = 1024 * 1024

_CONTEXT_PREFIX = '_context_'

# Longer ones can't be stored. \Z, because "$" also matches before a line feed
# at the end.
_IDENTIFIER = re.compile(r'[!-~]([ -~]{0,253}[!-~])?\Z')


def parse(body, compression=None):
    """Parse a message of oslo.messaging or of usermsg, in any envelope.

    :param body: bytes or text
    :param compression: kombu's name of the compression, if any
    :returns: a :class:`usermsg.listener.notification.Notification`
    :raises received_message.Malformed: it isn't a notification; no other
        error is raised, for any body
    """
    content, context = received_message.unwrap(body, compression, MAX_SIZE)
    for name in received_message.ATTRIBUTES:
        if name not in content:
            raise received_message.Malformed(f'It has no {name}.')
    return notification.Notification(
        message_id=_identifier(content, 'message_id'),
        publisher_id=_identifier(content, 'publisher_id'),
        event_type=_identifier(content, 'event_type'),
        priority=_priority(content['priority']),
        timestamp=_timestamp(content['timestamp']),
        payload=content['payload'],
        context={**context, **{
            name.removeprefix(_CONTEXT_PREFIX): value
            for name, value in content.items()
            if name.startswith(_CONTEXT_PREFIX)}})


def _identifier(content, name):
    value = content[name]
    if not isinstance(value, str) or not _IDENTIFIER.match(value):
        raise received_message.Malformed(
            f'Its {name} is not a text of 1 to 255 printable ASCII '
            f'characters.')
    return value


def _priority(value):
    if (not isinstance(value, str) or
            value.lower() not in received_message.PRIORITIES):
        raise received_message.Malformed('Its priority does not exist.')
    return value.upper()


def _timestamp(value):
    if isinstance(value, str):
        try:
            return validation.time('timestamp', value)
        except exception.InvalidInput:
            pass
    raise received_message.Malformed('Its timestamp is not an ISO 8601 time.')
