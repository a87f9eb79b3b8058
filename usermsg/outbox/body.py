# SPDX-License-Identifier: Apache-2.0
"""Conversion of outbox entries to notifications."""

import datetime
import json

import orjson

from usermsg.db import clock
from usermsg.notifications import notification
from usermsg.objects import message as message_object
from usermsg.objects import message_payload
from usermsg.outbox import event_types

#: Event type -> its position among the notifications of one message. A
#: message is either deleted or expires, and has no notification after that.
SEQUENCE = {
    event_types.MESSAGE_CREATE: 1,
    event_types.MESSAGE_DELETE: 2,
    event_types.MESSAGE_EXPIRE: 2,
}


def build_body(entry, catalogue):
    """Return the six fields of a notification, a dict.

    For a message the entry's content is the message's columns at the time of
    the event; for any other subject it is the payload.

    :param entry: a row of :mod:`usermsg.objects.outbox`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :raises ValueError, TypeError, KeyError: the content is malformed
    """
    if entry.event_type.startswith('message.'):
        *values, created_at, expires_at = orjson.loads(entry.content)
        payload = build_message_payload(
            entry.event_type, message_object.Message.from_row((
                *values, datetime.datetime.fromisoformat(created_at),
                datetime.datetime.fromisoformat(expires_at))), catalogue)
    else:
        # orjson would read large integers as floats.
        payload = json.loads(entry.content)
    # Not an object, which would encode the payload in order to check it.
    return notification.build_body(
        entry.event_type, payload, entry.priority, entry.publisher_id,
        clock.aware(entry.occurred_at), entry.id)


def build_message_payload(event_type, message, catalogue):
    """Return the payload of a notification about a message.

    :param event_type: one of ``SEQUENCE``
    :param message: a :class:`usermsg.objects.message.Message`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`; an
        event that it doesn't define has a general text
    :returns: a dict of JSON types: the primitive of a
        :class:`usermsg.objects.message_payload.MessagePayload`
    """
    return message_payload.MessagePayload.build_primitive(
        message, catalogue.describe(message.event_id).user_message,
        SEQUENCE[event_type])
