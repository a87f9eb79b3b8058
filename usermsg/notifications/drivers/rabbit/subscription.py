# SPDX-License-Identifier: Apache-2.0
"""Subscription to copies of the messages of exchanges of RabbitMQ."""

import contextlib

from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications.drivers.rabbit import received_message

#: Maximum number of messages, and of their bytes, in the queue of a slow
#: reader; RabbitMQ drops the oldest beyond that.
_MAX_QUEUED = 10_000
_MAX_QUEUED_BYTES = 256 * 1024 * 1024
_PREFETCH_COUNT = 100

#: In seconds: the requested heartbeat, and the timeout of connecting.
_HEARTBEAT = 20
_TIMEOUT = 5


class Subscription:
    """Subscription to notifications, from the moment it is opened.

    Other consumers miss nothing: the subscription has an exclusive queue,
    which RabbitMQ deletes with the connection, however that ends.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param exchanges: names of the exchanges
    :param keys: routing keys of the messages to copy; ``*`` is any word
    :param declare: declare the exchanges as senders do, if none has done so
        yet; otherwise those that don't exist are omitted
    :ivar missing: names of the exchanges that were omitted, a list
    """

    def __init__(self, broker, exchanges, keys, declare=True):
        self._broker = broker
        self._exchanges = exchanges
        self._keys = keys
        self._declare = declare
        self.missing = []
        self._received = []
        self._connection = self._channel = None

    def open(self, check=lambda: None):
        """Connect to the first host that responds.

        :param check: called before each host; its exceptions propagate
        :returns: a description of the subscription, a text
        :raises received_message.ConnectionLost: no host responds
        """
        reasons = []
        for host in self._broker.hosts:
            check()
            try:
                self._connection = connections.connect(
                    self._broker, host, _TIMEOUT, heartbeat=_HEARTBEAT)
                self._subscribe()
                return (f'{host.address}, exchange '
                        f'{", ".join(self._exchanges)}, '
                        f'{", ".join(self._keys)}')
            except Exception as error:
                self.close()
                reasons.append(
                    f'{host.address}: {connections.describe_error(error)}')
        raise received_message.ConnectionLost('; '.join(reasons))

    def _subscribe(self):
        self.missing = [
            exchange for exchange in self._exchanges
            if connections.try_declare(
                self._connection, lambda channel: channel.exchange_declare(
                    exchange, 'topic', not self._declare,
                    self._broker.durable, self._broker.auto_delete)) and
            not self._declare]
        self._channel = channel = self._connection.channel()
        queue = channel.queue_declare(
            exclusive=True, auto_delete=True, arguments={
                'x-max-length': _MAX_QUEUED,
                'x-max-length-bytes': _MAX_QUEUED_BYTES,
                'x-overflow': 'drop-head'}).queue
        for exchange in self._exchanges:
            if exchange not in self.missing:
                for key in self._keys:
                    channel.queue_bind(queue, exchange, key)
        channel.basic_qos(0, _PREFETCH_COUNT, False)
        channel.basic_consume(queue, callback=self._received.append,
                              exclusive=True)

    def read(self, seconds):
        """Return the received messages; wait for the next if necessary.

        :param seconds: timeout of the wait
        :returns: a list of amqp.Message objects
        :raises received_message.ConnectionLost: the connection was lost
        """
        try:
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=seconds)
            self._connection.heartbeat_tick()
            messages, self._received[:] = list(self._received), []
            if messages:
                self._channel.basic_ack(messages[-1].delivery_tag, True)
        except Exception as error:
            self.close()
            raise received_message.ConnectionLost(
                connections.describe_error(error)) from None
        return messages

    def close(self):
        if self._connection is not None:
            connections.close(self._connection)
        self._connection = self._channel = None
        self._received.clear()
