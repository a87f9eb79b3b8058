# SPDX-License-Identifier: Apache-2.0
"""From the outbox to the drivers, at least once.

Each driver has a relay of its own in a thread, so that one whose broker is
away holds up no other. The outbox is cut into shards: whoever has the lease of
a shard for a driver sends what waits there, in its order. Any number of
processes on any number of hosts can do this.

A batch holds what waits in several shards, so that a broker which takes long
to confirm is waited for once. No more than a batch is under way for a driver.

An entry is forgotten only when the driver has said that it is delivered. A
process that ends between the two, or that freezes for longer than its lease,
leaves it to be sent again, with the same ``message_id``.
"""

import functools
import random
import threading
import time

from oslo_log import log

from usermsg.db import clock
from usermsg.db import lease
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.notifications import errors
from usermsg.objects import outbox
from usermsg.outbox import delivery
from usermsg.outbox import failure_policy
from usermsg.outbox import shard

LOG = log.getLogger(__name__)

#: Seconds that sending a batch takes at most, unless its driver says that it
#: may take longer.
_BATCH_TIMEOUT = 20

#: Seconds; each attempt while there is no database is logged.
_DATABASE_PAUSE = 5

#: Seconds between two complaints that nothing can be delivered.
_QUIET = 600


class Unavailable(Exception):
    """Nothing can be delivered through a driver now."""


class Relay:
    """Sends what waits for one driver.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param name: of the strategy
    :param driver: its driver
    """

    def __init__(self, runtime, name, driver):
        self.name = name
        self._db = runtime.db
        self._options = options = runtime.conf.relay
        self._metrics = runtime.metrics
        self._policy = failure_policy.FailurePolicy(
            options.max_attempts, options.max_backoff, options.max_age)
        self._delivery = delivery.Delivery(
            driver, runtime.catalogue,
            max(min(delivery.longest(options.lease_ttl), _BATCH_TIMEOUT),
                loader.timeout(driver)))
        self._failures = 0
        self._logged = False
        self._quiet_until = 0
        self._last_shard = -1

    def run(self, stop):
        """Relay until an event is set; then end what is under way."""
        while not stop.is_set():
            pause = self._options.interval
            problem = None
            try:
                if self.run_once(stop):
                    pause = 0
            except (Unavailable, lease.LeaseLost) as error:
                problem = error
            except exception.DatabaseUnavailable:
                pause = max(pause, _DATABASE_PAUSE)  # has been logged
            except Exception:
                LOG.exception('A round of the relay to %s failed', self.name)
            # Not while it is handled: oslo.log would say it twice.
            if isinstance(problem, Unavailable):
                pause = self._back_off(problem)
            elif problem:
                LOG.warning('Relaying to %s ends early: %s.',
                            self.name, problem)
            if self._delivery.delivered:
                self._recover()
            stop.wait(pause)

    def _back_off(self, reason):
        """Return how many seconds to wait, the more the oftener."""
        self._failures += 1
        # One that can't be delivered may fail again and again, while others
        # are delivered in between.
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET
            self._logged = True
            LOG.error('Notifications wait in the outbox, as %s cannot '
                      'deliver them: %s', self.name, reason)
        self._metrics.driver_unavailable.inc(1, (self.name,))
        return self._policy.backoff(
            self._failures, random.random())  # nosec B311

    def _recover(self):
        if self._logged:
            LOG.info('%s delivers again', self.name)
        self._logged = False
        self._failures = 0

    def run_once(self, stop):
        """Send what waits in all shards that no other process works on.

        :returns: whether more waits that could be sent at once
        :raises Unavailable: nothing can be delivered
        :raises usermsg.db.lease.LeaseLost: this process froze for too long
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        self._delivery.begin_pass()
        numbers = list(outbox.shards(self._db, self.name))
        # Behind the last one first: else one where nothing can be delivered
        # would keep the relay from those behind it.
        numbers.sort(key=lambda number: (number <= self._last_shard, number))
        shards = shard.Shards(self._db, self.name, numbers, self._options)
        error, in_a_row = None, 0
        try:
            while numbers and not stop.is_set():
                now = clock.read(self._db)
                batch = shards.take(
                    functools.partial(self._policy.is_due, now=now))
                if not batch:
                    break
                self._last_shard = batch[0].shard
                error = self._relay(shards, batch, now, stop)
                # What was in it may be to blame: others have their turn.
                in_a_row = in_a_row + 1 if error else 0
                if error and (in_a_row == failure_policy.PROBES or
                              not self._delivery.works):
                    break
        finally:
            shards.release()
        if error and not self._delivery.delivered:
            raise Unavailable(outbox.words(str(error)))
        return shards.has_more and self._delivery.delivered > 0

    def _relay(self, shards, batch, now, stop):
        """Send a batch, and store what became of it.

        :returns: the error, if nothing seems to work any more
        """
        expired = {entry.id: errors.Rejected(failure_policy.TOO_OLD)
                   for entry in batch if self._policy.is_too_old(entry, now)}
        results, error = self._delivery.deliver(
            [entry for entry in batch if entry.id not in expired],
            shards.renew, stop)
        results |= expired
        decision = self._policy.decide(
            [(entry, results[entry.id]) for entry in batch
             if entry.id in results], self._delivery.works)
        self._store(shards, decision)
        shards.settle(set(results), {
            retry.entry.subject for retry in decision.retries}.union(
                entry.subject for entry in batch
                if error and entry.id not in results))
        return error

    def _store(self, shards, decision):
        now = clock.read(self._db) if decision.retries else None

        def write(connection):
            if decision.delivered:
                outbox.delete(connection, self.name, decision.delivered)
            for retry in decision.retries:
                outbox.postpone(
                    connection, self.name, [retry.entry.id],
                    now + retry.delay, retry.reason, retry.failures)
            for reason, idents in decision.dead_letters.items():
                outbox.set_aside(connection, self.name, idents, reason)

        shards.write(write)
        label = (self.name,)
        self._metrics.notifications_delivered.inc(
            len(decision.delivered), label)
        self._metrics.delivery_failures.inc(
            sum(retry.failures for retry in decision.retries), label)
        for reason, idents in decision.dead_letters.items():
            self._metrics.notifications_dead_lettered.inc(len(idents), label)
            LOG.error('Set aside %d notifications that %s did not deliver: '
                      '%s The first is %s. See "usermsg-manage outbox list".',
                      len(idents), self.name, outbox.words(reason), idents[0])


def run_all(runtime, stop):
    """Relay to all drivers, each in a thread, until an event is set.

    :param runtime: a :class:`usermsg.service.Runtime`
    """
    drivers = _wait_for_drivers(runtime.conf, stop)
    threads = [threading.Thread(
        target=Relay(runtime, name, drivers[name]).run,
        args=(stop,), name=f'relay-{name}')
        for name in runtime.outbox.drivers if name in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loader.close(drivers)


def _wait_for_drivers(conf, stop):
    """The drivers, or none if the event is set before.

    They could be loaded when the worker was started. What is missing now,
    perhaps a certificate that is just being replaced, may come back.
    """
    logged = None
    while not stop.is_set():
        try:
            # In this process: no connection goes over a fork.
            return load_drivers(conf)
        except exception.ConfigurationError as error:
            if str(error) != logged:
                logged = str(error)
                LOG.error('Notifications stay in the outbox: %s', error)
        stop.wait(conf.relay.max_backoff)
    return {}


def load_drivers(conf):
    """All drivers that are configured, as for anyone who sends.

    A driver that we can't wait for would deliver the same again and again.

    :returns: as :func:`usermsg.notifications.drivers.loader.load`
    :raises usermsg.exception.ConfigurationError: also, if one may take too
        long
    """
    drivers = loader.load(conf)
    most = delivery.longest(conf.relay.lease_ttl)
    for driver in drivers.values():
        if loader.timeout(driver) > most:
            loader.close(drivers)
            raise exception.ConfigurationError(
                f'{driver.timeout_option}: {driver.timeout:g} seconds are '
                f'too many for usermsg-worker, which can wait for a third of '
                f'[relay] lease_ttl at most: {most:g} seconds.')
    return drivers
