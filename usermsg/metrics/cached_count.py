# SPDX-License-Identifier: Apache-2.0
"""Counts of rows for Prometheus, which may scrape often and from anywhere."""

import time

from oslo_log import log

from usermsg.concurrency import bounded_call
from usermsg.concurrency import cached_call
from usermsg import exception

LOG = log.getLogger(__name__)

#: Seconds that a count is cached before the database is queried again.
CACHE_TTL = 10

#: Seconds that a scrape waits for the database. After that it returns the
#: previous count, unless it is older than STALE seconds.
TIMEOUT = 2
STALE = 120


class CachedCount:
    """Recent result of a function that counts rows; no exception is raised.

    At most one thread counts, however many scrapes there are.

    :param count: function that returns the result
    :param name: of the thread that counts
    :param text: of the rows, for the log
    """

    def __init__(self, count, name, text, ttl=CACHE_TTL, timeout=TIMEOUT,
                 stale=STALE):
        self._count = count
        self._text = text
        self._stale = stale
        self._cached = cached_call.CachedCall(
            self._count_now, self._keep_previous, ttl, timeout, name)

    def get(self):
        """Return the result; None without one that is recent enough.

        No metrics are better than wrong ones.
        """
        result = self._cached.get()
        if result is None or time.monotonic() - result[1] > self._stale:
            return None
        return result[0]

    def _count_now(self):
        return self._count(), time.monotonic()

    def _keep_previous(self, error, previous):
        # DatabaseUnavailable has been logged already.
        if not isinstance(error, (bounded_call.CallTimeout,
                                  exception.DatabaseUnavailable)):
            LOG.exception('Counting the %s failed', self._text)
        return previous
