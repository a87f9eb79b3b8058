# SPDX-License-Identifier: Apache-2.0
"""Counters and histograms.

Built from the values of prometheus_client, not from its metrics: the storage
of those is a global that PROMETHEUS_MULTIPROC_DIR selects, also in processes
of other services that use the library, and the library must not write to the
files of those services.
"""

import bisect
import itertools
import math

from prometheus_client import core
from prometheus_client import utils

#: Upper bounds of the buckets, in seconds. The durations of most requests are
#: in the first buckets.
BUCKETS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
           math.inf)


class _Family:
    """Metric of one name, with one value for each set of label values."""

    def __init__(self, make_value, name, help_text, labels=()):
        self._make_value = make_value
        self._description = name, help_text
        self._labels = labels
        self._values = {}

    def _value(self, labels):
        value = self._values.get(labels)
        if value is None:
            # If two threads create a value at once, one of them is discarded.
            value = self._values.setdefault(labels, self._make(labels))
        return value


class Counter(_Family):
    """Counter: a value that only increases."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self._labels:
            self.inc(0)

    def inc(self, amount=1, labels=()):
        self._value(labels).inc(amount)

    def _make(self, labels):
        name, help_text = self._description
        return self._make_value('counter', name, f'{name}_total',
                                self._labels, labels, help_text)

    def collect(self):
        family = core.CounterMetricFamily(
            *self._description, labels=self._labels)
        for labels, value in list(self._values.items()):
            family.add_metric(labels, value.get())
        return [family]


class Histogram(_Family):
    """Histogram: counts observations in buckets, and their sum."""

    def observe(self, amount, labels):
        total, buckets = self._value(labels)
        total.inc(amount)
        buckets[bisect.bisect_left(BUCKETS, amount)].inc(1)

    def _make(self, labels):
        name, help_text = self._description
        total = self._make_value('histogram', name, f'{name}_sum',
                                 self._labels, labels, help_text)
        return total, [
            self._make_value('histogram', name, f'{name}_bucket',
                             (*self._labels, 'le'), (*labels, bound),
                             help_text)
            for bound in map(utils.floatToGoString, BUCKETS)]

    def collect(self):
        family = core.HistogramMetricFamily(
            *self._description, labels=self._labels)
        for labels, (total, buckets) in list(self._values.items()):
            counts = itertools.accumulate(value.get() for value in buckets)
            family.add_metric(
                labels,
                list(zip(map(utils.floatToGoString, BUCKETS), counts)),
                total.get())
        return [family]
