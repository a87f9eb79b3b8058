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
import random
import threading

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
        self._delivery = delivery.Delivery(driver, self._options.lease / 3)
        self._random = random.Random()  # nosec B311
        self._failures = 0

    def run(self, stop):
        """Relay until an event is set; then end after the batch under way."""
        while not stop.is_set():
            pause = self._options.interval
            try:
                self.round(stop)
                self._back()
            except Away as away:
                pause = self._away(away)
            except exception.DatabaseUnavailable:
                pass  # has been logged
            except lease.Lost as error:
                LOG.warning('Relaying to %s ends early: %s.', self.name,
                            error)
            except Exception:
                LOG.exception('A round of the relay to %s failed', self.name)
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

        :raises Away: the driver can deliver nothing
        :raises usermsg.lease.Lost: this process froze for too long
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        for shard in entries.shards(self._db, self.name):
            if stop.is_set():
                return
            held = lease.Lease(self._db, f'relay-{self.name}-{shard}',
                               self._options.lease)
            if not held.acquire():
                continue
            try:
                _Sweep(self._runtime, self.name, self._delivery, shard, held,
                       self._random).run(stop)
            finally:
                self._release(held)

    def _release(self, held):
        try:
            held.release()
        except exception.DatabaseUnavailable:
            pass  # it runs out by itself


class _Sweep:
    """Once through what waits in a shard, from the first to the last."""

    def __init__(self, runtime, name, deliver, shard, held, chance):
        self._db = runtime.db
        self._options = runtime.conf.relay
        self._metrics = runtime.metrics
        self._catalogue = runtime.catalogue
        self._name = name
        self._delivery = deliver
        self._shard = shard
        self._lease = held
        self._random = chance
        self._max_age = datetime.timedelta(seconds=self._options.max_age)
        # What is behind one that is not due stays behind it.
        self._blocked = set()

    def run(self, stop):
        """To the end, or until an event is set.

        :raises Away: nothing can be delivered
        """
        # Not for ever in one shard, where more is always coming.
        end = ids.mint(datetime.datetime.now(datetime.timezone.utc))
        last = ''
        while not stop.is_set() and last < end:
            found = entries.waiting(self._db, self._name, self._shard, last,
                                    self._options.batch)
            if not found:
                return
            last = found[-1].id
            now = clock.read(self._db)
            old = [entry for entry in found
                   if _aware(entry.queued_at) + self._max_age < now]
            self._set_aside([entry.id for entry in old], TOO_OLD)
            left = [entry for entry in found if entry not in old]
            while left:
                left = self._send(left, now)

    def _send(self, left, now):
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
        outcomes, away = self._deliver(bodies)
        self._finish(wave, outcomes)
        if away is not None:
            raise Away(str(away))
        # Before the rest comes what a driver did not come to.
        return [entry for entry in wave
                if entry.id in bodies and entry.id not in outcomes] + rest

    def _bodies(self, wave):
        """id -> what is sent; what can't be read is set aside."""
        bodies, unreadable = {}, []
        for entry in wave:
            try:
                bodies[entry.id] = body.of(entry, self._catalogue)
            except (IndexError, KeyError, TypeError, ValueError,
                    exception.InvalidInput):
                unreadable.append(entry.id)
        self._set_aside(unreadable, UNREADABLE)
        return bodies

    def _deliver(self, bodies):
        """What became of some of them, at least of one.

        What failed among others is tried alone: it may be that one takes the
        connection down with it, and the others are not to suffer for that.

        :returns: id -> outcome; and the error if nothing can be delivered
            any more. Those that failed through no fault of theirs are not
            there.
        """
        outcomes = self._delivery.send(bodies)
        together = [ident for ident in outcomes if _failed(outcomes[ident])]
        if not together:
            return outcomes, None
        # They are of different subjects, so any order is right; always to
        # begin with the same ones would tell nothing if it were theirs.
        self._random.shuffle(together)
        untried = [ident for ident in bodies if ident not in outcomes]
        alone, streak = {}, 0
        works = len(together) < len(outcomes)
        for ident in together + untried:
            if streak == 0 and ident in untried:
                break  # it works, so they come with the next ones
            self._lease.renew()
            [outcome] = self._delivery.send({ident: bodies[ident]}).values()
            alone[ident] = outcome
            works = works or not _failed(outcome)
            streak = streak + 1 if _failed(outcome) else 0
            if streak == _PROBES:
                break
        for ident in together:
            del outcomes[ident]
        away = outcome if streak == _PROBES or not works else None
        # While nothing goes through, it is nobody's own fault.
        outcomes.update((ident, outcome) for ident, outcome in alone.items()
                        if works or not _failed(outcome))
        return outcomes, away

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

        self._db.write(write)
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
        self._metrics.notifications_set_aside.inc(len(idents), (self._name,))
        LOG.error('Set aside %d notifications that %s did not deliver: %s '
                  'The first is %s. See "usermsg-manage outbox list".',
                  len(idents), self._name, reason, idents[0])


def _failed(error):
    return (isinstance(error, errors.NotDelivered) and
            not isinstance(error, errors.Refused))


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
