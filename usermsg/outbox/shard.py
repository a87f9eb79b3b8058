# SPDX-License-Identifier: Apache-2.0
"""Once through what waits for a driver in a shard of the outbox.

What fails is told apart by what else was delivered: a notification that can't
be delivered is put off and in the end set aside; while nothing can be, the
broker is away, and no notification is to suffer for that.
"""

import datetime
import itertools
import time

from oslo_log import log

from usermsg.db import clock
from usermsg.notifications import errors
from usermsg.objects import ids
from usermsg.objects import outbox as entries
from usermsg.outbox import body
from usermsg.outbox import delivery

LOG = log.getLogger(__name__)

#: How many must fail one after the other before nothing seems to work.
PROBES = 3

#: Seconds that sending a batch takes at most, unless its driver says that it
#: may take longer, and after which no more are tried alone.
PATIENCE = 20

#: Batches that are sent before another shard has its turn.
_BATCHES = 10

#: By how much the clocks of hosts may differ. See :meth:`ShardPass._batches`.
_SKEW = datetime.timedelta(seconds=60)

#: Why an entry was set aside, if not in the words of a driver.
UNREADABLE = 'It cannot be read.'
TOO_OLD = 'It was older than [relay] max_age.'


class Away(Exception):
    """Nothing can be delivered through a driver now."""


class Seen:
    """How many were delivered, in this round and in the one before.

    It tells a notification that can't be delivered from a broker that is
    away.
    """

    def __init__(self):
        self._before = self.now = 0

    @property
    def lately(self):
        return self._before + self.now

    def begin(self):
        self._before, self.now = self.now, 0


class ShardPass:
    """Once through what waits in a shard, from the first to the last."""

    def __init__(self, runtime, name, deliver, shard, held, chance, seen):
        self._db = runtime.db
        self._options = runtime.conf.relay
        self._metrics = runtime.metrics
        self._catalogue = runtime.catalogue
        self._name = name
        self._delivery = deliver
        self._shard = shard
        self._lease = held
        self._renewed = time.monotonic()
        self._random = chance
        self._seen = seen
        self._max_age = datetime.timedelta(seconds=self._options.max_age)
        # What is behind one that is not due stays behind it.
        self._blocked = set()

    def run(self, stop):
        """To the end, or until an event is set.

        :returns: whether more waits that could be sent at once
        :raises Away: nothing can be delivered
        """
        sent, more = 0, False
        for found in self._batches():
            # What is left to the next time is behind a full one.
            more |= len(found) == self._options.batch
            before = self._seen.now
            now = clock.read(self._db)
            old = {entry.id for entry in found
                   if clock.aware(entry.queued_at) + self._max_age < now}
            self._set_aside(sorted(old), TOO_OLD)
            left = [entry for entry in found if entry.id not in old]
            while left and not stop.is_set():
                left = self._send(left, now, stop)
            # Not for ever in one shard, while others wait.
            sent += self._seen.now > before
            if stop.is_set() or sent == _BATCHES:
                break
        return more and sent > 0

    def _batches(self):
        """What waits, a batch each.

        What one SELECT shows has each create whose delete it shows. Behind
        the first SELECT that isn't so: a create may be committed late, with
        an id among those that have been looked at, and its delete after it,
        with one among the others. So those show what is old enough: what was
        deleted before the first SELECT was created before it.
        """
        limit = self._options.batch
        before = ids.first(
            datetime.datetime.now(datetime.timezone.utc) - _SKEW)
        found = entries.waiting(self._db, self._name, self._shard,
                                limit=limit)
        while found:
            yield found
            if len(found) < limit:
                return
            found = entries.waiting(self._db, self._name, self._shard,
                                    found[-1].id, limit, before)

    def _send(self, left, now, stop):
        """Send the first of each subject.

        :returns: what is left to be sent
        """
        wave, rest, subjects = [], [], set()
        for entry in left:
            if entry.due_at is not None and clock.aware(entry.due_at) > now:
                self._blocked.add(entry.subject)
            if entry.subject in self._blocked:
                continue
            (rest if entry.subject in subjects else wave).append(entry)
            subjects.add(entry.subject)
        bodies = self._bodies(wave)
        if not bodies:
            return rest
        wave = [entry for entry in wave if entry.id in bodies]
        outcomes = {}
        away = self._deliver(wave, bodies, outcomes, stop)
        self._finish(wave, outcomes)
        if away is not None:
            raise Away(entries.words(str(away)))
        # Before the rest comes what a driver did not come to.
        return [entry for entry in wave if entry.id not in outcomes] + rest

    def _bodies(self, wave):
        """id -> what is sent; what can't be read is set aside."""
        bodies, unreadable = {}, []
        for entry in wave:
            try:
                bodies[entry.id] = body.of(entry, self._catalogue)
            except Exception:
                # Whatever it is: the others are to be sent all the same.
                unreadable.append(entry.id)
        self._set_aside(unreadable, UNREADABLE)
        return bodies

    def _deliver(self, wave, bodies, outcomes, stop):
        """Send, and note what became of some of them.

        What failed among others is tried alone: it may be that one takes the
        connection down with it, and the others are not to suffer for that.
        What has failed alone before is not sent among others any more.

        :param outcomes: id -> outcome, to be filled
        :returns: the error, if nothing can be delivered any more
        """
        fresh = [entry.id for entry in wave if not entry.attempts]
        known = [entry for entry in wave if entry.attempts]
        if fresh:
            self._keep()
            found = self._delivery.send(
                {ident: bodies[ident] for ident in fresh}, stop)
            # They are of different subjects, so any order is right; always
            # to begin with the same ones would tell nothing if it were
            # theirs.
            failed = [ident for ident in found if _failed(found[ident])]
            self._random.shuffle(failed)
            outcomes.update((ident, outcome) for ident, outcome
                            in found.items() if not _failed(outcome))
            self._seen.now += _delivered(outcomes)
            untried = [ident for ident in fresh if ident not in found]
            away = failed and self._alone(failed, untried, bodies, outcomes,
                                          stop)
            if away:
                return away
        away = self._alone([entry.id for entry in known], (), bodies,
                           outcomes, stop)
        if away and self._seen.lately:
            # It may be them; and who else waits has not been tried.
            self._blocked.update(entry.subject for entry in known
                                 if entry.id not in outcomes)
            return None
        return away

    def _alone(self, idents, others, bodies, outcomes, stop):
        """Send one by one.

        :param others: to be sent as long as the one before failed
        :returns: the last error, if nothing seems to work any more
        """
        end = time.monotonic() + PATIENCE
        streak, error = 0, None
        for ident in itertools.chain(idents, others):
            if stop.is_set() or (ident in others and not streak):
                break
            self._keep()
            [outcome] = self._delivery.send(
                {ident: bodies[ident]}, stop).values()
            outcomes[ident] = outcome
            if outcome is None:
                self._seen.now += 1
                streak = 0
            if not _failed(outcome):
                continue
            streak, error = streak + 1, outcome
            # Who has just delivered many may fail at some more.
            most = max(PROBES, _delivered(outcomes) // 4)
            if streak >= most or (streak >= PROBES and
                                  time.monotonic() > end):
                return error
        return None if self._seen.lately else error

    def _keep(self):
        """Renew the lease, before it is needed."""
        if time.monotonic() - self._renewed > delivery.longest(
                self._options.lease):
            self._lease.renew()
            self._renewed = time.monotonic()

    def _finish(self, wave, outcomes):
        """Remember what became of them."""
        delivered, refused, failed = [], {}, []
        for entry in wave:
            if entry.id not in outcomes:
                continue
            error = outcomes[entry.id]
            if error is None:
                delivered.append(entry.id)
                continue
            attempts = entry.attempts + 1
            if isinstance(error, errors.Refused):
                refused.setdefault(str(error), []).append(entry.id)
            elif not self._seen.lately:
                # While nothing goes through, it is nobody's own fault. But
                # others that come meanwhile are not to wait for its sake.
                failed.append((entry, str(error), 0))
                self._blocked.add(entry.subject)
            elif attempts >= self._options.max_attempts:
                refused.setdefault(f'It failed {attempts} times: {error}',
                                   []).append(entry.id)
            else:
                failed.append((entry, str(error), 1))
                self._blocked.add(entry.subject)
        now = clock.read(self._db)

        def write(connection):
            self._lease.guard(connection)
            if delivered:
                entries.delete(connection, self._name, delivered)
            for entry, reason, counted in failed:
                entries.postpone(
                    connection, self._name, [entry.id],
                    now + self._pause(entry.attempts, counted), reason,
                    counted)

        if delivered or failed:
            self._db.write(write)
            self._renewed = time.monotonic()
        self._metrics.notifications_delivered.inc(
            len(delivered), (self._name,))
        self._metrics.notifications_failed.inc(
            sum(counted for _entry, _reason, counted in failed),
            (self._name,))
        for reason, idents in refused.items():
            self._set_aside(idents, reason)

    def _pause(self, attempts, counted):
        longest = self._options.max_backoff
        return datetime.timedelta(seconds=min(
            2 ** min(attempts, 12), 10 * longest) if counted else longest)

    def _set_aside(self, idents, reason):
        if not idents:
            return

        def write(connection):
            self._lease.guard(connection)
            entries.set_aside(connection, self._name, idents, reason)

        self._db.write(write)
        self._renewed = time.monotonic()
        self._metrics.notifications_set_aside.inc(len(idents), (self._name,))
        LOG.error('Set aside %d notifications that %s did not deliver: %s '
                  'The first is %s. See "usermsg-manage outbox list".',
                  len(idents), self._name, entries.words(reason), idents[0])


def _failed(error):
    return (isinstance(error, errors.NotDelivered) and
            not isinstance(error, errors.Refused))


def _delivered(outcomes):
    return sum(outcome is None for outcome in outcomes.values())
