# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""From the outbox to the drivers, at least once.

Each driver has a thread of its own, so that one whose broker is away holds up
no other. The outbox is cut into shards: whoever has the lease of a shard for
a driver sends what waits there, in its order. Any number of processes on any
number of hosts can do this.

An entry is forgotten only when the driver has said that it is delivered. A
process that ends between the two, or that freezes for longer than its lease,
leaves it to be sent again, with the same ``message_id``.
"""

import datetime
import itertools
import random
import threading
import time

from oslo_log import log

from usermsg.db import clock
from usermsg import exception
from usermsg import lease
from usermsg.notifications import body
from usermsg.notifications import delivery
from usermsg.notifications import errors
from usermsg.objects import ids
from usermsg.objects import outbox as entries

LOG = log.getLogger(__name__)

#: How many must fail one after the other before nothing seems to work.
_PROBES = 3

#: Seconds that sending a batch takes at most, apart from what a driver itself
#: makes us wait, and after which no more are tried alone.
_PATIENCE = 20

#: Batches that are sent before another shard has its turn.
_BATCHES = 10

#: By how much the clocks of hosts may differ. See :meth:`_Sweep._batches`.
_SKEW = datetime.timedelta(seconds=60)

#: Why an entry was set aside, if not in the words of a driver.
UNREADABLE = 'It cannot be read.'
TOO_OLD = 'It was older than [relay] max_age.'


class Away(Exception):
    """Nothing can be delivered through a driver now."""


class Relay:
    """Sends what waits for one driver.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param name: of the strategy
    :param driver: its driver
    """

    def __init__(self, runtime, name, driver):
        self.name = name
        self._runtime = runtime
        self._db = runtime.db
        self._options = runtime.conf.relay
        self._metrics = runtime.metrics
        # A batch must be over before its lease is.
        self._delivery = delivery.Delivery(
            driver, min(self._options.lease / 3, _PATIENCE))
        self._random = random.Random()  # nosec B311
        self._failures = 0
        self._seen = _Seen()
        self._shard = -1

    def run(self, stop):
        """Relay until an event is set; then end what is under way."""
        while not stop.is_set():
            pause = self._options.interval
            try:
                if self.round(stop):
                    pause = 0
            except Away as away:
                pause = self._away(away)
            except exception.DatabaseUnavailable:
                pass  # has been logged
            except lease.Lost as error:
                LOG.warning('Relaying to %s ends early: %s.', self.name,
                            error)
            except Exception:
                LOG.exception('A round of the relay to %s failed', self.name)
            if self._seen.now:
                self._back()
            stop.wait(pause)

    def _away(self, away):
        """How long to wait, the longer the oftener."""
        self._failures += 1
        if self._failures == 1:
            LOG.error('Notifications wait in the outbox, as %s cannot '
                      'deliver them: %s', self.name, away)
        self._metrics.notifications_away.inc(1, (self.name,))
        longest = min(2 ** min(self._failures - 1, 12),
                      self._options.max_backoff)
        return longest * (0.5 + self._random.random() / 2)

    def _back(self):
        if self._failures:
            LOG.info('%s delivers again', self.name)
        self._failures = 0

    def round(self, stop):
        """Send what waits in all shards that no other process works on.

        :returns: whether more waits that could be sent at once
        :raises Away: the driver can deliver nothing
        :raises usermsg.lease.Lost: this process froze for too long
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        self._seen.begin()
        more, away, in_a_row = False, None, 0
        for shard in self._shards():
            if stop.is_set():
                break
            self._shard = shard
            held = lease.Lease(self._db, f'relay-{self.name}-{shard}',
                               self._options.lease)
            if not held.acquire():
                continue
            try:
                more |= _Sweep(self._runtime, self.name, self._delivery,
                               shard, held, self._random, self._seen
                               ).run(stop)
                in_a_row = 0
            except Away as error:
                # What waits here may be to blame: others have their turn.
                away = error
                in_a_row += 1
                if in_a_row == (_PROBES if self._seen.lately else 1):
                    break
            finally:
                self._release(held)
        if away is not None and not self._seen.now:
            raise away
        return more

    def _shards(self):
        """Those in which something waits, behind the last one first.

        Else one where nothing can be delivered would keep the relay from
        those behind it.
        """
        found = list(entries.shards(self._db, self.name))
        return ([shard for shard in found if shard > self._shard] +
                [shard for shard in found if shard <= self._shard])

    def _release(self, held):
        try:
            held.release()
        except exception.DatabaseUnavailable:
            pass  # it runs out by itself


class _Seen:
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


class _Sweep:
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
                   if _aware(entry.queued_at) + self._max_age < now}
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
            if entry.due_at is not None and _aware(entry.due_at) > now:
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
        if not self._seen.lately:
            # While nothing goes through, it is nobody's own fault.
            outcomes = {ident: outcome for ident, outcome in outcomes.items()
                        if not _failed(outcome)}
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
        end = time.monotonic() + _PATIENCE
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
            most = max(_PROBES, _delivered(outcomes) // 4)
            if streak >= most or (streak >= _PROBES and
                                  time.monotonic() > end):
                return error
        return None if self._seen.lately else error

    def _keep(self):
        """Renew the lease, before it is needed."""
        if time.monotonic() - self._renewed > self._options.lease / 3:
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
            elif attempts >= self._options.max_attempts:
                refused.setdefault(f'It failed {attempts} times: {error}',
                                   []).append(entry.id)
            else:
                failed.append((entry, str(error)))
                self._blocked.add(entry.subject)
        now = clock.read(self._db)

        def write(connection):
            self._lease.guard(connection)
            if delivered:
                entries.delete(connection, self._name, delivered)
            for entry, reason in failed:
                entries.postpone(
                    connection, self._name, [entry.id], now + _pause(
                        entry.attempts, self._options.max_backoff), reason)

        if delivered or failed:
            self._db.write(write)
            self._renewed = time.monotonic()
        self._metrics.notifications_delivered.inc(
            len(delivered), (self._name,))
        self._metrics.notifications_failed.inc(len(failed), (self._name,))
        for reason, idents in refused.items():
            self._set_aside(idents, reason)

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


def _pause(attempts, longest):
    return datetime.timedelta(seconds=min(2 ** min(attempts, 12), longest))


def _aware(when):
    return when.replace(tzinfo=datetime.timezone.utc)


class Relays:
    """The relays of all drivers, each in a thread of its own.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param drivers: of :func:`usermsg.notifications.strategies.load`
    """

    def __init__(self, runtime, drivers):
        self._relays = [Relay(runtime, name, drivers[name])
                        for name in runtime.outbox.drivers]

    def start(self, stop):
        """Start the threads, which end when an event is set.

        :returns: the threads
        """
        threads = [threading.Thread(target=relay.run, args=(stop,),
                                    name=f'relay-{relay.name}')
                   for relay in self._relays]
        for thread in threads:
            thread.start()
        return threads
