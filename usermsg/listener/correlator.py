# SPDX-License-Identifier: Apache-2.0
"""Decisions about the observations of all listeners.

Any number of processes on any number of hosts can run a correlator: one of
them at a time holds the lease of a shard, and decides for all. Messages and
the removal of the observations that they are made of are one transaction, so
a correlator that is killed changes nothing, and the next one decides the
same.
"""

import contextlib
import datetime
import time

from oslo_log import log

from usermsg.db import clock
from usermsg.db import lease
from usermsg import exception
from usermsg.listener import correlation
from usermsg.objects import observation as observations
from usermsg.objects import resource_state

LOG = log.getLogger(__name__)

#: Seconds between two passes over the shards.
INTERVAL = 1

#: Seconds after a failed pass: a fault that lasts, such as a missing table,
#: must not fill the log.
RETRY_INTERVAL = 10

#: Seconds after which another process may take over a shard.
LEASE_TTL = 60

#: Maximum number of states and failures that are decided in one transaction.
PAGE = 500

#: Number of pages that are read for it: later states and failures may share
#: causes with those of the first page, or report the same failures.
_LOOKAHEAD = 4

#: Maximum number of full pages of a shard, after which other shards have
#: their turn.
_PAGES_PER_PASS = 10


#: Seconds, more than the delay, after which the correlator decides although
#: a consumer is interrupted: a broker may be unavailable for long, and the
#: failures that others have announced must not wait for it.
MAX_HOLD = 60


class Correlator:
    """Correlator of all shards.

    After an interruption of the consumers, also after the start of the
    worker, it decides nothing for the delay: older observations have arrived
    long ago, whereas others that belong to them are still in the queue.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param api: a :class:`usermsg.message.api.API`
    :param get_correlations: function that returns the
        :class:`usermsg.listener.correlation.Correlations` in force
    :param recorder: a
        :class:`usermsg.listener.failure_recorder.FailureRecorder`
    :param page_size: maximum number of states and failures that are decided
        in one transaction
    :param is_steady: function of a number of seconds: True if no consumer of
        this process was interrupted for so long
    :param monotonic: function that returns the time in seconds
    """

    def __init__(self, runtime, api, get_correlations, recorder,
                 page_size=PAGE, is_steady=lambda seconds: True,
                 monotonic=time.monotonic):
        self._db = runtime.db
        self._metrics = runtime.metrics
        self._delay = datetime.timedelta(
            seconds=runtime.conf.listener.correlation_delay)
        self._api = api
        self._get_correlations = get_correlations
        self._recorder = recorder
        self._page_size = page_size
        self._is_steady = is_steady
        self._monotonic = monotonic
        self._held_since = None

    def run(self, stop):
        """Decide until an event is set; then return after the current page.

        Any error is logged, and the next pass tries again.
        """
        while not stop.is_set():
            reason = None
            try:
                self.decide_due(stop)
            except exception.DatabaseUnavailable:
                pass  # has been logged already
            except Exception as error:
                reason = exception.log_text(error)
            # Outside the except clause: oslo.log would add the exception,
            # whose text may contain values.
            if reason:
                LOG.error('A pass of the correlator failed: %s', reason)
            stop.wait(RETRY_INTERVAL if reason else INTERVAL)

    def decide_due(self, stop):
        """Decide about what is due, except in shards of other processes.

        :param stop: an event; once it is set, the pass ends after a page
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        if self._is_held():
            return
        correlations = self._get_correlations()
        now = clock.read(self._db)
        for number in observations.due_shards(
                self._db, now - self._delay, now - self._cause_lifetime,
                correlations.names):
            if stop.is_set():
                return
            shard_lease = lease.Lease(
                self._db, f'correlator-{number}', LEASE_TTL)
            if not shard_lease.acquire():
                continue
            try:
                for _page in range(_PAGES_PER_PASS):
                    if (not self._decide_page(correlations, number,
                                              shard_lease) or
                            stop.is_set()):
                        break
            except lease.LeaseLost as error:
                LOG.warning('The pass of the correlator over the shard %d '
                            'ended early: %s.', number, error)
            finally:
                # Without a database the lease expires later.
                with contextlib.suppress(exception.DatabaseUnavailable):
                    shard_lease.release()

    def _is_held(self):
        """Return True if it must wait, because consumers were interrupted."""
        if self._is_steady(self._delay.total_seconds()):
            self._held_since = None
            return False
        now = self._monotonic()
        if self._held_since is None:
            self._held_since = now
        return now - self._held_since < (
            self._delay.total_seconds() + MAX_HOLD)

    @property
    def _cause_lifetime(self):
        # The states that follow a cause may arrive after an interruption.
        return (2 * self._delay if self._held_since is None else
                observations.LIFETIME)

    def _decide_page(self, correlations, number, shard_lease):
        """Decide about the oldest observations of a shard.

        :returns: True if there may be more that are due
        """
        now = clock.read(self._db)
        page = observations.undecided(
            self._db, number, correlations.names,
            _LOOKAHEAD * self._page_size)
        due = {stored.observation.ident for stored in page[:self._page_size]
               if stored.arrived_at <= now - self._delay}
        result = self._decide(correlations, number, page, due)
        # A cause is kept for observations that aren't decided yet. Those that
        # were not read are not older than the last one that was.
        has_more = len(page) == _LOOKAHEAD * self._page_size
        oldest = min(
            (stored.observation.observed_at for index, stored
             in enumerate(page, 1)
             if stored.observation.ident not in result.decided or
             has_more and index == len(page)), default=None)
        unneeded = observations.removable_causes(
            self._db, number, now - self._cause_lifetime,
            oldest and oldest - correlations.max_window)
        if not (result.decided or result.states or unneeded):
            return False
        self._store(correlations, shard_lease, result, unneeded)
        for (name, outcome), count in result.counts.items():
            self._metrics.correlations.inc(count, (name, outcome))
        return bool(result.decided and len(page) > self._page_size or
                    len(unneeded) == observations.BATCH)

    def _decide(self, correlations, number, page, due):
        if not due:
            return correlation.Result()
        items = [stored.observation for stored in page]
        causes = observations.causes(
            self._db, number, correlations.names,
            items[0].observed_at - correlations.max_window,
            items[-1].observed_at)
        waiting = observations.waiting(self._db, [
            item for item in items if item.kind == correlation.FAILURE and
            correlations[item.correlation].needs_subject])
        states = resource_state.read(self._db, {
            correlations.state_key(item) for item in items
            if item.kind == correlation.STATE})
        return correlations.decide(
            [*items, *(stored.observation for stored in (
                *causes, *waiting))], states,
            [stored.observation.ident for stored in causes
             if stored.is_claimed],
            lambda observation: observation.ident in due)

    def _store(self, correlations, shard_lease, result, unneeded):
        """Store a result in one transaction, under the lease."""
        now = self._api.now()
        messages = [(rule, message) for rule, message in (
            (failure.rule, self._recorder.build(failure, now))
            for failure in result.failures) if message is not None]

        def store(connection):
            shard_lease.guard(connection)
            resource_state.replace(
                connection, result.states, now,
                lambda key, state: correlations[key.correlation].is_lasting(
                    state.status))
            observations.claim(connection, result.claimed)
            observations.delete(connection, result.decided)
            observations.delete(connection, unneeded)

        self._recorder.record(messages, store)
