# SPDX-License-Identifier: Apache-2.0
"""Copies of what passes an exchange of RabbitMQ, for whoever looks on."""

import contextlib

from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications.drivers.rabbit import received_message

#: What may wait for a reader that is slow; RabbitMQ forgets the oldest then.
_WAITING = 10_000
_PREFETCHED = 100

#: Seconds: the sign of life that is asked for, and the wait for an answer.
_HEARTBEAT = 20
_TIMEOUT = 5


class Subscription:
    """Notifications, from the moment at which it is opened.

    Others get all that they would get without it: it has a queue of its own,
    which belongs to its connection. RabbitMQ removes it with that, however it
    ends.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param exchange: its name
    :param keys: what is routed with these is copied; ``*`` is any word
    """

    def __init__(self, broker, exchange, keys):
        self._broker = broker
        self._exchange = exchange
        self._keys = keys
        self._arrived = []
        self._connection = self._channel = None

    def open(self, look=lambda: None):
        """Connect to the first host that answers.

        :param look: called before each; what it raises ends the attempt
        :returns: what it listens to, a text
        :raises received_message.Lost: none does
        """
        reasons = []
        for host in self._broker.hosts:
            look()
            try:
                self._connection = connections.connect(
                    self._broker, host, _TIMEOUT, heartbeat=_HEARTBEAT)
                self._subscribe()
                return (f'{host.address}, exchange {self._exchange}, '
                        f'{", ".join(self._keys)}')
            except Exception as error:
                self.close()
                reasons.append(
                    f'{host.address}: {connections.reason_of(error)}')
        raise received_message.Lost('; '.join(reasons))

    def _subscribe(self):
        # As senders would make it, if none has yet.
        connections.declare(
            self._connection, lambda channel: channel.exchange_declare(
                self._exchange, 'topic', False, self._broker.durable,
                self._broker.auto_delete))
        self._channel = channel = self._connection.channel()
        queue = channel.queue_declare(
            exclusive=True, auto_delete=True, arguments={
                'x-max-length': _WAITING, 'x-overflow': 'drop-head'}).queue
        for key in self._keys:
            channel.queue_bind(queue, self._exchange, key)
        channel.basic_qos(0, _PREFETCHED, False)
        channel.basic_consume(queue, callback=self._arrived.append,
                              exclusive=True)

    def read(self, seconds):
        """What has arrived, or is the next to do so within some seconds.

        :returns: a list of the six attributes of each, as a dict; None for
            what is no notification
        :raises received_message.Lost: the connection is gone
        """
        try:
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=seconds)
            self._connection.heartbeat_tick()
            messages, self._arrived[:] = list(self._arrived), []
            if messages:
                self._channel.basic_ack(messages[-1].delivery_tag, True)
        except Exception as error:
            self.close()
            raise received_message.Lost(connections.reason_of(error)) from None
        return [received_message.attributes(
            message.body, (message.headers or {}).get('compression'))
            for message in messages]

    def close(self):
        if self._connection is not None:
            connections.end(self._connection)
        self._connection = self._channel = None
        self._arrived.clear()
