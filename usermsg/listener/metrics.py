# SPDX-License-Identifier: Apache-2.0
"""Metrics of the listener that are no counters of the registry."""

from prometheus_client import core

from usermsg.metrics import cached_count
from usermsg.objects import dead_letter
from usermsg.objects import observation


class RowsCollector:
    """Collector of the numbers of rows of the listener.

    :param db: a :class:`usermsg.db.engine.Database`
    :param options: see :class:`usermsg.metrics.cached_count.CachedCount`
    """

    def __init__(self, db, **options):
        self._count = cached_count.CachedCount(
            lambda: (dead_letter.count(db),
                     observation.count_by_shard(db).total()),
            'usermsg-listener-metrics', 'rows of the listener', **options)

    def collect(self):
        families = [
            core.GaugeMetricFamily(
                'usermsg_listener_dead_letters', 'Stored dead letters.'),
            core.GaugeMetricFamily(
                'usermsg_listener_observations',
                'Observations that wait for a decision, and causes that are '
                'kept for one.')]
        for family, number in zip(families, self._count.get() or ()):
            family.add_metric((), number)
        return families


class UnmatchedErrorsCollector:
    """Collector of the most frequent errors that no rule matched.

    :param names: a :class:`usermsg.listener.frequent_names.FrequentNames`
    """

    def __init__(self, names):
        self._names = names

    def collect(self):
        family = core.GaugeMetricFamily(
            'usermsg_listener_unmatched_errors',
            'Notifications of failures that no rule matched, the most '
            'frequent types; an upper bound.', labels=('event_type',))
        for name, number in self._names.counts().items():
            family.add_metric((name,), number)
        return [family]
