# SPDX-License-Identifier: Apache-2.0
"""Limits of the rate at which messages are recorded.

Each process counts by itself: a count that the processes share would cost a
transaction for each message.
"""

import collections
import contextlib
import heapq
import math
import operator
import threading
import time

from oslo_log import log

from usermsg.concurrency import per_process
from usermsg.conf import messages
from usermsg import exception

LOG = log.getLogger(__name__)

#: Maximum number of buckets of each kind that a process remembers.
MAX_BUCKETS = 10_000

#: Fraction of a message by which rounding errors may exceed the burst.
TOLERANCE = 0.001

#: Seconds between two warnings about refused messages.
LOG_INTERVAL = 60

#: Bytes of a refused request that count as a message of its caller. The
#: refusals that usermsg-api holds back for a second, with the largest bodies,
#: are fewer than record_rate_per_caller permits: 50 * 16 of 1,000.
REFUSED_BYTES = 64 * 1024


class RateLimit:
    """Token buckets: of each caller, and of each caller and project.

    The messages of a project can use up neither what the caller records for
    other projects nor what other callers record for it; refused requests take
    tokens of the caller, see :meth:`charge`. Thread-safe and fork-safe.

    :param options: ``[messages]``
    :param metrics: a :class:`usermsg.metrics.registry.Metrics`
    :param clock: function that returns the time in seconds
    :param interface: label of metrics; None for that of the caller. With a
        label there is no limit of a caller over all projects
    :ivar refusals: the :class:`RefusalLog` of the library
    """

    def __init__(self, options, metrics, clock=time.monotonic,
                 interface=None):
        self._interface = interface
        self._rate = options.record_rate
        self._rates = messages.merge_rates(options.record_rates)
        self._caller_rate = (0 if interface else
                             options.record_rate_per_caller)
        self._count = metrics.rate_limited.inc
        self._clock = clock
        self._process = per_process.PerProcess(lambda: _State(options))
        self.refusals = RefusalLog(clock)

    @contextlib.contextmanager
    def hold(self, caller, project_ids):
        """Hold a token for each message, or raise.

        Tokens of messages that were not stored are given back: they are not
        needed for a repetition, nor while the database is unavailable.

        :param caller: a hashable value; None is the library
        :param project_ids: a list, the project of each message
        :returns: a context manager; add the project of each message that was
            stored to its value, a list
        :raises usermsg.exception.RateLimited: a bucket has too few tokens
        """
        state = self._process.get()
        numbers = collections.Counter(project_ids)
        with state.lock:
            self._check(state, caller, numbers)
            self._hold(state, caller, numbers, 1)
        stored = []
        try:
            yield stored
        finally:
            with state.lock:
                self._hold(state, caller, numbers, -1)
                self._take(state, caller, collections.Counter(stored))

    def take(self, caller, project_id):
        """Take a token for one message, or raise; see :meth:`hold`."""
        state = self._process.get()
        numbers = collections.Counter((project_id,))
        with state.lock:
            self._check(state, caller, numbers)
            self._take(state, caller, numbers)

    def check(self, caller, project_ids):
        """Check that :meth:`hold` would succeed.

        :param project_ids: an empty list if they aren't known yet: then the
            caller needs a single token
        """
        state = self._process.get()
        with state.lock:
            self._check(state, caller, collections.Counter(project_ids))

    def charge(self, caller, size):
        """Take tokens of the caller for a refused request.

        Reading its body costs time. A caller that sends more such requests
        than its rate permits soon has no token, so that the next ones are
        refused unread, and take none. This bounds requests that are refused
        at once; those that wait for their response stay within the rate, so
        that a client for one project leaves the tokens of other projects.

        :param size: bytes of the body; the maximum if it isn't known
        :returns: the seconds until these tokens are there again, an integer,
            which the same request needs in addition
        """
        if not self._caller_rate:
            return 0
        number = -(-size // REFUSED_BYTES)
        state = self._process.get()
        with state.lock:
            state.callers.take(
                caller, number, self._caller_rate, self._clock())
        return math.ceil(number / self._caller_rate)

    def _limits(self, state, caller, numbers):
        """Yield (buckets, key, number of messages, rate) of the limits."""
        if self._caller_rate:
            yield state.callers, caller, numbers.total(), self._caller_rate
        for project_id, number in numbers.items():
            rate = self._rates.get(project_id, self._rate)
            if rate:
                yield state.pairs, (caller, project_id), number, rate

    def _check(self, state, caller, numbers):
        now = self._clock()
        wait, name = 0, None
        for buckets, key, number, rate in self._limits(
                state, caller, numbers):
            seconds = buckets.wait(key, max(1, number), rate, now)
            if seconds > wait:
                wait, name = seconds, buckets.name
        if wait:
            self._count(max(1, numbers.total()), (
                self._interface or
                ('library' if caller is None else 'http'), name))
            raise exception.RateLimited(name, math.ceil(wait))

    def _hold(self, state, caller, numbers, sign):
        for buckets, key, number, _rate in self._limits(
                state, caller, numbers):
            buckets.hold(key, sign * number)

    def _take(self, state, caller, numbers):
        now = self._clock()
        for buckets, key, number, rate in self._limits(
                state, caller, numbers):
            buckets.take(key, number, rate, now)


class _State:
    """Buckets of a process.

    Those of callers are separate, so that a caller with many projects can't
    make the process forget its own.
    """

    def __init__(self, options):
        self.lock = threading.Lock()
        self.callers = _Buckets('caller', options.record_burst_per_caller)
        self.pairs = _Buckets('project', options.record_burst)


class _Buckets:
    """Buckets with one burst, by key.

    A bucket is stored as the time at which it will be full again. One that
    is full, as all are at first, needn't be stored. If there are too many,
    those that will be full first are forgotten: a bucket can't be refilled
    by recording a little for many other projects.

    :param name: label of metrics
    """

    def __init__(self, name, burst):
        self.name = name
        self.full_at = {}
        #: Tokens of requests in progress.
        self.held = collections.Counter()
        self._burst = burst

    def wait(self, key, number, rate, now):
        """Return the seconds until there are tokens for messages, or 0."""
        used = max(0, self.full_at.get(key, now) - now) * rate
        excess = used + self.held[key] + number - self._burst
        return excess / rate if excess > TOLERANCE else 0

    def hold(self, key, number):
        """:param number: negative to release"""
        self.held[key] += number
        if not self.held[key]:
            del self.held[key]

    def take(self, key, number, rate, now):
        if not number:
            return
        self.full_at[key] = max(now, self.full_at.get(key, now)) + (
            number / rate)
        if len(self.full_at) > MAX_BUCKETS:
            self.full_at = dict(heapq.nlargest(
                MAX_BUCKETS // 2, self.full_at.items(),
                operator.itemgetter(1)))


class RefusalLog:
    """Warnings about refused messages: one a minute, with their number.

    Thread-safe and fork-safe.

    :param clock: function that returns the time in seconds
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._process = per_process.PerProcess(_Refusals)

    def add(self, row, limit):
        """Count a message, and log the number if a warning is due.

        :param row: of the message
        :param limit: of the :class:`usermsg.exception.RateLimited`
        """
        refusals = self._process.get()
        with refusals.lock:
            refusals.number += 1
            now = self._clock()
            if now < refusals.next_at:
                return
            number, refusals.number = refusals.number, 0
            refusals.next_at = now + LOG_INTERVAL
        option = {'project': 'record_rate',
                  'caller': 'record_rate_per_caller'}[limit]
        LOG.warning('[%s] The message %s for %s %s of project %s was not '
                    'recorded, because this process records more messages '
                    'than [messages] %s permits. Messages refused since the '
                    'last such warning: %d.',
                    row.request_id, row.event_id, row.resource_type,
                    row.resource_uuid, row.project_id, option, number)


class _Refusals:

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.next_at = -math.inf
