# SPDX-License-Identifier: Apache-2.0
"""Messages to RabbitMQ, each with a confirmation that it has it.

Not through oslo.messaging's own connection, which waits for ever in some
places: its socket waits as long as heartbeats come, and they come from a
broker that has no room left; it ends where no queue takes a message without
saying so; and it logs a line, or a payload, for each attempt.
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

from usermsg.notifications.drivers import delivery
from usermsg.notifications.drivers import io_thread
from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications import errors

LOG = logging.getLogger(__name__)

FULL = 'it takes no messages: its memory or disk is full'


class _Delivery(delivery.Delivery):

    __slots__ = ('key', 'message', 'returned', 'again')

    def __init__(self, key, message, deadline):
        super().__init__(len(message.body), deadline)
        self.key = key
        self.message = message
        #: No queue took it, as the broker says before it confirms it.
        self.returned = False
        #: That has happened once already.
        self.again = False


class Publisher(io_thread.ThreadedClient):
    """One connection, for all threads of one process.

    It is made when something is to be sent, again when it was lost, to
    another host when one doesn't answer.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param max_in_flight: how many messages may be pending
    """

    def __init__(self, broker, max_in_flight):
        super().__init__('rabbit', max_in_flight)
        self._broker = broker
        # What the thread alone uses.
        self._hosts = collections.deque(broker.hosts)
        # Here, in the process that connects: not all to the same.
        random.shuffle(self._hosts)
        self._connection = self._channel = None
        self._file = None
        self._sent = {}  # by the numbers that the channel gives them
        self._number = 0
        self._declared = set()
        self._blocked = False
        # Whether a message was ever confirmed on the connection.
        self._good = False
        self._warned = set()

    def submit(self, key, message, deadline):
        """Have a message sent, when there is room for it.

        :param key: the routing key, and the name of the queue that is there
            for those who come later
        :param message: an amqp.Message with a ``message_id``; its body is
            bytes
        :param deadline: of ``time.monotonic()``, also for its confirmation
        :returns: a future, whose result is None when the broker has
            confirmed; can be cancelled until the message is on its way
        :raises usermsg.notifications.errors.NotDelivered: there is no room
            for it, or this was closed
        """
        job = _Delivery(key, message, deadline)
        self.put(job, deadline)
        return job.future

    # What follows is called by the thread alone.

    def turn(self):
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
        return self._connection.next_turn

    def broken(self, error):
        """Give the connection up, and what was on its way.

        What waits goes to the next one, unless it is what failed: nothing
        else was on its way, and nothing has gone well before.
        """
        reason = (str(error) if isinstance(error, errors.NotDelivered)
                  else self._words(connections.reason_of(error)))
        lost = list(self._sent.values())
        if not lost and not self._good:
            while self.inbox:
                lost.append(self.inbox.popleft())
        large = _too_large(error, lost)
        for each in lost:
            kind = errors.Rejected if each in large else errors.NotDelivered
            self.finish(each, kind(reason))
        # Last, so that no delivery is lost with an error of it.
        self._disconnect()

    def leave(self):
        self._disconnect()

    def _expire(self):
        """Give up what has had its time."""
        late = self.expired()
        if not late:
            return
        if not self._blocked and not set(late).isdisjoint(
                self._sent.values()):
            raise TimeoutError
        reason = self._words(FULL if self._blocked else connections.NO_ANSWER)
        for each in late:
            # The connection is kept: what was sent there arrives when there
            # is room again, and so would a second one.
            self.finish(each, errors.NotDelivered(reason))

    def _publish(self):
        """Send what waits, but only as much as is written at once."""
        deadline = self.inbox[0].deadline
        if self._connection is None:
            self._connect(deadline)
        connection = self._connection
        connection.wait_until(deadline)
        enough = False
        while self.inbox and not self._blocked and not enough:
            if self.inbox[0].key not in self._declared:
                self._declare(self.inbox[0].key)
            job = self.inbox.popleft()
            if not job.start():
                self.finish(job)  # it was cancelled, or has expired
                continue
            self._number += 1
            self._sent[self._number] = job
            enough = connection.publish(
                self._channel, job.message, self._broker.exchange, job.key)
        connection.flush()

    def _connect(self, deadline):
        reasons = []
        for hosts in range(len(self._hosts), 0, -1):
            host = self._hosts[0]
            try:
                self._open(host, max(
                    (deadline - time.monotonic()) / hosts, connections.LEAST))
                return
            except Exception as error:
                self._disconnect()
                reasons.append(
                    f'{host.address}: {connections.reason_of(error)}')
                self._hosts.rotate(-1)
        raise errors.NotDelivered(f'rabbit: {"; ".join(reasons)}')

    def _open(self, host, timeout):
        self._connection = connections.connect(
            self._broker, host, timeout, heartbeat=self._broker.heartbeat,
            on_blocked=self._on_blocked, on_unblocked=self._on_unblocked)
        # The connection forgets it when it is closed.
        self._file = self._connection.sock
        self.selector.register(self._file, selectors.EVENT_READ)
        self._channel = channel = self._connection.channel()
        channel.confirm_select()
        channel.events['basic_ack'].add(self._on_ack)
        channel.events['basic_nack'].add(self._on_nack)
        channel.events['basic_return'].add(self._on_return)

    def _disconnect(self):
        connection, self._connection = self._connection, None
        self._channel = None
        self._sent = {}
        self._number = 0
        self._declared.clear()
        self._blocked = self._good = False
        if connection is not None:
            # It is not there if that is what failed.
            with contextlib.suppress(KeyError):
                self.selector.unregister(self._file)
            connections.end(connection)

    def _declare(self, key):
        """Have an exchange, and a queue for those who come later."""
        broker = self._broker
        for step in (
                lambda channel: channel.exchange_declare(
                    broker.exchange, 'topic', False, broker.durable,
                    broker.auto_delete),
                lambda channel: channel.queue_declare(
                    key, durable=broker.durable,
                    auto_delete=broker.auto_delete,
                    arguments=broker.arguments),
                lambda channel: channel.queue_bind(
                    key, broker.exchange, key)):
            declined = connections.declare(self._connection, step)
            if declined:
                self._warn(f'{declined}; what there is, is used')
        if not broker.durable:
            self._warn(
                f'queue {key} is lost when RabbitMQ restarts, with what is '
                'in it, unless it was durable before; see "usermsg-status '
                'upgrade check"')
        self._declared.add(key)

    def _on_blocked(self, reason):
        self._blocked = True

    def _on_unblocked(self):
        self._blocked = False

    def _on_ack(self, number, multiple):
        for job in self._settled(number, multiple):
            if not job.returned:
                self.finish(job)
            elif job.again:
                self.finish(job, errors.NotDelivered(self._words(
                    f'no queue takes {job.key} from exchange '
                    f'{self._broker.exchange}')))
            else:
                # The queue is gone that was there; it is declared anew.
                self._declared.discard(job.key)
                job.returned, job.again = False, True
                self.inbox.append(job)

    def _on_nack(self, number, multiple):
        for job in self._settled(number, multiple):
            self.finish(job, errors.NotDelivered(self._words(
                f'it did not take {job.key}; is a queue full?')))

    def _on_return(self, error, exchange, key, message):
        # Its confirmation comes next.
        name = message.properties['message_id']
        for each in self._sent.values():
            if (each.key, each.message.properties['message_id'],
                    each.returned) == (key, name, False):
                each.returned = True
                return

    def _settled(self, number, multiple):
        self._good = True
        numbers = [number]
        if multiple:
            numbers = list(itertools.takewhile(number.__ge__, self._sent))
        return filter(None, [self._sent.pop(each, None) for each in numbers])

    def _words(self, reason):
        return f'rabbit: {self._hosts[0].address}: {reason}'

    def _warn(self, text):
        """Say it once, whatever is connected how often."""
        if text not in self._warned:
            self._warned.add(text)
            LOG.warning('%s', self._words(text))


def _too_large(error, sent):
    """For which messages the broker ended the channel: it tells a size."""
    if not isinstance(error, amqp.PreconditionFailed):
        return []
    sizes = re.findall(r'\d+', error.reply_text)
    return [each for each in sent if str(each.size) in sizes]
