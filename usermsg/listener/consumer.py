# SPDX-License-Identifier: Apache-2.0
"""Loop that stores the notifications of one source.

A batch is acknowledged after its transactions are committed. A process that
is killed before leaves it to the broker, which delivers it again.
"""

import random
import time

from oslo_log import log
from prometheus_client import core

from usermsg.db import clock as db_clock
from usermsg import exception
from usermsg.notifications.drivers.rabbit import received_message

LOG = log.getLogger(__name__)

#: Seconds between two checks for the end.
_POLL_INTERVAL = 1

#: Seconds between two attempts while the database is unavailable, each of
#: which is logged.
_DATABASE_DELAY = 5

#: Maximum of the seconds between two attempts to connect.
_MAX_DELAY = 30

#: Maximum of the seconds for which one pass of the loop takes, unless it was
#: interrupted.
_MAX_PASS = 2 * _POLL_INTERVAL


class Collector:
    """Prometheus collector of values that only this process has.

    :param consumers: a list of :class:`Consumer`
    """

    def __init__(self, consumers):
        self._consumers = consumers

    def collect(self):
        connected = core.GaugeMetricFamily(
            'usermsg_listener_connected',
            '1 while the listener is connected to the broker.',
            labels=('transport',))
        lag = core.GaugeMetricFamily(
            'usermsg_listener_lag_seconds',
            'Age of the newest notification of the current batch; 0 while '
            'none waits.', labels=('transport',))
        for each in self._consumers:
            connected.add_metric((each.name,), int(each.is_connected))
            lag.add_metric((each.name,), each.lag)
        return [connected, lag]


class Consumer:
    """Consumer of one source, in a thread of its own.

    :ivar is_connected: True while it is connected to the broker
    :param db: a :class:`usermsg.db.engine.Database`
    :param source: a :class:`usermsg.listener.source.Source`
    :param processor: a :class:`usermsg.listener.processor.Processor`
    :param clock: function that returns seconds since 1970
    :param monotonic: function that returns the time in seconds
    """

    def __init__(self, db, source, processor, clock=time.time,
                 monotonic=time.monotonic):
        self.name = source.name
        self._db = db
        self._source = source
        self._processor = processor
        self._clock = clock
        self._monotonic = monotonic
        # Of the last pass, and of the first one after an interruption.
        self._passed_at = self._steady_since = None
        self.is_connected = False
        # Seconds since 1970, None while no notification waits.
        self._newest = None

    @property
    def lag(self):
        """Age in seconds of the newest notification of the current batch.

        0 while none waits.
        """
        newest = self._newest
        return 0.0 if newest is None else max(0.0, self._clock() - newest)

    def run(self, stop):
        """Consume until an event is set; then finish the current batch."""
        failures = 0
        while not stop.is_set():
            reason = None
            try:
                address = self._source.open(stop)
                LOG.info('The listener receives notifications of the '
                         'transport %s from %s', self.name, address)
                self.is_connected = True
                failures = 0
                self._consume(stop)
            except received_message.ConnectionLost as error:
                reason = str(error)
            except Exception:
                LOG.exception('The listener failed on the transport %s, and '
                              'will connect again', self.name)
            # Outside the except clause: oslo.log would add the exception to
            # the line, and the reason would be there twice.
            if reason and not failures and not stop.is_set():
                LOG.error('The listener has no connection to the transport '
                          '%s, and tries to connect until it has one: %s',
                          self.name, reason)
            self.is_connected = False
            # Unacknowledged notifications go back to the queue.
            self._source.close()
            failures += 1
            stop.wait(self._backoff(failures))

    def _backoff(self, failures):
        delay = min(2 ** min(failures - 1, 10), _MAX_DELAY)
        return delay * (0.5 + random.random() / 2)  # nosec B311

    def is_steady(self, seconds):
        """Return True if it wasn't interrupted for so many seconds.

        Neither the broker nor the database was unavailable, or slow. So what
        was sent at about the same time has arrived at about the same time.
        """
        now = self._monotonic()
        return (self._passed_at is not None and
                now - self._passed_at <= _MAX_PASS and
                now - self._steady_since >= seconds)

    def _note_pass(self):
        now = self._monotonic()
        if self._passed_at is None or now - self._passed_at > _MAX_PASS:
            self._steady_since = now
        self._passed_at = now

    def _consume(self, stop):
        while not stop.is_set():
            self._note_pass()
            batch = self._source.read(_POLL_INTERVAL)
            if not batch:
                self._newest = None
            elif self._store(batch, stop):
                self._source.acknowledge(batch)

    def _store(self, batch, stop):
        """Store a batch; wait with it while the database is unavailable.

        :returns: True if it was stored, False if the event was set before
        :raises received_message.ConnectionLost: the connection was lost
            meanwhile; the broker delivers the batch again
        """
        handled = self._processor.prepare(batch)
        self._newest = max((
            entry.notification.timestamp.timestamp() for entry in handled
            if entry.notification), default=self._newest)
        while True:
            try:
                self._processor.store(handled)
                break
            except exception.DatabaseUnavailable:
                pass  # has been logged already
            LOG.error('%d notifications of the transport %s wait for the '
                      'database', len(batch), self.name)
            if not self._wait_for_database(stop):
                return False
        return True

    def _wait_for_database(self, stop):
        """Wait; return False if the event is set before the end."""
        while not stop.is_set():
            # Keeps the connection to the broker alive, so that the broker
            # doesn't deliver the batch to other workers, which would wait
            # as well.
            end = time.monotonic() + _DATABASE_DELAY
            while not stop.is_set() and time.monotonic() < end:
                self._source.wait(_POLL_INTERVAL)
            try:
                db_clock.read(self._db)
                return True
            except exception.DatabaseUnavailable:
                pass
        return False
