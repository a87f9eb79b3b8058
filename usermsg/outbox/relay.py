# SPDX-License-Identifier: Apache-2.0
"""At-least-once delivery from the outbox to the drivers.

Each driver has its own relay in its own thread, so that an unavailable broker
delays no other driver. The outbox is divided into shards: the process that
holds the lease of a shard for a driver sends the shard's pending entries in
their order. Any number of processes on any number of hosts can run relays.

A batch contains pending entries of several shards, so that the relay waits
only once for a broker that is slow to confirm. At most one batch per driver is
in flight.

An entry is deleted only after the driver has confirmed the delivery. If the
process ends in between, or freezes for longer than its lease, the entry is
sent again, with the same ``message_id``.
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

#: Maximum seconds for sending a batch, unless the driver's timeout is longer.
_BATCH_TIMEOUT = 20

#: Minimum delay in seconds while the database is unavailable, since each
#: attempt is logged.
_DATABASE_DELAY = 5

#: Minimum seconds between two log lines about an unavailable broker.
_LOG_INTERVAL = 600


class Unavailable(Exception):
    """No delivery through a driver is possible at the moment."""


class Relay:
    """Relay of the pending entries for one driver.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param name: of the driver
    :param driver: the driver, as loaded
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
            max(min(delivery.max_batch_seconds(options.lease_ttl),
                    _BATCH_TIMEOUT),
                loader.timeout(driver)))
        self._failures = 0
        self._logged = False
        self._next_log_at = 0
        self._last_shard = -1

    def run(self, stop):
        """Relay until an event is set; then finish the batch in flight."""
        while not stop.is_set():
            delay = self._options.poll_interval
            failure = None
            try:
                if self.run_once(stop):
                    delay = 0
            except (Unavailable, lease.LeaseLost) as error:
                failure = error
            except exception.DatabaseUnavailable:
                # Has been logged already.
                delay = max(delay, _DATABASE_DELAY)
            except Exception:
                LOG.exception('A shard pass of the relay for driver %s failed',
                              self.name)
            # Outside the except clause: oslo.log would add the exception to
            # the line, and the reason would be there twice.
            if isinstance(failure, Unavailable):
                delay = self._back_off(failure)
            elif failure:
                LOG.warning('A shard pass of the relay for driver %s ended '
                            'early: %s.', self.name, failure)
            if self._delivery.delivered:
                self._recover()
            stop.wait(delay)

    def _back_off(self, reason):
        """Return the seconds to wait, which increase with each failure."""
        self._failures += 1
        # A notification that can't be delivered may fail again and again,
        # with successful deliveries of others in between.
        if time.monotonic() > self._next_log_at:
            self._next_log_at = time.monotonic() + _LOG_INTERVAL
            self._logged = True
            LOG.error('Notifications stay in the outbox, because driver %s '
                      'cannot deliver them: %s', self.name, reason)
        self._metrics.driver_unavailable.inc(1, (self.name,))
        return self._policy.backoff(
            self._failures, random.random())  # nosec B311

    def _recover(self):
        if self._logged:
            LOG.info('Driver %s delivers again', self.name)
        self._logged = False
        self._failures = 0

    def run_once(self, stop):
        """Run one shard pass, over all shards without another lease holder.

        :returns: True if there is more that can be sent immediately
        :raises Unavailable: the driver can't deliver at the moment
        :raises usermsg.db.lease.LeaseLost: this process froze for longer than
            its lease
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        self._delivery.begin_pass()
        numbers = list(outbox.shards(self._db, self.name))
        # The pass begins after the last shard of the previous pass. Otherwise
        # a shard without any successful delivery would keep the relay from
        # the shards that follow it.
        numbers.sort(key=lambda number: (number <= self._last_shard, number))
        shards = shard.Shards(self._db, self.name, numbers, self._options)
        error, failed_batches = None, 0
        try:
            while numbers and not stop.is_set():
                now = clock.read(self._db)
                batch = shards.take(
                    functools.partial(self._policy.is_due, now=now))
                if not batch:
                    break
                self._last_shard = batch[0].shard
                error = self._relay(shards, batch, now, stop)
                # The batch's entries may be the cause: the next batch is
                # tried as well.
                failed_batches = failed_batches + 1 if error else 0
                if error and (failed_batches == failure_policy.PROBES or
                              not self._delivery.broker_works):
                    break
        finally:
            shards.release()
        if error and not self._delivery.delivered:
            raise Unavailable(outbox.safe_reason(str(error)))
        return shards.has_more and self._delivery.delivered > 0

    def _relay(self, shards, batch, now, stop):
        """Send a batch, and store the results.

        :returns: the error, if the broker seems unavailable
        """
        expired = {entry.id: errors.Rejected(failure_policy.TOO_OLD)
                   for entry in batch if self._policy.is_too_old(entry, now)}
        results, error = self._delivery.deliver(
            [entry for entry in batch if entry.id not in expired],
            shards.renew, stop)
        results |= expired
        decision = self._policy.decide(
            [(entry, results[entry.id]) for entry in batch
             if entry.id in results], self._delivery.broker_works)
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
                outbox.move_to_dead_letters(
                    connection, self.name, idents, reason)

        shards.write(write)
        label = (self.name,)
        self._metrics.notifications_delivered.inc(
            len(decision.delivered), label)
        self._metrics.delivery_failures.inc(
            sum(retry.failures for retry in decision.retries), label)
        for reason, idents in decision.dead_letters.items():
            self._metrics.notifications_dead_lettered.inc(len(idents), label)
            LOG.error('Moved %d notifications for driver %s to the dead '
                      'letters. The first is %s; "usermsg-manage outbox list '
                      '--dead-letters" lists all of them. Reason: %s',
                      len(idents), self.name, idents[0],
                      outbox.safe_reason(reason))


def run_all(runtime, stop):
    """Run the relays of all drivers, one thread each, until an event is set.

    :param runtime: a :class:`usermsg.service.Runtime`
    """
    drivers = _wait_for_drivers(runtime.conf, stop)
    threads = [threading.Thread(
        target=Relay(runtime, name, drivers[name]).run,
        args=(stop,), name=f'relay-{name}')
        for name in runtime.outbox.drivers if name in drivers]
    for thread in threads:
        thread.start()
    # Not only the joins: a thread that waits for the event is known to be
    # responsive.
    stop.wait()
    for thread in threads:
        thread.join()
    loader.close(drivers)


def _wait_for_drivers(conf, stop):
    """Return the drivers, or none if the event is set before they load.

    They could be loaded when the worker was started. A missing file, perhaps a
    certificate that is being replaced, may exist again later.
    """
    logged = None
    while not stop.is_set():
        try:
            # In this process: connections are not fork-safe.
            return load_drivers(conf)
        except exception.ConfigurationError as error:
            if str(error) != logged:
                logged = str(error)
                LOG.error('Notifications stay in the outbox, because the '
                          'drivers cannot be loaded: %s', error)
        stop.wait(conf.relay.max_backoff)
    return {}


def load_drivers(conf):
    """Load the configured drivers, and check their timeouts for a relay.

    A driver with a longer timeout than the relay can wait for would deliver
    the same notifications again and again.

    :returns: as :func:`usermsg.notifications.drivers.loader.load`
    :raises usermsg.exception.ConfigurationError: also if a driver's timeout is
        too long for ``[relay] lease_ttl``
    """
    drivers = loader.load(conf)
    max_timeout = delivery.max_batch_seconds(conf.relay.lease_ttl)
    for driver in drivers.values():
        if loader.timeout(driver) > max_timeout:
            loader.close(drivers)
            raise exception.ConfigurationError(
                f'{driver.timeout_option}: {driver.timeout:g} seconds are '
                f'too long for usermsg-worker, which can wait for at most a '
                f'third of [relay] lease_ttl: {max_timeout:g} seconds.')
    return drivers
