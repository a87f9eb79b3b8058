# SPDX-License-Identifier: Apache-2.0
"""Limit of the rate at which a caller records messages for a project.

Each process counts by itself: a count that the processes share would cost a
transaction for each message.
"""

import collections
import math
import threading
import time

from oslo_log import log

from usermsg.concurrency import per_process
from usermsg import exception

LOG = log.getLogger(__name__)

#: Maximum number of pairs of caller and project that a process remembers.
MAX_BUCKETS = 10_000

#: Fraction of a message by which rounding errors may exceed the burst.
TOLERANCE = 0.001

#: Seconds between two warnings about refused messages.
LOG_INTERVAL = 60


class RateLimit:
    """Token bucket for each caller and project. Thread-safe and fork-safe.

    A bucket is stored as the time at which it will be full again. A bucket
    that is full, as all are at first, isn't stored. If there are too many,
    those that were used least recently are dropped.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param interface: label of the metric of refused messages
    :param clock: function that returns the time in seconds
    """

    def __init__(self, runtime, interface, clock=time.monotonic):
        options = runtime.conf.messages
        self._rate = options.record_rate
        self._rates = options.record_rates
        self._burst = options.record_burst
        self._count = runtime.metrics.rate_limited.inc
        self._labels = (interface,)
        self._clock = clock
        self._process = per_process.PerProcess(_Buckets)

    def take(self, caller, project_ids):
        """Take a token for each message, or none at all.

        :param caller: a hashable value
        :param project_ids: a list, the project of each message
        :raises usermsg.exception.RateLimited: a bucket has too few tokens
        """
        buckets = self._process.get()
        with buckets.lock:
            buckets.update(self._compute(buckets, caller, project_ids))

    def check(self, caller, project_ids):
        """Check that :meth:`take` would succeed, without taking tokens."""
        buckets = self._process.get()
        with buckets.lock:
            self._compute(buckets, caller, project_ids)

    def _compute(self, buckets, caller, project_ids):
        """Return the new values of the buckets, (caller, project id) -> time.

        :raises usermsg.exception.RateLimited: a bucket has too few tokens
        """
        now = self._clock()
        wait = 0
        taken = {}
        for project_id, number in collections.Counter(project_ids).items():
            rate = self._rates.get(project_id, self._rate)
            if not rate:
                continue
            key = caller, project_id
            full_at = max(now, buckets.full_at.get(key, now))
            excess = (full_at - now) * rate + number - self._burst
            if excess > TOLERANCE:
                wait = max(wait, excess / rate)
            taken[key] = full_at + number / rate
        if wait:
            self._count(len(project_ids), self._labels)
            raise exception.RateLimited(math.ceil(wait))
        return taken


class _Buckets:

    def __init__(self):
        self.lock = threading.Lock()
        #: (caller, project id) -> time, the least recently used first.
        self.full_at = collections.OrderedDict()

    def update(self, full_at):
        for key, value in full_at.items():
            self.full_at[key] = value
            self.full_at.move_to_end(key)
        while len(self.full_at) > MAX_BUCKETS:
            self.full_at.popitem(last=False)


class RefusalLog:
    """Warnings about refused messages: one a minute, with their number.

    Thread-safe and fork-safe.

    :param clock: function that returns the time in seconds
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._process = per_process.PerProcess(_Refusals)

    def add(self, row):
        """Count a message, and log the number if a warning is due.

        :param row: of the message
        """
        refusals = self._process.get()
        with refusals.lock:
            refusals.number += 1
            now = self._clock()
            if now < refusals.next_at:
                return
            number, refusals.number = refusals.number, 0
            refusals.next_at = now + LOG_INTERVAL
        LOG.warning('[%s] The message %s for %s %s was not recorded, because '
                    'this API object records more messages for project %s '
                    'than [messages] record_rate and record_burst permit. '
                    'Messages refused since the last such warning: %d.',
                    row.request_id, row.event_id, row.resource_type,
                    row.resource_uuid, row.project_id, number)


class _Refusals:

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.next_at = -math.inf
