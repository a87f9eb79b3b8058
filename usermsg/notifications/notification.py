# SPDX-License-Identifier: Apache-2.0
"""Notifications of events, before a driver encodes them."""

import dataclasses
import datetime
import fnmatch
import json

from usermsg import exception
from usermsg import host
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
    :param payload: any object that JSON can represent
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

    def __post_init__(self):
        if self.priority not in PRIORITIES:
            raise exception.InvalidInput(
                'priority', f'must be one of {", ".join(PRIORITIES)}.')
        try:
            json.dumps(self.payload, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            # Without the original text, which could repeat the payload.
            raise exception.InvalidInput(
                'payload', 'cannot be encoded as JSON.') from None
        if not self.message_id:
            object.__setattr__(self, 'message_id', ids.mint(self.timestamp))

    def body(self):
        """Return the six attributes that drivers send, as a dict."""
        moment = self.timestamp.astimezone(datetime.timezone.utc)
        return {
            'message_id': self.message_id,
            'publisher_id': self.publisher_id,
            'event_type': self.event_type,
            'priority': self.priority,
            'timestamp': moment.strftime('%Y-%m-%d %H:%M:%S.%f'),
            'payload': self.payload,
        }
