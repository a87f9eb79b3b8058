# SPDX-License-Identifier: Apache-2.0
"""Ids and times of new messages, by the clock of this host.

A message has its id before its transaction is committed. A program that
follows the messages in the order of their ids would pass over one that is
committed late, so lists for such programs hold back what is younger than
``[api] follow_delay``. This works only if no message is committed with an id
that is older: a transaction that took too long, for example because it waited
for a lock, is rolled back, and its messages get new ids.
"""

import dataclasses
import datetime

from usermsg.db import clock
from usermsg.objects import ids

_MICROSECOND = datetime.timedelta(microseconds=1)


class StaleStamp(Exception):
    """New messages have ids that are too old to be committed."""


class Stamper:
    """Checks and renews ids and times.

    :param now: function that returns the current time, an aware datetime
    :param max_age: maximum age of an id when its transaction is committed, a
        timedelta
    """

    def __init__(self, now, max_age):
        self._now = now
        self._max_age = max_age

    def is_current(self, new_messages):
        """Return False if a message must not be committed with its id.

        :param new_messages: :class:`usermsg.objects.message.NewMessage`
            objects
        """
        now = clock.naive(self._now())
        # A time in the future is of a clock that went back since then, by
        # which the age can't be computed.
        return now - self._max_age <= min(
            (new_message.row.created_at for new_message in new_messages),
            default=now) <= now

    def check(self, new_messages):
        """Raise :class:`StaleStamp` unless :meth:`is_current`.

        As the last step of a transaction, to roll it back.
        """
        if not self.is_current(new_messages):
            raise StaleStamp()

    def renew(self, new_messages):
        """Return the messages with new ids and times, in the same order.

        Each is kept for as long as before.
        """
        now = self._now()
        return [_stamp(new_message, now + number * _MICROSECOND)
                for number, new_message in enumerate(new_messages)]


def _stamp(new_message, created_at):
    row = new_message.row
    naive = clock.naive(created_at)
    return dataclasses.replace(new_message, row=row._replace(
        id=ids.mint(created_at), created_at=naive,
        expires_at=naive + (row.expires_at - row.created_at)))
