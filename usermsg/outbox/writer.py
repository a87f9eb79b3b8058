# SPDX-License-Identifier: Apache-2.0
"""What puts notifications into the outbox, from where a relay takes them.

What the outbox has accepted is never lost: it is stored in one transaction
with what it tells of, and :mod:`usermsg.outbox.relay` forgets it when
it was delivered. Nobody who writes here waits for a broker.
"""

import binascii
import datetime
import functools

import orjson

from usermsg.concurrency import bounded_call
from usermsg.db import clock
from usermsg.db import models
from usermsg import exception
from usermsg import host
from usermsg.objects import ids
from usermsg.objects import outbox as entries
from usermsg.outbox import event_types
from usermsg import validation

#: A strategy that sends nothing: nothing is stored for it.
NOOP = 'noop'

#: Bytes of a payload, as JSON, at most: many are read at a time.
MAX_PAYLOAD = 256 * 1024

_MICROSECOND = datetime.timedelta(microseconds=1)
_LENGTHS = {name: models.outbox.c[column].type.length for name, column in (
    ('message_id', 'id'), ('event_type', 'event_type'),
    ('publisher_id', 'publisher_id'), ('subject', 'subject'))}


class Outbox:
    """Stores notifications for the drivers that are configured.

    :param db: a :class:`usermsg.db.engine.Database`
    :param conf: where ``[oslo_messaging_notifications] driver`` and
        ``[notifications]`` are read
    """

    def __init__(self, db, conf):
        self._db = db
        self.drivers = configured(conf)
        self._deadline = bounded_call.Deadline(conf.messages.record_timeout,
                                               name='usermsg-outbox')
        self._publisher_id = publisher_id(conf)

    def send(self, notification):
        """Accept a :class:`usermsg.notifications.notification.Notification`.

        :raises usermsg.exception.InvalidInput: a value can't be stored
        :raises usermsg.exception.DatabaseUnavailable: not within ``[messages]
            record_timeout`` seconds; it may be stored all the same
        """
        if not self.drivers:
            return
        subject = notification.subject or notification.message_id
        for name, longest in _LENGTHS.items():
            value = getattr(notification, name)
            if value or name != 'subject':
                validation.identifier(name, value, longest)
        try:
            content = orjson.dumps(notification.payload).decode()
        except TypeError:
            # Numbers of more than 64 bits and keys that are no strings, for
            # example. Without its words, which could repeat the payload.
            raise exception.InvalidInput(
                'payload', 'cannot be stored as JSON.') from None
        if len(content.encode()) > MAX_PAYLOAD:
            raise exception.InvalidInput(
                'payload', f'must not be longer than {MAX_PAYLOAD} bytes.')
        rows = self._rows(
            id=notification.message_id, shard=shard_of(subject),
            event_type=notification.event_type,
            priority=notification.priority,
            publisher_id=notification.publisher_id, subject=subject,
            occurred_at=clock.naive(notification.timestamp),
            content=content, queued_at=_now())
        try:
            self._deadline.run(lambda: self._db.write(
                lambda connection: entries.insert(connection, rows)))
        except bounded_call.CallTimeout:
            # A frozen database would hold up the caller's own task.
            raise exception.DatabaseUnavailable() from None

    def recorder(self, event_type):
        """What stores that something happened to messages.

        :param event_type: of :mod:`usermsg.outbox.event_types`
        :returns: a function of the connection, in whose transaction it
            happened, and of the messages' rows; None if nothing is to be
            told
        """
        return functools.partial(
            self._tell, event_type) if self.drivers else None

    def _tell(self, event_type, connection, rows):
        """Store one notification of each message, for each driver.

        :param rows: :class:`usermsg.db.models.MessageRow` tuples
        """
        now = _now()
        told = []
        for row in rows:
            # The clock of another host made it, which may be ahead of ours:
            # what happens to a message comes after it was made.
            when = (row.created_at
                    if event_type == event_types.MESSAGE_CREATE else
                    max(now, row.created_at + _MICROSECOND))
            told += self._rows(
                id=ids.mint(clock.aware(when)),
                shard=shard_of(row.project_id), event_type=event_type,
                priority='INFO', publisher_id=self._publisher_id,
                subject=row.id, occurred_at=when,
                content=orjson.dumps(tuple(row)).decode(), queued_at=now)
        entries.insert(connection, told)

    def _rows(self, **values):
        """One row for each driver."""
        return [models.OutboxRow(driver=driver, set_aside=0, attempts=0,
                                 due_at=None, reason=None, **values)
                for driver in self.drivers]


def _now():
    return clock.naive(datetime.datetime.now(datetime.timezone.utc))


def publisher_id(conf):
    """Who notifications of this host come from."""
    return conf.notifications.publisher_id or host.name()


def configured(conf):
    """The names of the drivers that notifications are stored for."""
    return tuple(dict.fromkeys(
        name for name in conf.oslo_messaging_notifications.driver
        if name not in ('', NOOP)))


def shard_of(owner):
    """The shard of a project, or of something that has none."""
    return binascii.crc32(owner.encode()) % entries.SHARDS
