# SPDX-License-Identifier: Apache-2.0
"""Publisher of messages to RabbitMQ, with publisher confirms.

oslo.messaging's connection is not used, since it blocks forever in some
places: its socket waits as long as heartbeats arrive, and a broker whose
memory or disk is full still sends them; it drops an unroutable message
without an error; and it logs a line, or a payload, for each attempt.
"""

import collections
import contextlib
import itertools
import math
import random
import re
import selectors
import time

import amqp
from oslo_log import log as logging

from usermsg.notifications.drivers import delivery as deliveries
from usermsg.notifications.drivers import io_thread
from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications import errors

LOG = logging.getLogger(__name__)

FULL = 'the broker accepts no messages: its memory or disk is full'


class _Delivery(deliveries.Delivery):

    __slots__ = ('key', 'message', 'returned', 'republished')

    def __init__(self, key, message, deadline):
        super().__init__(len(message.body), deadline)
        self.key = key
        self.message = message
        #: No queue accepted the message: the broker returns it, and then
        #: confirms it.
        self.returned = False
        #: The message was returned once and published again.
        self.republished = False


class Publisher(io_thread.ThreadedClient):
    """Publisher with one connection for all threads of a process.

    It connects when there is a message to send, reconnects after a connection
    loss, and tries another host when one doesn't respond.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param max_pending: maximum number of pending messages
    :param queue_options: of the queues that it declares, a dict
    """

    def __init__(self, broker, max_pending, queue_options):
        super().__init__('rabbit', max_pending)
        self._broker = broker
        self._queue_options = queue_options
        # The following attributes are used by the I/O thread only.
        self._hosts = collections.deque(broker.hosts)
        # Shuffled here, in the process that connects, so that processes don't
        # all connect to the same host.
        random.shuffle(self._hosts)
        self._connection = self._channel = None
        self._file = None
        self._unconfirmed = {}  # by delivery tag
        self._number = 0
        self._declared = set()
        self._blocked = False
        # True once the current connection has confirmed or refused a message.
        self._has_confirmed = False
        self._warned = set()

    def submit(self, key, message, deadline):
        """Submit a message, and wait for room if necessary.

        :param key: the routing key, and the name of the queue that keeps
            messages for consumers that start later
        :param message: an amqp.Message with a ``message_id``; its body is
            bytes
        :param deadline: in monotonic seconds, also of the confirmation
        :returns: a future, whose result is None once the broker has confirmed
            the message; it can be cancelled until the message is in flight
        :raises usermsg.notifications.errors.NotDelivered: there is no room,
            or the publisher is closed
        """
        delivery = _Delivery(key, message, deadline)
        self.put(delivery, deadline)
        return delivery.future

    # The following methods are called by the I/O thread only.

    def run_once(self):
        if self._connection is not None:
            self._connection.read_all()
            self._connection.tick()
        self._expire()
        while self.inbox and self.inbox[0].done:
            self.inbox.popleft()
        if self.inbox and not self._blocked:
            self._publish()
            if self.inbox:
                return 0.0
        if self._connection is None:
            return math.inf
        return self._connection.next_read_at

    def recover(self, error):
        """Close the connection, and fail the messages in flight.

        Messages in the inbox wait for the next connection, unless they caused
        the error: that is assumed if none was in flight and none had been
        confirmed before.
        """
        reason = (str(error) if isinstance(error, errors.NotDelivered)
                  else self._with_host(connections.describe_error(error)))
        lost = list(self._unconfirmed.values())
        if not lost and not self._has_confirmed:
            while self.inbox:
                lost.append(self.inbox.popleft())
        too_large = _too_large(error, lost)
        for delivery in lost:
            kind = (errors.Rejected if delivery in too_large
                    else errors.NotDelivered)
            self.finish(delivery, kind(reason))
        # Last, so that an error in it leaves no delivery without a result.
        self.disconnect()

    def _expire(self):
        """Fail the deliveries whose deadline has passed."""
        expired = self.expired()
        if not expired:
            return
        if not self._blocked and not set(expired).isdisjoint(
                self._unconfirmed.values()):
            raise TimeoutError
        reason = self._with_host(
            FULL if self._blocked else connections.NO_RESPONSE)
        for delivery in expired:
            # The connection is kept: the messages sent on it arrive when the
            # broker has room again, and so would their duplicates.
            self.finish(delivery, errors.NotDelivered(reason))

    def _publish(self):
        """Send messages of the inbox, as many as one write holds."""
        deadline = self.inbox[0].deadline
        if self._connection is None:
            self._connect(deadline)
        connection = self._connection
        connection.wait_until(deadline)
        is_full = False
        while self.inbox and not self._blocked and not is_full:
            if self.inbox[0].key not in self._declared:
                self._declare(self.inbox[0].key)
            delivery = self.inbox.popleft()
            if not delivery.start():
                self.finish(delivery)  # it was cancelled, or has expired
                continue
            self._number += 1
            self._unconfirmed[self._number] = delivery
            is_full = connection.publish(
                self._channel, delivery.message, self._broker.exchange,
                delivery.key)
        connection.flush()

    def _connect(self, deadline):
        reasons = []
        for hosts in range(len(self._hosts), 0, -1):
            host = self._hosts[0]
            try:
                self._open(host, max(
                    (deadline - time.monotonic()) / hosts,
                    connections.MIN_TIMEOUT))
                return
            except Exception as error:
                self.disconnect()
                reasons.append(
                    f'{host.address}: {connections.describe_error(error)}')
                self._hosts.rotate(-1)
        raise errors.NotDelivered(f'rabbit: {"; ".join(reasons)}')

    def _open(self, host, timeout):
        self._connection = connections.connect(
            self._broker, host, timeout, heartbeat=self._broker.heartbeat,
            on_blocked=self._on_blocked, on_unblocked=self._on_unblocked)
        # The broker confirms many messages at a time.
        self._connection.buffer_reads()
        # Kept for unregister(): the connection drops its socket on close.
        self._file = self._connection.sock
        self.selector.register(self._file, selectors.EVENT_READ)
        self._channel = channel = self._connection.channel()
        channel.confirm_select()
        channel.events['basic_ack'].add(self._on_ack)
        channel.events['basic_nack'].add(self._on_nack)
        channel.events['basic_return'].add(self._on_return)

    def disconnect(self):
        connection, self._connection = self._connection, None
        self._channel = None
        self._unconfirmed = {}
        self._number = 0
        self._declared.clear()
        self._blocked = self._has_confirmed = False
        if connection is not None:
            # The file isn't registered if register() failed.
            with contextlib.suppress(KeyError):
                self.selector.unregister(self._file)
            connections.close(connection)

    def _declare(self, key):
        """Declare the exchange, and a queue for consumers that start later."""
        broker = self._broker
        for step in (
                lambda channel: channel.exchange_declare(
                    broker.exchange, 'topic', False, broker.durable,
                    broker.auto_delete),
                lambda channel: channel.queue_declare(
                    key, **self._queue_options),
                lambda channel: channel.queue_bind(
                    key, broker.exchange, key)):
            refusal = connections.try_declare(self._connection, step)
            if refusal:
                self._warn(f'{refusal}; the existing one is used')
        if not self._queue_options['durable']:
            self._warn(
                f'queue {key} and its messages are lost when RabbitMQ '
                'restarts, unless the queue was durable before; see '
                '"usermsg-status upgrade check"')
        self._declared.add(key)

    def _on_blocked(self, reason):
        self._blocked = True

    def _on_unblocked(self):
        self._blocked = False

    def _on_ack(self, number, multiple):
        for delivery in self._settled(number, multiple):
            if not delivery.returned:
                self.finish(delivery)
            elif delivery.republished:
                self.finish(delivery, errors.NotDelivered(self._with_host(
                    f'exchange {self._broker.exchange} routes '
                    f'{delivery.key} to no queue')))
            else:
                # The queue was deleted meanwhile; it is declared again.
                self._declared.discard(delivery.key)
                delivery.returned, delivery.republished = False, True
                self.inbox.append(delivery)

    def _on_nack(self, number, multiple):
        for delivery in self._settled(number, multiple):
            self.finish(delivery, errors.NotDelivered(self._with_host(
                f'the broker refused {delivery.key}; a queue may be full')))

    def _on_return(self, error, exchange, key, message):
        # The confirmation of the same message follows.
        name = message.properties['message_id']
        for delivery in self._unconfirmed.values():
            if (delivery.key, delivery.message.properties['message_id'],
                    delivery.returned) == (key, name, False):
                delivery.returned = True
                return

    def _settled(self, number, multiple):
        self._has_confirmed = True
        numbers = [number]
        if multiple:
            numbers = list(itertools.takewhile(
                number.__ge__, self._unconfirmed))
        return filter(None, [self._unconfirmed.pop(tag, None)
                             for tag in numbers])

    def _with_host(self, reason):
        return f'rabbit: {self._hosts[0].address}: {reason}'

    def _warn(self, text):
        """Log a warning once, not again after each reconnection."""
        if text not in self._warned:
            self._warned.add(text)
            LOG.warning('%s', self._with_host(text))


def _too_large(error, sent):
    """Return the messages for whose size the broker closed the channel.

    The error contains the size.
    """
    if not isinstance(error, amqp.PreconditionFailed):
        return []
    sizes = re.findall(r'\d+', error.reply_text)
    return [delivery for delivery in sent if str(delivery.size) in sizes]
