# SPDX-License-Identifier: Apache-2.0
"""From the outbox to the drivers, at least once.

Each driver has a thread of its own, so that one whose broker is away holds up
no other. The outbox is cut into shards: whoever has the lease of a shard for
a driver sends what waits there, in its order. Any number of processes on any
number of hosts can do this.

An entry is forgotten only when the driver has said that it is delivered. A
process that ends between the two, or that freezes for longer than its lease,
leaves it to be sent again, with the same ``message_id``.
"""

import random
import threading
import time

from oslo_log import log

from usermsg.db import lease
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.objects import outbox as entries
from usermsg.outbox import delivery
from usermsg.outbox import relay_drivers
from usermsg.outbox import shard

LOG = log.getLogger(__name__)

#: Seconds; each attempt while there is no database is logged.
_DATABASE_PAUSE = 5

#: Seconds between two complaints that nothing can be delivered.
_QUIET = 600


class Relay:
    """Sends what waits for one driver.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param name: of the strategy
    :param driver: its driver
    """

    def __init__(self, runtime, name, driver):
        self.name = name
        self._runtime = runtime
        self._db = runtime.db
        self._options = runtime.conf.relay
        self._metrics = runtime.metrics
        self._delivery = delivery.Delivery(driver, max(
            min(delivery.longest(self._options.lease), shard.PATIENCE),
            loader.patience(driver)))
        self._random = random.Random()  # nosec B311
        self._failures = 0
        self._said = False
        self._quiet_until = 0
        self._seen = shard.Seen()
        self._shard = -1

    def run(self, stop):
        """Relay until an event is set; then end what is under way."""
        while not stop.is_set():
            pause = self._options.interval
            away = lost = None
            try:
                if self.round(stop):
                    pause = 0
            except shard.Away as error:
                away = str(error)
            except exception.DatabaseUnavailable:
                pause = max(pause, _DATABASE_PAUSE)  # has been logged
            except lease.Lost as error:
                lost = str(error)
            except Exception:
                LOG.exception('A round of the relay to %s failed', self.name)
            # Not while they are handled: oslo.log would say them twice.
            if away is not None:
                pause = self._away(away)
            elif lost is not None:
                LOG.warning('Relaying to %s ends early: %s.', self.name, lost)
            if self._seen.now:
                self._back()
            stop.wait(pause)

    def _away(self, away):
        """How long to wait, the longer the oftener."""
        self._failures += 1
        # One that can't be delivered may fail again and again, while others
        # are delivered in between.
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET
            self._said = True
            LOG.error('Notifications wait in the outbox, as %s cannot '
                      'deliver them: %s', self.name, away)
        self._metrics.notifications_away.inc(1, (self.name,))
        longest = min(2 ** min(self._failures - 1, 12),
                      self._options.max_backoff)
        return longest * (0.5 + self._random.random() / 2)

    def _back(self):
        if self._said:
            LOG.info('%s delivers again', self.name)
        self._said = False
        self._failures = 0

    def round(self, stop):
        """Send what waits in all shards that no other process works on.

        :returns: whether more waits that could be sent at once
        :raises usermsg.outbox.shard.Away: nothing can be delivered
        :raises usermsg.db.lease.Lost: this process froze for too long
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        self._seen.begin()
        more, away, in_a_row = False, None, 0
        for number in self._shards():
            if stop.is_set():
                break
            self._shard = number
            held = lease.Lease(self._db, f'relay-{self.name}-{number}',
                               self._options.lease)
            if not held.acquire():
                continue
            try:
                more |= shard.ShardPass(
                    self._runtime, self.name, self._delivery, number, held,
                    self._random, self._seen).run(stop)
                in_a_row = 0
            except shard.Away as error:
                # What waits here may be to blame: others have their turn.
                away = error
                in_a_row += 1
                if in_a_row == (shard.PROBES if self._seen.lately else 1):
                    break
            finally:
                self._release(held)
        if away is not None and not self._seen.now:
            raise away
        return more

    def _shards(self):
        """Those in which something waits, behind the last one first.

        Else one where nothing can be delivered would keep the relay from
        those behind it.
        """
        found = list(entries.shards(self._db, self.name))
        return ([number for number in found if number > self._shard] +
                [number for number in found if number <= self._shard])

    def _release(self, held):
        try:
            held.release()
        except exception.DatabaseUnavailable:
            pass  # it runs out by itself


class Relays:
    """The relays of all drivers, each in a thread of its own.

    :param runtime: a :class:`usermsg.service.Runtime`
    """

    def __init__(self, runtime):
        self._runtime = runtime

    def run(self, stop):
        """Relay until an event is set."""
        drivers = self._load(stop)
        relays = [Relay(self._runtime, name, drivers[name])
                  for name in self._runtime.outbox.drivers if name in drivers]
        threads = [threading.Thread(target=relay.run, args=(stop,),
                                    name=f'relay-{relay.name}')
                   for relay in relays]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        loader.close(drivers)

    def _load(self, stop):
        """The drivers, or none if the event is set before.

        They could be loaded when the worker was started. What is missing
        now, perhaps a certificate that is just being replaced, may come back.
        """
        said = None
        while not stop.is_set():
            try:
                # In this process: no connection goes over a fork.
                return relay_drivers.load(self._runtime.conf)
            except exception.ConfigurationError as error:
                if str(error) != said:
                    said = str(error)
                    LOG.error('Notifications stay in the outbox: %s', error)
            stop.wait(self._runtime.conf.relay.max_backoff)
        return {}
