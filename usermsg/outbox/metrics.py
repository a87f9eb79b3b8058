# SPDX-License-Identifier: Apache-2.0
"""Metrics of the backlog in the outbox, for Prometheus."""

from prometheus_client import core

from usermsg.db import clock
from usermsg.metrics import cached_count
from usermsg.objects import outbox


class BacklogCollector:
    """Collector of the number of outbox entries by driver.

    :param db: a :class:`usermsg.db.engine.Database`
    :param drivers: names that have metrics even without any entries
    :param options: see :class:`usermsg.metrics.cached_count.CachedCount`
    """

    def __init__(self, db, drivers, **options):
        self._drivers = drivers
        self._count = cached_count.CachedCount(
            lambda: (outbox.backlog(db), clock.read(db)),
            'usermsg-outbox-metrics', 'outbox entries', **options)

    def collect(self):
        pending, dead_letters, oldest = families = [core.GaugeMetricFamily(
            f'usermsg_outbox_{name}', text, labels=['driver'])
            for name, text in (
                ('pending', 'Notifications that are not delivered yet.'),
                ('dead_letters', 'Notifications that are not retried.'),
                ('oldest_pending_age_seconds', 'Age of the oldest pending '
                 'notification; 0 if there is none.'))]
        count = self._count.get()
        if count is None:
            return families
        by_driver, now = count
        for name in sorted({*by_driver, *self._drivers}):
            backlog = by_driver.get(name, outbox.Backlog(0, 0, now))
            pending.add_metric([name], backlog.pending)
            dead_letters.add_metric([name], backlog.dead_letters)
            oldest.add_metric([name], max(0, (
                now - (backlog.oldest or now)).total_seconds()))
        return families
