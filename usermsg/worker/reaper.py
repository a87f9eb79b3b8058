# SPDX-License-Identifier: Apache-2.0
"""Removes what is no longer needed, round after round.

Any number of processes on any number of hosts can do this: one at a time
has the lease, and does it for all.
"""

import time

from oslo_log import log
from prometheus_client import core

from usermsg.db import clock
from usermsg.db import lease
from usermsg import exception
from usermsg.objects import removal
from usermsg.objects import statistics
from usermsg.outbox import event_types

LOG = log.getLogger(__name__)


class Reaper:
    """Removes expired messages and source keys, and what exceeds a limit.

    It is a collector of Prometheus too, for what only this process knows.

    :param runtime: a :class:`usermsg.service.Runtime`
    """

    def __init__(self, runtime):
        self._db = runtime.db
        self._options = runtime.conf.reaper
        self._limit = runtime.conf.messages.max_per_project
        self._metrics = runtime.metrics
        self._recorders = {
            'expired': runtime.outbox.recorder(event_types.MESSAGE_EXPIRE),
            'evicted': runtime.outbox.recorder(event_types.MESSAGE_DELETE)}
        self._lease = lease.Lease(runtime.db, 'reaper', self._options.lease_ttl)
        self._reaps = False
        self._finished = 0

    def collect(self):
        yield core.GaugeMetricFamily(
            'usermsg_reaper_last_success_timestamp_seconds',
            'When this worker last finished a round of removing, in seconds '
            'since 1970; 0 if it never did.', self._finished)

    def run(self, stop):
        """Reap until an event is set; then end after the batch under way.

        Whatever goes wrong is logged, and the next round tries again.
        """
        while not stop.is_set():
            try:
                self.reap(stop)
            except exception.DatabaseUnavailable:
                pass  # has been logged
            except lease.LeaseLost as error:
                LOG.warning('Reaping ends early: %s.', error)
            except Exception:
                LOG.exception('A round of the reaper failed')
            stop.wait(self._options.interval)
        try:
            self._lease.release()
        except exception.DatabaseUnavailable:
            pass  # it runs out by itself

    def reap(self, stop):
        """One round; None if another has the lease.

        :param stop: ends the round after a batch, when it is set
        :returns: how many expired messages, messages over the limit and source
            keys were removed
        :raises usermsg.db.lease.LeaseLost: this process froze for too long; what
            was removed stays removed
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        before, self._reaps = self._reaps, self._lease.acquire()
        if self._reaps != before:
            LOG.info('%s reaps', self._lease.holder())
        if not self._reaps:
            return None
        now = clock.read(self._db)
        removed = {'expired': 0, 'evicted': 0, 'expired_source_keys': 0}
        try:
            for kind, rows in self._all(now, stop):
                for number in removal.remove(
                        self._db, rows, self._options.batch_size,
                        self._lease.guard, self._recorders.get(kind)):
                    removed[kind] += number
                    getattr(self._metrics, kind).inc(number)
                    if stop.wait(self._options.batch_delay):
                        return removed
        finally:
            if any(removed.values()):
                LOG.info('Removed %(expired)d expired messages, %(evicted)d '
                         'messages beyond max_per_project and '
                         '%(expired_source_keys)d expired source keys',
                         removed)
        # Until the next round is over: for the others, this one was theirs.
        self._lease.renew(self._options.interval + self._options.lease_ttl)
        self._finished = time.time()
        return removed

    def _all(self, now, stop):
        """What there is to remove, one kind after the other."""
        yield 'expired', removal.expired(now)
        yield 'expired_source_keys', removal.expired_keys(now)
        if not self._limit:
            return
        renewed = time.monotonic()
        for project_id, number in statistics.projects(self._db):
            if stop.is_set():
                return
            # Looking takes a while if there are many, and nothing is
            # removed meanwhile.
            if time.monotonic() - renewed > self._options.lease_ttl / 3:
                self._lease.renew()
                renewed = time.monotonic()
            if number is None or number > self._limit:
                rows = removal.over_limit(self._db, project_id, self._limit)
                if rows is not None:
                    yield 'evicted', rows
