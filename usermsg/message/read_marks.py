# SPDX-License-Identifier: Apache-2.0
"""Read marks of users, each for the messages of one project."""

import datetime

from usermsg import exception
from usermsg.message import api
from usermsg.objects import ids
from usermsg.objects import read_mark
from usermsg import validation


class ReadMarks:
    """Marks of the users of contexts. Thread-safe and fork-safe.

    All tokens of a user for a project share a mark, also those of application
    credentials.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param now: function that returns the current time, an aware datetime
    """

    def __init__(self, runtime, now=api.utc_now):
        self._db = runtime.db
        self._follow_delay = datetime.timedelta(
            seconds=runtime.conf.api.follow_delay)
        self._now = now

    def get(self, context):
        """Return the position of the mark of a context; None without one.

        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        try:
            return read_mark.get(self._db, *_key(context))
        except exception.InvalidInput:
            return None  # such a user can't have set one

    def advance(self, context, position):
        """Move the mark forward; return its position, which may be another.

        A mark never moves backwards. It isn't later than the current time
        less the follow delay, so that a message that is committed late is not
        taken for read.

        :param position: id of the newest message that was read; any UUID
        :raises usermsg.exception.InvalidInput: the position isn't a UUID, or
            the ids of the context can't be stored
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        position = min(
            validation.uuid('message', position),
            ids.lower_bound(self._now() - self._follow_delay))
        key = _key(context)
        read_mark.advance(self._db, *key, position)
        return read_mark.get(self._db, *key)


def _key(context):
    return (
        validation.identifier('project_id', context.project_id,
                              validation.PROJECT_ID),
        validation.identifier('user_id', context.user_id,
                              validation.USER_ID))
