# SPDX-License-Identifier: Apache-2.0
"""The notification that an entry of the outbox stands for."""

import orjson

from usermsg.db import clock
from usermsg.notifications import notification
from usermsg.objects import message as message_object
from usermsg.objects import message_payload
from usermsg.outbox import event_types

#: Event type -> its place in what is told of one message. A message is either
#: deleted or expires, and nothing else is told of it after that.
SEQUENCE = {
    event_types.MESSAGE_CREATE: 1,
    event_types.MESSAGE_DELETE: 2,
    event_types.MESSAGE_EXPIRE: 2,
}


def of(entry, catalogue):
    """The six fields of a notification: a dict.

    Of a message the outbox holds its columns as they were at that moment;
    of anything else the payload itself.

    :param entry: a row of :mod:`usermsg.objects.outbox`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :raises ValueError, TypeError, KeyError: it can't be understood
    """
    payload = orjson.loads(entry.content)
    if entry.event_type.startswith('message.'):
        payload = of_message(
            entry.event_type, message_object.Message.from_row(payload),
            catalogue)
    return notification.Notification(
        entry.event_type, payload, entry.subject, entry.priority,
        entry.publisher_id, clock.aware(entry.occurred_at), entry.id).body()


def of_message(event_type, message, catalogue):
    """The payload of a notification of a message.

    :param event_type: one of ``SEQUENCE``
    :param message: a :class:`usermsg.objects.message.Message`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`; of an
        event that it doesn't hold there is a general text
    :returns: a dict that JSON can hold: the primitive of a
        :class:`usermsg.objects.message_payload.MessagePayload`
    """
    return message_payload.MessagePayload.build_primitive(
        message, catalogue.describe(message.event_id).user_message,
        SEQUENCE[event_type])
