# SPDX-License-Identifier: Apache-2.0
"""Notifications of events, before a driver encodes them."""

import dataclasses
import datetime
import fnmatch
import json

from usermsg import exception
from usermsg import host
from usermsg.notifications import encoding
from usermsg.objects import ids

INFO = 'INFO'
WARN = 'WARN'
ERROR = 'ERROR'
PRIORITIES = (WARN, INFO, ERROR)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def is_disabled(event_type, disabled):
    """Return True if notifications of a type are not to be sent.

    :param disabled: values of ``[notifications] disabled``
    """
    return any(fnmatch.fnmatchcase(event_type, pattern)
               for pattern in disabled)


@dataclasses.dataclass(frozen=True)
class Notification:
    """One event, the same for all drivers and all delivery attempts.

    :param event_type: for example ``image.upload``
    :param payload: any object that every driver can encode, see
        :func:`usermsg.notifications.encoding.payload_to_json`
    :param subject: id of the resource; notifications of one subject are sent
        in order
    :param priority: one of ``PRIORITIES``
    :param publisher_id: name of the publisher; by default that of this host
    :param timestamp: time of the event, an aware datetime; by default now
    :param message_id: a UUID, the same in each delivery attempt; by default a
        new one
    :raises usermsg.exception.InvalidInput: names the invalid attribute
    """

    event_type: str
    payload: object
    subject: str = ''
    priority: str = INFO
    publisher_id: str = dataclasses.field(default_factory=host.name)
    timestamp: datetime.datetime = dataclasses.field(default_factory=now)
    message_id: str = ''
    #: The payload as JSON.
    content: str = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if self.priority not in PRIORITIES:
            raise exception.InvalidInput(
                'priority', f'must be one of {", ".join(PRIORITIES)}.')
        # At the caller, because a driver may only see it much later.
        object.__setattr__(self, 'content',
                           encoding.payload_to_json(self.payload))
        if not self.message_id:
            object.__setattr__(self, 'message_id', ids.mint(self.timestamp))

    def body(self):
        """Return the six attributes that drivers send, as a dict."""
        # Not the payload itself: it could have changed meanwhile.
        return build_body(
            self.event_type, json.loads(self.content), self.priority,
            self.publisher_id, self.timestamp, self.message_id)


def build_body(event_type, payload, priority, publisher_id, timestamp,
               message_id):
    """Return the body of a notification whose attributes are valid, a dict."""
    moment = timestamp.astimezone(datetime.timezone.utc)
    return {
        'message_id': message_id,
        'publisher_id': publisher_id,
        'event_type': event_type,
        'priority': priority,
        'timestamp': moment.strftime('%Y-%m-%d %H:%M:%S.%f'),
        'payload': payload,
    }
