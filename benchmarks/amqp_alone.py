# SPDX-License-Identifier: Apache-2.0
"""Sender of notifications that consists of py-amqp and json only.

It is the shortest program that sends many notifications before the first is
confirmed: no envelope, no timeout, no thread, and no reaction to an error.
"""

import json

import amqp


class Sender:
    """Connection to RabbitMQ whose messages are confirmed.

    :param make: function that returns a new notification, a dict
    :param exchange: an exchange that exists
    :param key: the routing key
    :param options: of :class:`amqp.Connection`
    """

    def __init__(self, make, exchange, key, **options):
        self._make = make
        self._exchange = exchange
        self._key = key
        self._connection = amqp.Connection(**options)
        self._connection.connect()
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events['basic_ack'].add(self._on_ack)
        self._sent = self._confirmed = 0

    def send(self, count):
        """Send notifications, and return when all are confirmed."""
        for _ in range(count):
            body = self._make()
            self._channel.basic_publish(amqp.Message(
                json.dumps(body), content_type='application/json',
                content_encoding='utf-8', delivery_mode=2,
                message_id=body['message_id']),
                self._exchange, self._key, mandatory=True)
            self._sent += 1
        while self._confirmed < self._sent:
            self._connection.drain_events()

    def close(self):
        self._connection.close()

    def _on_ack(self, number, multiple):
        # Acknowledgements arrive in any order, but a turn ends when the last
        # one has.
        self._confirmed += number - self._confirmed if multiple else 1
