# SPDX-License-Identifier: Apache-2.0
"""What happened, as it is told to other systems."""

import dataclasses
import datetime
import json

from usermsg import exception
from usermsg import host
from usermsg.objects import ids

INFO = 'INFO'
WARN = 'WARN'
ERROR = 'ERROR'
PRIORITIES = (WARN, INFO, ERROR)


def _now():
    return datetime.datetime.now(datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Notification:
    """One event, however often and through whatever it is sent.

    :param event_type: such as ``image.upload``
    :param payload: what JSON can hold
    :param subject: the id of what it is about: notifications of one subject
        are sent in their order
    :param priority: one of ``PRIORITIES``
    :param publisher_id: who tells it; the name of this host if left out
    :param timestamp: when it happened, an aware datetime; now if left out
    :param message_id: a UUID, the same each time that it is sent; a new one
        if left out
    :raises usermsg.exception.InvalidInput: names what can't be sent
    """

    event_type: str
    payload: object
    subject: str = ''
    priority: str = INFO
    publisher_id: str = dataclasses.field(default_factory=host.name)
    timestamp: datetime.datetime = dataclasses.field(default_factory=_now)
    message_id: str = ''

    def __post_init__(self):
        if self.priority not in PRIORITIES:
            raise exception.InvalidInput(
                'priority', f'must be one of {", ".join(PRIORITIES)}.')
        try:
            json.dumps(self.payload, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            # Without its words, which could repeat the payload.
            raise exception.InvalidInput(
                'payload', 'cannot be written as JSON.') from None
        if not self.message_id:
            object.__setattr__(self, 'message_id', ids.mint(self.timestamp))

    def body(self):
        """The six attributes of every notification: what drivers send."""
        moment = self.timestamp.astimezone(datetime.timezone.utc)
        return {
            'message_id': self.message_id,
            'publisher_id': self.publisher_id,
            'event_type': self.event_type,
            'priority': self.priority,
            'timestamp': moment.strftime('%Y-%m-%d %H:%M:%S.%f'),
            'payload': self.payload,
        }
