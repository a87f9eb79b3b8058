# SPDX-License-Identifier: Apache-2.0
"""Subscription to copies of the messages of an exchange of RabbitMQ."""

import contextlib

from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications.drivers.rabbit import received_message

#: Maximum number of messages in the queue of a slow reader; RabbitMQ drops the
#: oldest beyond that.
_MAX_QUEUED = 10_000
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
    :param exchange: name of the exchange
    :param keys: routing keys of the messages to copy; ``*`` is any word
    """

    def __init__(self, broker, exchange, keys):
        self._broker = broker
        self._exchange = exchange
        self._keys = keys
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
                return (f'{host.address}, exchange {self._exchange}, '
                        f'{", ".join(self._keys)}')
            except Exception as error:
                self.close()
                reasons.append(
                    f'{host.address}: {connections.describe_error(error)}')
        raise received_message.ConnectionLost('; '.join(reasons))

    def _subscribe(self):
        # Declared as senders declare it, if none has done so yet.
        connections.try_declare(
            self._connection, lambda channel: channel.exchange_declare(
                self._exchange, 'topic', False, self._broker.durable,
                self._broker.auto_delete))
        self._channel = channel = self._connection.channel()
        queue = channel.queue_declare(
            exclusive=True, auto_delete=True, arguments={
                'x-max-length': _MAX_QUEUED, 'x-overflow': 'drop-head'}).queue
        for key in self._keys:
            channel.queue_bind(queue, self._exchange, key)
        channel.basic_qos(0, _PREFETCH_COUNT, False)
        channel.basic_consume(queue, callback=self._received.append,
                              exclusive=True)

    def read(self, seconds):
        """Return the received notifications; wait for the next if necessary.

        :param seconds: timeout of the wait
        :returns: a list of dicts with the six attributes; None for a message
            that isn't a notification
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
        return [received_message.parse_notification(
            message.body, (message.headers or {}).get('compression'))
            for message in messages]

    def close(self):
        if self._connection is not None:
            connections.close(self._connection)
        self._connection = self._channel = None
        self._received.clear()
