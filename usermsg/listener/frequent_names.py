# SPDX-License-Identifier: Apache-2.0
"""The most frequent of any number of names, in a small table.

Senders choose the names. Neither the memory of the worker nor the labels of
its metrics may grow with them.
"""

import re
import threading

#: Maximum number of names.
CAPACITY = 50

#: Stands for all names that are too long, or not those of an event type.
OTHER = 'other'

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_.-]{0,79}\Z')


class FrequentNames:
    """Counts of names, by the algorithm "space saving". Thread-safe.

    A new name takes the place of the least frequent one, and continues its
    count: a name that is more frequent than one in CAPACITY is always in the
    table, and no count is too low.
    """

    def __init__(self, capacity=CAPACITY):
        self._capacity = capacity
        self._lock = threading.Lock()
        self._counts = {}

    def add(self, name):
        if not _NAME.match(name):
            name = OTHER
        with self._lock:
            if name in self._counts or len(self._counts) < self._capacity:
                self._counts[name] = self._counts.get(name, 0) + 1
                return
            rarest = min(self._counts, key=self._counts.get)
            self._counts[name] = self._counts.pop(rarest) + 1

    def counts(self):
        """Return the counts by name, a dict."""
        with self._lock:
            return dict(self._counts)
