# SPDX-License-Identifier: Apache-2.0
"""All messages for one node: queued, in flight, confirmed or failed.

A sender outlives connections. On each of them it has one link in its own
session, as far as the server permits enough sessions: some servers end the
session because of an invalid address, which must not delay messages for other
nodes.
"""

import collections
import itertools
import operator
import uuid

from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications import errors

# Maximum amount of data that a link buffers until the peer reads it, in bytes.
_MAX_BUFFERED = 1024 * 1024

# Backoff in seconds for a node that returns a message, or refuses the link.
_MIN_BACKOFF = 0.2
_MAX_BACKOFF = 10.0

# Number of times that a link, a session or a connection may end while only one
# message is in flight, until that message is considered the cause: if the
# server sends a reason that may concern the message, and if it doesn't.
_MAX_ENDS_BY_MESSAGE = 2
_MAX_ENDS_UNRELATED = 5

# Maximum number of copies of the same message in flight. A second copy may
# reach a consumer that isn't stuck. With more copies qpidd fills a queue that
# is near its limit, where it stores each of them, but confirms none.
_MAX_COPIES = 2


class Sender:
    """Sender to one node, in the order of the deliveries' numbers.

    :param address: of the node
    :param settings: a :class:`.settings.Settings`
    :param finish: function called with a delivery, and with an error if it
        failed, when the result is known
    :param problems: a :class:`.failures.ProblemLog`
    """

    def __init__(self, address, settings, finish, problems):
        self.address = address
        self._max_in_flight = settings.max_in_flight
        # Current limit: reduced to 1 after a link, a session or a connection
        # ended; each confirmation increases it.
        self._limit = settings.max_in_flight
        self._capabilities = settings.capabilities
        self._attach_timeout = settings.connect_timeout
        self._finish = finish
        self._problems = problems
        self._queue = collections.deque()
        # Pairs of Proton's delivery and a delivery, in the order of sending.
        self._unsettled = []
        # Digests of the most recent messages that were confirmed after their
        # deadline, in order.
        self._confirmed_late = {}
        self._session = self._link = self._attach_by = None
        self._tags = itertools.count()
        self._failures = 0
        self._resume_at = 0.0
        self._reason = None

    def put(self, delivery):
        self._queue.append(delivery)

    def release_finished(self):
        """Release deliveries whose deadline has passed."""
        while self._queue and self._queue[0].done:
            self._queue.popleft()
        # Messages in flight are for the server to settle, although no caller
        # waits for them: RabbitMQ 3 ends the session of a client that settles
        # first, and all other unsettled messages would be sent again. But
        # their number must not grow without limit.
        surplus = (len(self._unsettled) - self._count_awaited() -
                   self._max_in_flight)
        remaining = []
        for proton_delivery, delivery in self._unsettled:
            if delivery.done and surplus > 0:
                proton_delivery.settle()
                surplus -= 1
            else:
                remaining.append((proton_delivery, delivery))
        self._unsettled = remaining

    def _count_awaited(self):
        """Return the number of messages in flight whose caller still waits."""
        return sum(not delivery.done for _, delivery in self._unsettled)

    def reason(self, host):
        """Return why the queued messages have not been confirmed, a text."""
        if self._reason:
            return self._reason
        node = f'{host}: {self.address}'
        if self._attach_by is not None:
            return f'{node}: the server did not respond to the attach'
        if self._link is not None and self._link.credit <= 0 and (
                not self._unsettled):
            return f'{node}: the link has no credit'
        return f'{node}: no confirmation'

    def process(self, connection, proton, now):
        """Read the outcomes of messages in flight, and send more messages.

        :returns: time of the next call at the latest, None for the next input
        :raises .failures.ConnectionFailed: the server does not respond to the
            attach
        """
        if self._link is not None and connection.has_received:
            self._settle(connection, proton, now)
            self._check_link(connection, proton, now)
        next_call = self._attach_and_send(connection, proton, now)
        if self._link is not None and self._link.drain_mode:
            # The peer grants no new credit until the rest is returned.
            self._link.drained()
        return next_call

    def _attach_and_send(self, connection, proton, now):
        if not self._queue:
            return None
        if now < self._resume_at:
            return self._resume_at
        if self._link is None:
            self._attach(connection, proton)
            self._attach_by = now + self._attach_timeout
        if self._attach_by is not None:
            if not self._link.state & proton.Endpoint.REMOTE_ACTIVE:
                if now >= self._attach_by:
                    raise failures.ConnectionFailed(
                        'the server did not respond to the attach of '
                        f'{self.address} within {self._attach_timeout:g} s '
                        '(connect_timeout)')
                return self._attach_by
            self._attach_by = None
        self._send(connection)
        return None

    def _attach(self, connection, proton):
        self._session = connection.acquire_session()
        self._link = self._session.sender(f'usermsg-{uuid.uuid4()}')
        self._link.snd_settle_mode = proton.Link.SND_UNSETTLED
        self._link.target.address = self.address
        if self._capabilities:
            # An array, as in the specification: qpidd ignores a list.
            self._link.target.capabilities.put_object(proton.Array(
                proton.UNDESCRIBED, proton.Data.SYMBOL,
                *map(proton.symbol, self._capabilities)))
            # Otherwise qpidd creates a node that is lost when qpidd restarts,
            # with all messages that it has confirmed.
            self._link.target.properties.put_dict(
                {proton.symbol('durable'): True})
        self._link.open()

    def _send(self, connection):
        capacity = min(
            self._link.credit, self._limit - self._count_awaited())
        max_size = self._link.remote_max_message_size
        abandoned = self._find_abandoned()
        while capacity > 0 and self._queue:
            if self._session.outgoing_bytes > _MAX_BUFFERED:
                return
            delivery = self._queue.popleft()
            if delivery.done:
                continue
            if max_size and len(delivery.data) > max_size:
                self._finish(delivery, errors.Rejected(
                    f'qpid: {connection.host}: the message has '
                    f'{len(delivery.data)} bytes, but {self.address} accepts '
                    f'at most {max_size}.'))
            elif not delivery.start() or (
                    self._confirmed_late and
                    delivery.digest() in self._confirmed_late):
                self._finish(delivery)
            else:
                copies = (abandoned.get(delivery.digest(), ())
                          if abandoned else ())
                if len(copies) >= _MAX_COPIES:
                    index = copies.pop()
                    self._unsettled[index] = (
                        self._unsettled[index][0], delivery)
                else:
                    self._unsettled.append(
                        (self._transfer(delivery.data), delivery))
                capacity -= 1

    def _transfer(self, data):
        proton_delivery = self._link.delivery(str(next(self._tags)))
        self._link.stream(data)
        self._link.advance()
        return proton_delivery

    def _find_abandoned(self):
        """Find messages in flight whose deadline has passed.

        :returns: digest -> indexes in the list of unsettled messages
        """
        indexes = collections.defaultdict(list)
        for index, (_, delivery) in enumerate(self._unsettled):
            if delivery.done and delivery.unconfirmed:
                indexes[delivery.unconfirmed].append(index)
        return indexes

    def _settle(self, connection, proton, now):
        """Settle all messages in flight that have an outcome.

        In one pass, rather than by events: see :mod:`.connection`.
        """
        terminal = (proton.Delivery.ACCEPTED, proton.Delivery.REJECTED,
                    proton.Delivery.RELEASED, proton.Delivery.MODIFIED)
        returned = []
        remaining = []
        for proton_delivery, delivery in self._unsettled:
            # After RECEIVED, or an unknown state, the outcome follows later.
            if not proton_delivery.updated or not (
                    (state := proton_delivery.remote_state) in terminal or
                    proton_delivery.settled):
                remaining.append((proton_delivery, delivery))
                continue
            if state == proton.Delivery.ACCEPTED:
                connection.has_confirmed = True
                self._handle_accepted(delivery)
            elif not delivery.done:
                error = self._make_error(
                    proton_delivery, state, connection, proton)
                if error:
                    self._finish(delivery, error)
                else:
                    returned.append(delivery)
            proton_delivery.settle()
        self._unsettled = remaining
        if returned:
            self._back_off(now)
            self._retry(returned, f'{connection.host}: {self.address}: the '
                                  'node returned the message, as it cannot '
                                  'accept it now')

    def _handle_accepted(self, delivery):
        self._failures = 0
        self._limit = min(self._limit + 1, self._max_in_flight)
        self._reason = None
        self._problems.log_recovery(self.address)
        if not delivery.done:
            self._finish(delivery)
        elif delivery.unconfirmed:
            self._confirmed_late[delivery.unconfirmed] = None
            if len(self._confirmed_late) > self._max_in_flight:
                del self._confirmed_late[next(iter(self._confirmed_late))]

    def _make_error(self, proton_delivery, state, connection, proton):
        """Return an error, or None if the message can be sent again."""
        node = f'qpid: {connection.host}: {self.address}'
        if state == proton.Delivery.REJECTED:
            condition = failures.read_condition(
                proton_delivery.remote, 'condition')
            if condition is None or condition.name not in failures.TEMPORARY:
                kind = (errors.Rejected
                        if failures.is_message_at_fault(condition)
                        else errors.NotDelivered)
                return kind(f'{node} rejected the message: '
                            f'{failures.describe(condition)}')
        elif (state == proton.Delivery.MODIFIED and
              proton_delivery.remote.undeliverable):
            return errors.Rejected(
                f'{node} reports the message as undeliverable here.')
        return None

    def _check_link(self, connection, proton, now):
        """Check whether the peer has ended the link or the session."""
        link, session = self._link, self._session
        closed = [endpoint for endpoint in (session, link)
                  if endpoint.state & proton.Endpoint.REMOTE_CLOSED]
        if not closed and link.name not in connection.detached:
            return
        connection.detached.discard(link.name)
        condition = failures.read_condition(closed[0] if closed else link)
        # Closing a link that the peer only detached would respond to a close
        # that the peer did not send.
        end = link.close if closed else link.detach
        deliveries = self._remove_link()
        end()
        link.free()
        connection.release_session(session)
        self._handle_end(condition, deliveries, connection.host, now)

    def _handle_end(self, condition, deliveries, host, now):
        name = condition and condition.name
        cause = failures.describe(
            condition, 'the server ended the link without a reason')
        reason = f'{host}: {self.address}: {cause}'
        if name == failures.TOO_LARGE and deliveries:
            largest = max(
                deliveries, key=lambda delivery: len(delivery.data))
            deliveries.remove(largest)
            self._finish(largest, errors.Rejected(f'qpid: {reason}'))
            self._retry(deliveries, reason)
            return
        self._problems.warn(self.address, f'{host}: {cause}')
        if name in failures.DENIED and not deliveries:
            # No message is the cause: all of them can be sent when the
            # operator has granted the permission. The next message tries to
            # attach again.
            while self._queue:
                self._finish(self._queue.popleft(),
                             errors.NotDelivered(f'qpid: {reason}'))
            return
        self._back_off(now)
        kind = (errors.Rejected if name in failures.MESSAGE_AT_FAULT
                else errors.NotDelivered)
        self._isolate(
            deliveries,
            _MAX_ENDS_UNRELATED if name in failures.UNRELATED_TO_MESSAGE
            else _MAX_ENDS_BY_MESSAGE, kind(f'qpid: {reason}'))
        self._retry(deliveries, reason)

    def _isolate(self, deliveries, limit, error):
        """Isolate a message that a server can't handle (a poison message).

        Some servers end a link, a session or a connection because of one
        message, without naming it. All messages in flight at that moment
        would be sent again together with it, forever. So the next message is
        sent alone, and then the number in flight grows again.

        :param deliveries: those that were in flight; on return, those to send
            again
        :param limit: number of ends at which a message that was in flight
            alone fails
        :param error: result of that message
        """
        if deliveries:
            self._limit = 1
        if len(deliveries) == 1:
            deliveries[0].failed_alone += 1
            if deliveries[0].failed_alone >= limit:
                self._finish(deliveries.pop(), error)

    def handle_connection_loss(self, reason=None):
        """Queue the messages again that were in flight on the connection.

        :param reason: None if this client closed the connection
        """
        deliveries = self._remove_link()
        if reason:
            self._isolate(
                deliveries, _MAX_ENDS_UNRELATED,
                errors.NotDelivered(f'qpid: {reason}'))
        self._resume_at = 0.0
        self._requeue(deliveries)

    def _remove_link(self):
        """Remove the link; return unfinished deliveries in flight on it."""
        unsettled, self._unsettled = self._unsettled, []
        for proton_delivery, _ in unsettled:
            proton_delivery.settle()
        self._session = self._link = self._attach_by = None
        return [delivery for _, delivery in unsettled if not delivery.done]

    def count_failure(self, reason):
        """Count a failed attempt; finish deliveries without retries left."""
        for delivery in self._queue:
            delivery.retries -= 1
            if delivery.retries < 0:
                self._finish(
                    delivery, errors.NotDelivered(f'qpid: {reason}'))

    def _retry(self, deliveries, reason):
        self._reason = reason
        self._requeue(deliveries)
        self.count_failure(reason)

    def _requeue(self, deliveries):
        self._queue = collections.deque(sorted(
            [*deliveries, *self._queue], key=operator.attrgetter('number')))

    def _back_off(self, now):
        self._failures += 1
        self._resume_at = now + min(
            _MAX_BACKOFF, _MIN_BACKOFF * 2 ** min(self._failures - 1, 10))
