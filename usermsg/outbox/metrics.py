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

#: Seconds that figures are kept before the database is asked again.
CACHE_TTL = 10

#: Seconds that a scrape waits for the database. Then it has the figures of
#: before, unless those are older than this:
TIMEOUT = 2
STALE = 120


class BacklogCollector:
    """Collects, for each driver, what is in the outbox for it.

    However many ask, one thread at most counts. If nothing is known there
    are no figures, rather than wrong ones; nothing is raised.

    :param db: a :class:`usermsg.db.engine.Database`
    :param drivers: names that have figures even if nothing waits for them
    """

    def __init__(self, db, drivers, ttl=CACHE_TTL, timeout=TIMEOUT,
                 stale=STALE):
        self._db = db
        self._drivers = drivers
        self._stale = stale
        self._cached = cached_call.CachedCall(
            self._count, _failed, ttl, timeout, 'usermsg-outbox-figures')

    def collect(self):
        waiting, set_aside, oldest = families = [core.GaugeMetricFamily(
            f'usermsg_outbox_{name}', text, labels=['driver'])
            for name, text in (
                ('pending', 'Notifications that are not delivered yet.'),
                ('dead_letters', 'Notifications that are not tried again.'),
                ('oldest_pending_age_seconds', 'Age of the oldest pending '
                 'notification; 0 if there is none.'))]
        counted = self._cached.get()
        if counted is None or time.monotonic() - counted[2] > self._stale:
            return families
        by_driver, now, _moment = counted
        for name in sorted({*by_driver, *self._drivers}):
            backlog = by_driver.get(name, outbox.Backlog(0, 0, now))
            waiting.add_metric([name], backlog.waiting)
            set_aside.add_metric([name], backlog.set_aside)
            oldest.add_metric([name], max(0, (
                now - (backlog.oldest or now)).total_seconds()))
        return families

    def _count(self):
        """Return the backlogs, the database's time, and when that was."""
        return (outbox.backlog(self._db), clock.read(self._db),
                time.monotonic())


def _failed(error, before):
    # DatabaseUnavailable has been logged.
    if not isinstance(error, (bounded_call.CallTimeout,
                              exception.DatabaseUnavailable)):
        LOG.exception('The outbox cannot be counted.')
    return before
