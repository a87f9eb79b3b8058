# SPDX-License-Identifier: Apache-2.0
"""All that goes to one node: what waits, is on its way, and became of it.

It outlives connections, on each of which it has a session and a link. A
session of its own, where the server has enough of them: some servers end one
for a bad address, which must not hold up what goes to others.
"""

import collections
import itertools
import operator
import uuid

from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications import errors

# How much a link may have for the peer to take, in bytes, before more is
# given to it.
_AHEAD = 1024 * 1024

# In seconds: how long a node that gives a message back, or has no link for
# us, is left alone.
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0

# How often an end may come while one message alone is on its way until that
# is to blame: when the server gives a reason that can be the message's, and
# when it doesn't.
_BLAMED = 2
_UNLUCKY = 5

# How many of the same message may be on their way at a time. A second one may
# go to a consumer that isn't stuck. With more of them qpidd fills a queue that
# is near its limit, where it has each but confirms none.
_COPIES = 2


class Sender:
    """Sends to one node, in the order of the jobs' numbers.

    :param address: of the node
    :param settings: a :class:`.settings.Settings`
    :param finish: called with a job, and an error if it is one, when it is
        known what became of it
    :param report: a :class:`.failures.Report`
    """

    def __init__(self, address, settings, finish, report):
        self.address = address
        self._window = settings.max_in_flight
        # How much of it is used; little after an end of something.
        self._allowed = settings.max_in_flight
        self._capabilities = settings.capabilities
        self._patience = settings.connect_timeout
        self._finish = finish
        self._report = report
        self._waiting = collections.deque()
        # Of deliveries and jobs, in the order in which they were sent.
        self._unsettled = []
        # What was confirmed when nobody waited for it any more: the digests of
        # the last ones, in their order.
        self._came_late = {}
        self._session = self._link = self._attach_by = None
        self._tags = itertools.count()
        self._failures = 0
        self._resume_at = 0.0
        self._reason = None

    def put(self, job):
        self._waiting.append(job)

    def forget_done(self):
        """Let go of what had its deadline."""
        while self._waiting and self._waiting[0].done:
            self._waiting.popleft()
        # What is on its way is the server's to settle, though nobody waits for
        # it: RabbitMQ 3 ends the session of who does it first, and all else
        # that it has would be sent again. But not more and more of it.
        surplus = len(self._unsettled) - self._awaited() - self._window
        kept = []
        for delivery, job in self._unsettled:
            if job.done and surplus > 0:
                delivery.settle()
                surplus -= 1
            else:
                kept.append((delivery, job))
        self._unsettled = kept

    def _awaited(self):
        """How many are on their way that somebody waits for."""
        return sum(not job.done for _delivery, job in self._unsettled)

    def reason(self, host):
        """Why what waits has not been confirmed; a text."""
        if self._reason:
            return self._reason
        where = f'{host}: {self.address}'
        if self._attach_by is not None:
            return f'{where}: no answer'
        if self._link is not None and self._link.credit <= 0 and (
                not self._unsettled):
            return f'{where}: it takes nothing at the moment'
        return f'{where}: it has not confirmed'

    def turn(self, connection, proton, now):
        """See what has become of what was sent, and send more.

        :returns: when to try again at the latest, None for at the next input
        :raises .problems.Lost: nobody answers
        """
        if self._link is not None and connection.has_heard:
            self._settle(connection, proton, now)
            self._look_for_end(connection, proton, now)
        wake = self._go_on(connection, proton, now)
        if self._link is not None and self._link.drain_mode:
            # The peer gives none anew before it has the rest back.
            self._link.drained()
        return wake

    def _go_on(self, connection, proton, now):
        if not self._waiting:
            return None
        if now < self._resume_at:
            return self._resume_at
        if self._link is None:
            self._attach(connection, proton)
            self._attach_by = now + self._patience
        if self._attach_by is not None:
            if not self._link.state & proton.Endpoint.REMOTE_ACTIVE:
                if now >= self._attach_by:
                    raise failures.Lost(f'no answer about {self.address} '
                                        f'within {self._patience:g} s')
                return self._attach_by
            self._attach_by = None
        self._send(connection)
        return None

    def _attach(self, connection, proton):
        self._session = connection.session()
        self._link = self._session.sender(f'usermsg-{uuid.uuid4()}')
        self._link.snd_settle_mode = proton.Link.SND_UNSETTLED
        self._link.target.address = self.address
        if self._capabilities:
            # An array, as the specification has it: qpidd skips a list.
            self._link.target.capabilities.put_object(proton.Array(
                proton.UNDESCRIBED, proton.Data.SYMBOL,
                *map(proton.symbol, self._capabilities)))
            # Else qpidd makes a node that is gone when it starts again, with
            # all that it has confirmed.
            self._link.target.properties.put_dict(
                {proton.symbol('durable'): True})
        self._link.open()

    def _send(self, connection):
        free = min(self._link.credit, self._allowed - self._awaited())
        largest = self._link.remote_max_message_size
        late = self._late()
        while free > 0 and self._waiting:
            if self._session.outgoing_bytes > _AHEAD:
                return
            job = self._waiting.popleft()
            if job.done:
                continue
            if largest and len(job.data) > largest:
                self._finish(job, errors.Rejected(
                    f'qpid: {connection.host}: it has {len(job.data)} bytes, '
                    f'and {self.address} takes {largest}.'))
            elif not job.start() or (
                    self._came_late and job.digest() in self._came_late):
                self._finish(job)
            else:
                places = late.get(job.digest(), ()) if late else ()
                if len(places) >= _COPIES:
                    place = places.pop()
                    self._unsettled[place] = self._unsettled[place][0], job
                else:
                    self._unsettled.append((self._deliver(job.data), job))
                free -= 1

    def _deliver(self, data):
        delivery = self._link.delivery(str(next(self._tags)))
        self._link.stream(data)
        self._link.advance()
        return delivery

    def _late(self):
        """What is on its way and nobody waits for: digest -> places."""
        found = collections.defaultdict(list)
        for place, (_delivery, job) in enumerate(self._unsettled):
            if job.done and job.unconfirmed:
                found[job.unconfirmed].append(place)
        return found

    def _settle(self, connection, proton, now):
        """Look at all that is on its way.

        In one pass, rather than by events: see :mod:`.connection`.
        """
        ends = (proton.Delivery.ACCEPTED, proton.Delivery.REJECTED,
                proton.Delivery.RELEASED, proton.Delivery.MODIFIED)
        again = []
        kept = []
        for delivery, job in self._unsettled:
            # RECEIVED, or what we don't know: the outcome is to come.
            if not delivery.updated or not (
                    (state := delivery.remote_state) in ends or
                    delivery.settled):
                kept.append((delivery, job))
                continue
            if state == proton.Delivery.ACCEPTED:
                connection.is_good = True
                self._accepted(job)
            elif not job.done:
                error = self._refusal(delivery, state, connection, proton)
                if error:
                    self._finish(job, error)
                else:
                    again.append(job)
            delivery.settle()
        self._unsettled = kept
        if again:
            self._pause(now)
            self._again(again, f'{connection.host}: {self.address}: it gives '
                               'it back, as it cannot take it now')

    def _accepted(self, job):
        self._failures = 0
        self._allowed = min(self._allowed + 1, self._window)
        self._reason = None
        self._report.well(self.address)
        if not job.done:
            self._finish(job)
        elif job.unconfirmed:
            self._came_late[job.unconfirmed] = None
            if len(self._came_late) > self._window:
                del self._came_late[next(iter(self._came_late))]

    def _refusal(self, delivery, state, connection, proton):
        """An error, or None if the node may take it another time."""
        where = f'qpid: {connection.host}: {self.address}'
        if state == proton.Delivery.REJECTED:
            condition = failures.read(delivery.remote, 'condition')
            if condition is None or condition.name not in failures.PASSING:
                kind = (errors.Rejected if failures.is_its_own(condition)
                        else errors.NotDelivered)
                return kind(
                    f'{where} rejects it: {failures.words(condition)}')
        elif (state == proton.Delivery.MODIFIED and
              delivery.remote.undeliverable):
            return errors.Rejected(f'{where} cannot take it.')
        return None

    def _look_for_end(self, connection, proton, now):
        """Find out whether the peer has ended the link or the session."""
        link, session = self._link, self._session
        closed = [each for each in (session, link)
                  if each.state & proton.Endpoint.REMOTE_CLOSED]
        if not closed and link.name not in connection.detached:
            return
        connection.detached.discard(link.name)
        condition = failures.read(closed[0] if closed else link)
        # To close one that was detached would be an answer to what wasn't
        # said.
        end = link.close if closed else link.detach
        jobs = self._give_up()
        end()
        link.free()
        connection.leave(session)
        self._ended(condition, jobs, connection.host, now)

    def _ended(self, condition, jobs, host, now):
        name = condition and condition.name
        said = failures.words(condition, 'it ended the link without a reason')
        reason = f'{host}: {self.address}: {said}'
        if name == failures.TOO_LARGE and jobs:
            largest = max(jobs, key=lambda job: len(job.data))
            jobs.remove(largest)
            self._finish(largest, errors.Rejected(f'qpid: {reason}'))
            self._again(jobs, reason)
            return
        self._report.wrong(self.address, f'{host}: {said}')
        if name in failures.DENIED and not jobs:
            # None of them is to blame: when the operator has given us the
            # right, all can go. The next one asks again.
            while self._waiting:
                self._finish(self._waiting.popleft(),
                             errors.NotDelivered(f'qpid: {reason}'))
            return
        self._pause(now)
        kind = (errors.Rejected if name in failures.ITS_OWN
                else errors.NotDelivered)
        self._blame(
            jobs, _UNLUCKY if name in failures.NOBODYS_FAULT else _BLAMED,
            kind(f'qpid: {reason}'))
        self._again(jobs, reason)

    def _blame(self, jobs, limit, error):
        """Put aside the message that a server can't stand.

        Some end a link, a session or a connection for one message, without a
        word about which. All that was on its way with it would be sent again
        with it, for ever. So the next goes alone, and then more and more.

        :param jobs: that were on their way; those to send again are left
        :param limit: how often one may have been alone
        :param error: what it gets then
        """
        if jobs:
            self._allowed = 1
        if len(jobs) == 1:
            jobs[0].blamed += 1
            if jobs[0].blamed >= limit:
                self._finish(jobs.pop(), error)

    def lost(self, reason=None):
        """The connection is gone: what was on its way waits again.

        :param reason: if we didn't want it to
        """
        jobs = self._give_up()
        if reason:
            self._blame(
                jobs, _UNLUCKY, errors.NotDelivered(f'qpid: {reason}'))
        self._resume_at = 0.0
        self._put_back(jobs)

    def _give_up(self):
        """Have no link; returns the jobs that were on their way."""
        given_up, self._unsettled = self._unsettled, []
        for delivery, _job in given_up:
            delivery.settle()
        self._session = self._link = self._attach_by = None
        return [job for _delivery, job in given_up if not job.done]

    def failed(self, reason):
        """An attempt has failed, which not all jobs outlive."""
        for job in self._waiting:
            job.retries -= 1
            if job.retries < 0:
                self._finish(job, errors.NotDelivered(f'qpid: {reason}'))

    def _again(self, jobs, reason):
        self._reason = reason
        self._put_back(jobs)
        self.failed(reason)

    def _put_back(self, jobs):
        self._waiting = collections.deque(sorted(
            [*jobs, *self._waiting], key=operator.attrgetter('number')))

    def _pause(self, now):
        self._failures += 1
        self._resume_at = now + min(
            _LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(self._failures - 1, 10))
