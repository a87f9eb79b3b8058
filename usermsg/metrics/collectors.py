# SPDX-License-Identifier: Apache-2.0
"""Counters and histograms.

Built from the values of prometheus_client, not from its metrics: those take
their values from a global that PROMETHEUS_MULTIPROC_DIR decides over, also in
the processes of other services, where the library lives and must not write
into files of theirs.
"""

import bisect
import itertools
import math

from prometheus_client import core
from prometheus_client import utils

#: Seconds; what a request takes. Most take less than the first few.
BUCKETS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
           math.inf)


class _Family:
    """Values of one name, for each set of label values on its own."""

    def __init__(self, make_value, name, help_text, labels=()):
        self._make_value = make_value
        self._about = name, help_text
        self._labels = labels
        self._values = {}

    def _value(self, labels):
        value = self._values.get(labels)
        if value is None:
            # The one of a thread that loses stays unused.
            value = self._values.setdefault(labels, self._make(labels))
        return value


class Counter(_Family):
    """Counts up."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self._labels:
            self.inc(0)

    def inc(self, amount=1, labels=()):
        self._value(labels).inc(amount)

    def _make(self, labels):
        name, help_text = self._about
        return self._make_value('counter', name, f'{name}_total',
                                self._labels, labels, help_text)

    def collect(self):
        family = core.CounterMetricFamily(*self._about, labels=self._labels)
        for labels, value in list(self._values.items()):
            family.add_metric(labels, value.get())
        return [family]


class Histogram(_Family):
    """Counts observations in buckets, and sums them up."""

    def observe(self, amount, labels):
        total, buckets = self._value(labels)
        total.inc(amount)
        buckets[bisect.bisect_left(BUCKETS, amount)].inc(1)

    def _make(self, labels):
        name, help_text = self._about
        total = self._make_value('histogram', name, f'{name}_sum',
                                 self._labels, labels, help_text)
        return total, [
            self._make_value('histogram', name, f'{name}_bucket',
                             (*self._labels, 'le'), (*labels, bound),
                             help_text)
            for bound in map(utils.floatToGoString, BUCKETS)]

    def collect(self):
        family = core.HistogramMetricFamily(*self._about, labels=self._labels)
        for labels, (total, buckets) in list(self._values.items()):
            counts = itertools.accumulate(value.get() for value in buckets)
            family.add_metric(
                labels,
                list(zip(map(utils.floatToGoString, BUCKETS), counts)),
                total.get())
        return [family]
