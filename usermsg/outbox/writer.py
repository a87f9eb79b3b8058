# SPDX-License-Identifier: Apache-2.0
"""Writing of notifications to the outbox, which the relay delivers.

An accepted notification is never lost: it is stored in the transaction that
makes the reported change, and :mod:`usermsg.outbox.relay` deletes it after the
delivery. The writers never wait for a broker.
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
from usermsg.notifications import notification as notifications
from usermsg.objects import ids
from usermsg.objects import outbox as entries
from usermsg.outbox import event_types
from usermsg import validation

#: A driver that sends nothing, for which no entries are stored.
NOOP = 'noop'

#: Maximum bytes of a payload as JSON, since many are read at a time.
MAX_PAYLOAD = 256 * 1024

_MICROSECOND = datetime.timedelta(microseconds=1)
_MAX_LENGTHS = {name: models.outbox.c[column].type.length for name, column in (
    ('message_id', 'id'), ('event_type', 'event_type'),
    ('publisher_id', 'publisher_id'), ('subject', 'subject'))}


class Outbox:
    """Storage of notifications for the configured drivers.

    :param db: a :class:`usermsg.db.engine.Database`
    :param conf: the configuration; ``[oslo_messaging_notifications] driver``,
        ``[notifications]`` and ``[messages] record_timeout`` are read
    """

    def __init__(self, db, conf):
        self._db = db
        self.drivers = configured_drivers(conf)
        self._deadline = bounded_call.Deadline(conf.messages.record_timeout,
                                               name='usermsg-outbox')
        self._publisher_id = publisher_id(conf)
        self._disabled = conf.notifications.disabled

    def send(self, notification):
        """Store a :class:`usermsg.notifications.notification.Notification`.

        :raises usermsg.exception.InvalidInput: a value can't be stored
        :raises usermsg.exception.DatabaseUnavailable: no response within
            ``[messages] record_timeout`` seconds; the notification may be
            stored nevertheless
        """
        if not self.drivers:
            return
        subject = notification.subject or notification.message_id
        for name, max_length in _MAX_LENGTHS.items():
            value = getattr(notification, name)
            if value or name != 'subject':
                validation.identifier(name, value, max_length)
        if len(notification.content.encode()) > MAX_PAYLOAD:
            raise exception.InvalidInput(
                'payload', f'must not be longer than {MAX_PAYLOAD} bytes.')
        rows = self._rows(
            id=notification.message_id, shard=shard_of(subject),
            event_type=notification.event_type,
            priority=notification.priority,
            publisher_id=notification.publisher_id, subject=subject,
            occurred_at=clock.naive(notification.timestamp),
            content=notification.content, queued_at=_now())
        try:
            self._deadline.run(lambda: self._db.write(
                lambda connection: entries.insert(connection, rows)))
        except bounded_call.CallTimeout:
            # A frozen database must not block the caller's task.
            raise exception.DatabaseUnavailable() from None

    def recorder(self, event_type):
        """Return the function that stores notifications of an event type.

        :param event_type: of :mod:`usermsg.outbox.event_types`
        :returns: a function of the connection, whose transaction changes the
            messages, and of the messages' rows; None without a driver, and
            for a type that is disabled
        """
        if not self.drivers or notifications.is_disabled(
                event_type, self._disabled):
            return None
        return functools.partial(self._record, event_type)

    def _record(self, event_type, connection, rows):
        """Store one notification per message and driver.

        :param rows: :class:`usermsg.db.models.MessageRow` tuples
        """
        now = _now()
        outbox_rows = []
        for row in rows:
            # The message may have been created on another host, whose clock
            # may be ahead of this one: an event must be later than the
            # creation of its message.
            occurred_at = (
                row.created_at if event_type == event_types.MESSAGE_CREATE
                else max(now, row.created_at + _MICROSECOND))
            outbox_rows += self._rows(
                id=ids.mint(clock.aware(occurred_at)),
                shard=shard_of(row.project_id), event_type=event_type,
                priority='INFO', publisher_id=self._publisher_id,
                subject=row.id, occurred_at=occurred_at,
                content=orjson.dumps(tuple(row)).decode(), queued_at=now)
        entries.insert(connection, outbox_rows)

    def _rows(self, **values):
        """Return one row per driver."""
        return [models.OutboxRow(driver=driver, set_aside=0, attempts=0,
                                 due_at=None, reason=None, **values)
                for driver in self.drivers]


def _now():
    return clock.naive(datetime.datetime.now(datetime.timezone.utc))


def publisher_id(conf):
    """Return the ``publisher_id`` of this host's notifications."""
    return conf.notifications.publisher_id or host.name()


def configured_drivers(conf):
    """Return the names of the drivers that notifications are stored for."""
    return tuple(dict.fromkeys(
        name for name in conf.oslo_messaging_notifications.driver
        if name not in ('', NOOP)))


def shard_of(owner):
    """Return the shard of a project, or of a subject without a project."""
    return binascii.crc32(owner.encode()) % entries.SHARDS
