# SPDX-License-Identifier: Apache-2.0
"""Messages to RabbitMQ, each with a confirmation that it has it.

Not through oslo.messaging's own connection, which waits for ever in some
places: its socket waits as long as heartbeats come, and they come from a
broker that has no room left; it ends where no queue takes a message without
saying so; and it logs a line, or a payload, for each attempt.
"""

import collections
from concurrent import futures
import contextlib
import queue
import random
import re
import threading
import time

import amqp
from oslo_log import log as logging

from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications import errors

LOG = logging.getLogger(__name__)

FULL = 'it takes no messages: its memory or disk is full'

# Seconds. The longest that a thread waits for the socket without looking
# whether another has read; how long a failure counts for those who don't want
# to wait for another; and what a thread that reads for others may take longer
# than they wait.
_SLICE = 0.02
_PAUSE = 1
_GRACE = 0.5
_DECLINED = (amqp.AccessRefused, amqp.NotFound, amqp.PreconditionFailed)


class Unroutable(errors.NotDelivered):
    """No queue takes it; one has been there when it was looked for."""


class _Sent(futures.Future):
    """A message on its way: done when it is confirmed, or lost."""

    def __init__(self, name, key, size, deadline):
        super().__init__()
        self.name = name
        self.key = key
        self.size = size
        self.deadline = deadline
        # Else whoever holds it could cancel it, which means nothing here.
        self.set_running_or_notify_cancel()


class Publisher:
    """One connection, for all threads of one process.

    It is made when something is to be sent, again when it was lost, to
    another host when one doesn't answer.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param window: how many messages may be on their way
    """

    def __init__(self, broker, window):
        self._broker = broker
        self._window = window
        self._hosts = collections.deque(broker.hosts)
        # Here, in the process that connects: not all to the same.
        random.shuffle(self._hosts)
        # Of all below. Nobody holds it while waiting for a confirmation.
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._starting = threading.Lock()
        self._follower = None
        self._followed = queue.SimpleQueue()
        self._connection = self._channel = None
        self._sent = {}  # by the numbers that the channel gives them
        self._number = 0
        self._returned = set()
        self._declared = set()
        self._blocked = False
        self._used = 0.0
        self._pause_ends = 0.0
        self._pause_reason = ''
        self._warned = set()

    def publish(self, key, message, deadline):
        """Send a message; a Future that ends with its confirmation.

        Whoever wants that calls :meth:`wait`: nothing is read before.

        :param key: the routing key, and the name of the queue that is there
            for those who come later
        :param message: an amqp.Message with a ``message_id``
        :param deadline: of ``time.monotonic()``, also for its confirmation
        :raises usermsg.notifications.errors.NotDelivered: it isn't sent
        """
        with self._locked(deadline):
            return self._send(key, message, deadline, patient=True)

    def submit(self, key, message, deadline):
        """As :meth:`publish`, but a thread waits for the confirmation.

        It fails at once where another has just failed, or where there is no
        room: who sends many would otherwise wait for each.
        """
        with self._locked(deadline):
            if time.monotonic() < self._pause_ends:
                raise errors.NotDelivered(self._pause_reason)
            sent = self._send(key, message, deadline, patient=False)
        self._follow(sent)
        return sent

    def wait(self, sent):
        """Read until a message is confirmed or lost, or its time is over.

        :raises usermsg.notifications.errors.NotDelivered: see ``errors``
        """
        # One reads for all; the others only wait to be told.
        if self._reading.acquire(blocking=False):
            try:
                self._read_until_done(sent)
            finally:
                self._reading.release()
        else:
            self._follow(sent)
        try:
            return sent.result(_left(sent.deadline) + _GRACE)
        except futures.TimeoutError:
            raise errors.NotDelivered(
                self._words(connections.NO_ANSWER)) from None

    def _follow(self, sent):
        """Let a thread read until a message is confirmed."""
        with self._starting:
            if self._follower is None:
                self._follower = threading.Thread(
                    target=self._read_what_is_followed, daemon=True,
                    name='rabbit-confirmations')
                self._follower.start()
        self._followed.put(sent)

    def _read_what_is_followed(self):
        while (sent := self._followed.get()) is not None:
            with self._reading:
                while not sent.done():
                    # The Future has it, sooner or later.
                    with contextlib.suppress(errors.NotDelivered):
                        self._read_until_done(sent)

    def _read_until_done(self, sent):
        while not sent.done():
            left = _left(sent.deadline)
            # Without the lock, so that others can send meanwhile. They read
            # too when they do, and it may be for this one.
            if connections.readable(
                    self._connection, min(left, _SLICE)) or not left:
                with self._locked(sent.deadline):
                    if not sent.done():
                        self._read(sent)

    def close(self, deadline):
        """Wait for what is on its way, then end the connection."""
        for sent in list(self._sent.values()):
            sent.deadline = min(sent.deadline, deadline)
            with contextlib.suppress(errors.NotDelivered):
                self.wait(sent)
        with contextlib.suppress(errors.NotDelivered):
            with self._locked(deadline):
                self._drop(None)
        with self._starting:
            if self._follower is not None:
                self._followed.put(None)
                self._follower = None

    @contextlib.contextmanager
    def _locked(self, deadline):
        if not self._lock.acquire(
                timeout=max(_left(deadline), connections.LEAST)):
            raise errors.NotDelivered(self._words(connections.NO_ANSWER))
        try:
            yield
        finally:
            self._lock.release()

    # What follows is called with the lock.

    def _send(self, key, message, deadline, patient):
        while len(self._sent) >= self._window:
            self._read(next(iter(self._sent.values())))
        try:
            sent = self._connect_and_publish(key, message, deadline, patient)
        except errors.NotDelivered as error:
            self._pause_ends = time.monotonic() + _PAUSE
            self._pause_reason = str(error)
            raise
        self._pause_ends = 0.0
        return sent

    def _connect_and_publish(self, key, message, deadline, patient):
        for again in (True, False):
            fresh = self._connect(deadline)
            try:
                return self._publish(key, message, deadline, patient)
            except errors.NotDelivered:
                raise
            except Exception as error:
                reason = self._drop(error)
                # That a connection was lost long ago shows only now.
                if fresh or not again:
                    raise errors.NotDelivered(reason) from None
            except BaseException:
                # In the middle of a frame, for all we know.
                self._drop(None)
                raise

    def _connect(self, deadline):
        """Be connected; whether that is a new connection.

        :raises usermsg.notifications.errors.NotDelivered: to no host
        """
        if self._connection is not None:
            idle = time.monotonic() - self._used
            if idle < self._broker.idle or self._sent:
                return False
            # Something on the way may have forgotten it without a word.
            self._drop(None)
        reasons = []
        for left in range(len(self._hosts), 0, -1):
            host = self._hosts[0]
            try:
                self._connection, self._channel = self._open(
                    host, max(_left(deadline) / left, connections.LEAST))
                self._used = time.monotonic()
                return True
            except Exception as error:
                reasons.append(
                    f'{host.address}: {connections.reason_of(error)}')
                self._hosts.rotate(-1)
        raise errors.NotDelivered(f'rabbit: {"; ".join(reasons)}')

    def _open(self, host, timeout):
        connection = connections.connect(
            self._broker, host, timeout, on_blocked=self._on_blocked,
            on_unblocked=self._on_unblocked)
        try:
            channel = connection.channel()
            channel.confirm_select()
        except BaseException:
            connections.end(connection)
            raise
        channel.events['basic_ack'].add(self._on_ack)
        channel.events['basic_nack'].add(self._on_nack)
        channel.events['basic_return'].add(self._on_return)
        return connection, channel

    def _within(self, seconds):
        """Bound each single wait for the broker."""
        self._connection.transport.sock.settimeout(
            max(seconds, connections.LEAST))

    def _publish(self, key, message, deadline, patient):
        while self._blocked:
            if not self._read_one(deadline if patient else 0):
                raise errors.NotDelivered(self._words(FULL))
        if key not in self._declared:
            self._declare(key, deadline)
        self._within(_left(deadline))
        self._channel.basic_publish(
            message, self._broker.exchange, key, mandatory=True)
        self._number += 1
        self._used = time.monotonic()
        sent = _Sent(message.properties['message_id'], key,
                     len(message.body), deadline)
        self._sent[self._number] = sent
        return sent

    def _declare(self, key, deadline):
        """Have an exchange, and a queue for those who come later.

        What is there already, and otherwise than the options say, is used as
        it is: others may depend on it. So is what may not be declared.
        """
        broker = self._broker
        exchange = broker.exchange

        def declare_exchange(channel):
            channel.exchange_declare(exchange, 'topic', False, broker.durable,
                                     broker.auto_delete)

        def declare_queue(channel):
            channel.queue_declare(
                key, durable=broker.durable, auto_delete=broker.auto_delete,
                arguments=broker.arguments)

        def bind(channel):
            channel.queue_bind(key, exchange, key)

        for step in (declare_exchange, declare_queue, bind):
            self._within(_left(deadline))
            # Not the one with the messages: what is declined ends a channel.
            channel = self._connection.channel()
            try:
                step(channel)
            except _DECLINED as error:
                self._warn(f'{error.reply_text}; what there is, is used')
            channel.close()
        if not broker.durable:
            self._warn(
                f'queue {key} is lost when RabbitMQ restarts, with what is '
                'in it; set [oslo_messaging_rabbit] amqp_durable_queues, '
                'here and for those who listen')
        self._declared.add(key)

    def _read(self, sent):
        """Read once, or give a message up whose time is over."""
        try:
            # Another may have read it since there was something.
            if self._read_one(min(sent.deadline,
                                  time.monotonic() + connections.LEAST)):
                return
        except Exception as error:
            self._drop(error)
            return
        except BaseException:
            self._drop(None)
            raise
        if time.monotonic() < sent.deadline:
            return
        if self._blocked:
            # Kept: what was sent there arrives when there is room again, and
            # so would a second one.
            self._lose(sent, errors.NotDelivered(self._words(FULL)))
        else:
            self._drop(TimeoutError())

    def _read_one(self, deadline):
        """Whether there was something to read."""
        try:
            self._connection.drain_events(
                timeout=max(_left(deadline), connections.LEAST))
        except TimeoutError:
            return False
        self._used = time.monotonic()
        return True

    def _on_blocked(self, reason):
        self._blocked = True

    def _on_unblocked(self):
        self._blocked = False

    def _on_ack(self, number, multiple):
        for sent in self._settled(number, multiple):
            if (sent.name, sent.key) not in self._returned:
                sent.set_result(None)
                continue
            self._returned.discard((sent.name, sent.key))
            self._declared.discard(sent.key)
            sent.set_exception(Unroutable(self._words(
                f'no queue takes {sent.key} from exchange '
                f'{self._broker.exchange}')))

    def _on_nack(self, number, multiple):
        for sent in self._settled(number, multiple):
            sent.set_exception(errors.NotDelivered(self._words(
                f'it did not take {sent.key}; is a queue full?')))

    def _on_return(self, error, exchange, key, message):
        # Its confirmation comes next.
        self._returned.add((message.properties['message_id'], key))

    def _settled(self, number, multiple):
        numbers = [number]
        if multiple:
            numbers = [each for each in self._sent if each <= number]
        return filter(None, [self._sent.pop(each, None) for each in numbers])

    def _lose(self, sent, error):
        for number in [number for number, each in self._sent.items()
                       if each is sent]:
            del self._sent[number]
        sent.set_exception(error)

    def _drop(self, error):
        """Give the connection up, and what isn't confirmed; says why."""
        reason = self._words(connections.reason_of(error))
        sent = list(self._sent.values())
        self._discard()
        large = _too_large(error, sent)
        for each in sent:
            if each.done():
                continue
            if each in large:
                each.set_exception(errors.Refused(reason))
            else:
                each.set_exception(errors.NotDelivered(reason))
        return reason

    def _discard(self):
        connection, self._connection = self._connection, None
        self._channel = None
        self._sent = {}
        self._number = 0
        self._returned.clear()
        self._declared.clear()
        self._blocked = False
        if connection is not None:
            connections.end(connection)

    def _words(self, reason):
        return f'rabbit: {self._hosts[0].address}: {reason}'

    def _warn(self, text):
        """Say it once, whatever is connected how often."""
        if text not in self._warned:
            self._warned.add(text)
            LOG.warning('%s', self._words(text))


def _left(deadline):
    return max(deadline - time.monotonic(), 0)


def _too_large(error, sent):
    """For which messages the broker ended the channel: it tells a size."""
    if not isinstance(error, amqp.PreconditionFailed):
        return []
    sizes = re.findall(r'\d+', error.reply_text)
    return [each for each in sent if str(each.size) in sizes]
