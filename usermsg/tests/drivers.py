# SPDX-License-Identifier: Apache-2.0
"""Drivers of the tests' own, and entries for them in an outbox."""

from concurrent import futures
import datetime
import queue
import threading

from usermsg.db import models
from usermsg.notifications import errors
from usermsg.notifications import notification
from usermsg.objects import ids
from usermsg.objects import outbox as entries


class Driver:
    """Delivers one after the other.

    :param judge: called with each notification; what it raises is why that
        isn't delivered
    """

    def __init__(self, judge=lambda body: None):
        self.judge = judge
        self.delivered = []
        self.tried = []

    def notify(self, ctxt, msg, priority, retry):
        self.tried.append(msg['message_id'])
        self.judge(msg)
        self.delivered.append(msg)

    def ids(self):
        return [body['message_id'] for body in self.delivered]


class Window(Driver):
    """Delivers what comes at once together: all of it, or what it judges.

    :param together: whether one that can't be delivered takes all the
        others that are under way with it
    """

    def __init__(self, judge=lambda body: None, together=True):
        super().__init__(judge)
        self._together = together
        self._coming = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, ctxt, msg, priority):
        future = futures.Future()
        self._coming.put((future, msg))
        return future

    def close(self):
        self._coming.put(None)
        self._thread.join()

    def _run(self):
        ended = False
        while not ended and (first := self._coming.get()) is not None:
            window = [first]
            try:
                # As long as they follow each other closely.
                while (one := self._coming.get(timeout=0.01)) is not None:
                    window.append(one)
                ended = True
            except queue.Empty:
                pass
            self._confirm(window)

    def _confirm(self, window):
        failures = {}
        window = [(future, body) for future, body in window
                  if future.set_running_or_notify_cancel()]
        for _future, body in window:
            self.tried.append(body['message_id'])
            try:
                self.judge(body)
            except Exception as error:
                failures[body['message_id']] = error
        for future, body in window:
            error = failures.get(body['message_id'])
            if failures and self._together:
                error = errors.NotDelivered('connection lost')
            if error is None:
                self.delivered.append(body)
                future.set_result(None)
            else:
                future.set_exception(error)


def entry(number=0, driver='one', **values):
    """An entry of the outbox, so many seconds after the first.

    By default its content is its number, and it is about itself alone.
    """
    when = (datetime.datetime.now(datetime.timezone.utc) -
            datetime.timedelta(hours=1) + datetime.timedelta(seconds=number))
    naive = when.replace(tzinfo=None)
    values = {
        'id': ids.mint(when), 'driver': driver, 'shard': 0, 'set_aside': 0,
        'event_type': 'image.upload', 'priority': notification.INFO,
        'publisher_id': 'a host', 'subject': f'subject {number}',
        'occurred_at': naive, 'content': str(number), 'queued_at': naive,
        **values}
    return entries.Entry(**values)


def put(database, *found):
    """Into the outbox; returns the ids."""
    database.write(lambda connection: entries.insert(connection, found))
    return [one.id for one in found]


def clear_pauses(database):
    """As if what failed had waited for long enough."""
    with database.engine().begin() as connection:
        connection.execute(models.outbox.update().values(due_at=None))
