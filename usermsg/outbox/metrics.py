# SPDX-License-Identifier: Apache-2.0
"""Metrics of the backlog in the outbox, for Prometheus."""

import time

from oslo_log import log
from prometheus_client import core

from usermsg.concurrency import bounded_call
from usermsg.concurrency import cached_call
from usermsg.db import clock
from usermsg import exception
from usermsg.objects import outbox

LOG = log.getLogger(__name__)

#: Seconds that metrics are cached before the database is queried again.
CACHE_TTL = 10

#: Seconds that a scrape waits for the database. After that it returns the
#: previous metrics, unless they are older than STALE seconds.
TIMEOUT = 2
STALE = 120


class BacklogCollector:
    """Collector of the number of outbox entries by driver.

    At most one thread counts, however many scrapes there are. Without a count
    there are no metrics, rather than wrong ones; no exception is raised.

    :param db: a :class:`usermsg.db.engine.Database`
    :param drivers: names that have metrics even without any entries
    """

    def __init__(self, db, drivers, ttl=CACHE_TTL, timeout=TIMEOUT,
                 stale=STALE):
        self._db = db
        self._drivers = drivers
        self._stale = stale
        self._cached = cached_call.CachedCall(
            self._count, _keep_previous, ttl, timeout,
            'usermsg-outbox-metrics')

    def collect(self):
        pending, dead_letters, oldest = families = [core.GaugeMetricFamily(
            f'usermsg_outbox_{name}', text, labels=['driver'])
            for name, text in (
                ('pending', 'Notifications that are not delivered yet.'),
                ('dead_letters', 'Notifications that are not retried.'),
                ('oldest_pending_age_seconds', 'Age of the oldest pending '
                 'notification; 0 if there is none.'))]
        count = self._cached.get()
        if count is None or time.monotonic() - count[2] > self._stale:
            return families
        by_driver, now, _counted_at = count
        for name in sorted({*by_driver, *self._drivers}):
            backlog = by_driver.get(name, outbox.Backlog(0, 0, now))
            pending.add_metric([name], backlog.pending)
            dead_letters.add_metric([name], backlog.dead_letters)
            oldest.add_metric([name], max(0, (
                now - (backlog.oldest or now)).total_seconds()))
        return families

    def _count(self):
        """Return the backlogs, the database's time and the local time."""
        return (outbox.backlog(self._db), clock.read(self._db),
                time.monotonic())


def _keep_previous(error, previous):
    # DatabaseUnavailable has been logged already.
    if not isinstance(error, (bounded_call.CallTimeout,
                              exception.DatabaseUnavailable)):
        LOG.exception('Counting the outbox entries failed')
    return previous
