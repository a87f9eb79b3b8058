# SPDX-License-Identifier: Apache-2.0
"""Periodic removal of rows that are no longer needed.

Any number of processes on any number of hosts can run a reaper: one of them
at a time holds the lease, and removes rows for all.
"""

import itertools
import time

from oslo_log import log
from prometheus_client import core

from usermsg.db import clock
from usermsg.db import lease
from usermsg import exception
from usermsg.objects import dead_letter
from usermsg.objects import forget_request
from usermsg.objects import removal
from usermsg.objects import statistics
from usermsg.outbox import event_types

LOG = log.getLogger(__name__)

#: Seconds. A database that removes a full batch in less time isn't busy, and
#: the reaper removes the next batch at once.
FAST_BATCH = 0.05

#: Kind of removed rows, which is the name of its metric -> text of the log.
_KINDS = {
    'expired': 'expired messages',
    'evicted': 'messages over max_per_project',
    'expired_source_keys': 'expired source keys',
    'expired_read_marks': 'expired read marks',
    'expired_dead_letters': 'expired dead letters',
    'expired_observations': 'expired observations',
    'expired_resource_states': 'expired states of resources',
    'forgotten': 'rows of deleted projects and users',
}


class Reaper:
    """Remover of expired messages, source keys and dead letters.

    It also removes messages over the limit of their project.

    It is a Prometheus collector, too, of a value that only this process has.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param clock: function that returns the time in seconds, for the duration
        of a batch
    """

    def __init__(self, runtime, clock=time.monotonic):
        self._clock = clock
        self._db = runtime.db
        self._options = runtime.conf.reaper
        self._limit = runtime.conf.messages.max_per_project
        self._metrics = runtime.metrics
        self._recorders = {
            'expired': runtime.outbox.recorder(event_types.MESSAGE_EXPIRE),
            'evicted': runtime.outbox.recorder(event_types.MESSAGE_DELETE),
            'forgotten': runtime.outbox.recorder(event_types.MESSAGE_DELETE)}
        self._lease = lease.Lease(
            runtime.db, 'reaper', self._options.lease_ttl)
        self._has_lease = False
        self._finished_at = 0

    def collect(self):
        yield core.GaugeMetricFamily(
            'usermsg_reaper_last_success_timestamp_seconds',
            'Unix time at which this worker last finished a reaper run; 0 if '
            'it never did.', self._finished_at)

    def run(self, stop):
        """Reap until an event is set; then return after the current batch.

        Any error is logged, and the next run tries again.
        """
        while not stop.is_set():
            try:
                self.reap(stop)
            except exception.DatabaseUnavailable:
                pass  # has been logged already
            except lease.LeaseLost as error:
                LOG.warning('The reaper run ended early: %s.', error)
            except Exception:
                LOG.exception('A reaper run failed')
            stop.wait(self._options.interval)
        try:
            self._lease.release()
        except exception.DatabaseUnavailable:
            pass  # the lease expires later

    def reap(self, stop):
        """Run once, unless another process holds the lease.

        :param stop: an event; once it is set, the run ends after a batch
        :returns: the numbers of removed rows by reason, a dict; None without
            the lease
        :raises usermsg.db.lease.LeaseLost: this process froze for longer than
            its lease; rows that it removed before stay removed
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        had_lease, self._has_lease = self._has_lease, self._lease.acquire()
        if self._has_lease != had_lease:
            LOG.info('%s holds the reaper lease', self._lease.holder())
        if not self._has_lease:
            return None
        now = clock.read(self._db)
        removed = dict.fromkeys(_KINDS, 0)
        try:
            for kind, batches in self._removals(now, stop):
                started_at = self._clock()
                for number in batches:
                    removed[kind] += number
                    getattr(self._metrics, kind).inc(number)
                    if stop.wait(self._delay(
                            number, self._clock() - started_at)):
                        return removed
                    started_at = self._clock()
        finally:
            if any(removed.values()):
                LOG.info('Removed %s', ', '.join(
                    f'{number} {_KINDS[kind]}'
                    for kind, number in removed.items() if number))
        # The lease is kept until after the next run: the other processes must
        # not repeat this one.
        self._lease.renew(self._options.interval + self._options.lease_ttl)
        self._finished_at = time.time()
        return removed

    def _delay(self, number, seconds):
        """Return the seconds to wait after a batch.

        :param number: of rows that the batch removed
        :param seconds: duration of the batch
        """
        if number == self._options.batch_size and seconds < FAST_BATCH:
            return 0
        return self._options.batch_delay

    def _removals(self, now, stop):
        """Yield (reason, iterator of the numbers of removed rows)."""
        yield from self._forget(now)
        for kind, rows in (
                ('expired', removal.expired(now)),
                ('expired_source_keys', removal.expired_keys(now)),
                ('expired_read_marks', removal.expired_read_marks(now)),
                ('expired_dead_letters', dead_letter.expired(now)),
                ('expired_observations', removal.expired_observations(now)),
                ('expired_resource_states',
                 removal.expired_resource_states(now))):
            yield kind, self._remove(kind, rows)
        for rows in self._over_limit(stop):
            yield 'evicted', self._remove('evicted', rows)

    def _remove(self, kind, rows):
        return removal.remove(
            self._db, rows, itertools.repeat(self._options.batch_size),
            self._lease.guard,
            self._recorders.get(kind))

    def _forget(self, now):
        """Yield as :meth:`_removals`, for deleted projects and users."""
        guard = self._lease.guard
        projects = forget_request.pending(self._db, forget_request.PROJECT)
        for project in projects:
            for rows in removal.of_project(project.id):
                yield 'forgotten', self._remove('forgotten', rows)
        if projects:
            yield 'forgotten', self._remove(
                'forgotten', removal.observations_of_projects(
                    [project.id for project in projects]))
        forget_request.finish(self._db, projects, now, guard)
        users = forget_request.pending(self._db, forget_request.USER)
        for user in users:
            yield 'forgotten', self._remove(
                'forgotten', removal.read_marks_of_user(user.id))
        if users:
            yield 'forgotten', forget_request.clear_users(
                self._db, users, guard)
        forget_request.finish(self._db, users, now, guard)

    def _over_limit(self, stop):
        """Yield the messages to remove from each project with too many."""
        if not self._limit:
            return
        renewed = time.monotonic()
        for project_id, number in statistics.projects(self._db):
            if stop.is_set():
                return
            # With many projects the search takes long, and no batch renews
            # the lease meanwhile.
            if time.monotonic() - renewed > self._options.lease_ttl / 3:
                self._lease.renew()
                renewed = time.monotonic()
            if number is None or number > self._limit:
                rows = removal.over_limit(self._db, project_id, self._limit)
                if rows is not None:
                    yield rows
