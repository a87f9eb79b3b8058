# SPDX-License-Identifier: Apache-2.0
"""Messages that services report over the bus, see :mod:`usermsg.message.bus`.

The sender has validated them with its own catalogue, but the listener trusts
neither its version nor its network.
"""

from usermsg import exception
from usermsg.listener import failure_key
from usermsg.message import bus
from usermsg.message import schemas

#: Label of metrics, in place of a rule.
RULE = 'report'


def is_report(notification):
    return notification.event_type == bus.EVENT_TYPE


def build_message(api, notification, now):
    """Return the :class:`usermsg.objects.message.NewMessage` of a report.

    A repeated delivery is recorded once: without a key of the service, the id
    of the notification is the key.

    :param api: a :class:`usermsg.message.api.API`
    :param notification: a
        :class:`usermsg.listener.notification.Notification`
    :param now: current time, an aware datetime; the message isn't later
    :raises usermsg.exception.InvalidInput: names the invalid attribute
    """
    if not isinstance(notification.payload, dict):
        raise exception.InvalidInput('payload', 'must be an object.')
    if not notification.payload.keys() <= schemas.REPORT['properties'].keys():
        # An error of the schema would repeat the name, a text of the sender.
        raise exception.InvalidInput('payload', 'has unknown attributes.')
    values = dict(schemas.report().check(notification.payload, 'payload'))
    key = None
    if values['source_id'] is None:
        # Not the id itself, which the sender could choose to be the key of
        # another failure.
        key = failure_key.PREFIX + failure_key.notification_key(
            RULE, notification.message_id)
    return api.new_message(
        values, created_at=min(notification.timestamp, now),
        reserved_source_id=key)
