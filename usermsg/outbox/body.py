# SPDX-License-Identifier: Apache-2.0
"""What is sent of an entry of the outbox."""

import orjson

from usermsg.db import clock
from usermsg.notifications import notification
from usermsg.objects import message as message_object
from usermsg.outbox import lifecycle

_OF_MESSAGES = 'message.'


def of(entry, catalogue):
    """The six fields of a notification: a dict.

    Of a message the outbox holds its columns as they were at that moment;
    of anything else the payload itself.

    :param entry: a :class:`usermsg.objects.outbox.Entry`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :raises ValueError, TypeError, KeyError: it can't be understood
    """
    payload = orjson.loads(entry.content)
    if entry.event_type.startswith(_OF_MESSAGES):
        payload = lifecycle.payload(
            entry.event_type, message_object.Message.from_row(payload),
            catalogue)
    return notification.Notification(
        entry.event_type, payload, entry.subject, entry.priority,
        entry.publisher_id,
        clock.aware(entry.occurred_at), entry.id).body()
