# SPDX-License-Identifier: Apache-2.0
"""The lifecycle of user messages, told to other systems."""

from usermsg.objects import message_payload
from usermsg.outbox import event_types

#: Event type -> its place in what is told of one message. A message is either
#: deleted or expires, and nothing else is told of it after that.
SEQUENCE = {
    event_types.MESSAGE_CREATE: 1,
    event_types.MESSAGE_DELETE: 2,
    event_types.MESSAGE_EXPIRE: 2,
}


def payload(event_type, message, catalogue):
    """What a notification says of a message.

    :param event_type: one of ``SEQUENCE``
    :param message: a :class:`usermsg.objects.message.Message`
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`; of an
        event that it doesn't hold there is a general text
    :returns: a dict that JSON can hold: the primitive of a
        :class:`usermsg.objects.message_payload.MessagePayload`
    """
    return message_payload.MessagePayload.primitive_of(
        message, catalogue.describe(message.event_id).user_message,
        SEQUENCE[event_type])
