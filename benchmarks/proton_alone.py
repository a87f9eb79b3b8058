# SPDX-License-Identifier: Apache-2.0
"""Minimal Proton client, with which the driver ``qpid`` is compared.

One thread, one persistent connection, and a limited number of messages in
flight: the shortest program that sends through Proton's engine and waits for
all confirmations.
"""

import json
import socket

import proton

MAX_IN_FLIGHT = 500


class Sender:
    """Sender to one address.

    :param host: of the broker
    :param port: of the broker
    :param address: of a node of the broker
    :param make: function that returns the notification of each message, which
        is sent in the envelope of the driver
    :param login: user name and password, if any
    :param vhost: host name that the connection requests, if any
    """

    def __init__(self, host, port, address, make, login=(), vhost=None):
        self._make = make
        self._socket = socket.create_connection((host, port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = proton.Transport()
        self._connection = proton.Connection()
        self._collector = proton.Collector()
        self._connection.collect(self._collector)
        self._connection.hostname = vhost or host
        sasl = self._transport.sasl()
        sasl.allowed_mechs('PLAIN' if login else 'ANONYMOUS')
        sasl.allow_insecure_mechs = True
        if login:
            self._connection.user, self._connection.password = login
        self._transport.bind(self._connection)
        self._connection.open()
        session = self._connection.session()
        session.open()
        self._link = session.sender('benchmark')
        self._link.target.address = address
        self._link.open()
        self._sent = self._confirmed = 0

    def send(self, count):
        """Send ``count`` messages, and wait for all confirmations."""
        last = self._sent + count
        while self._confirmed < last:
            while (self._link.credit and self._sent < last and
                    self._sent - self._confirmed < MAX_IN_FLIGHT):
                self._link.send(self._message())
                self._sent += 1
            while (pending := self._transport.pending()) > 0:
                self._socket.sendall(self._transport.peek(pending))
                self._transport.pop(pending)
            data = self._socket.recv(self._transport.capacity())
            if not data:
                raise ConnectionError('the broker closed the connection')
            self._transport.push(data)
            self._handle_events()

    def _message(self):
        body = self._make()
        text = json.dumps({
            'request': {'oslo.version': '2.0',
                        'oslo.message': json.dumps(body)},
            'context': {}})
        return proton.Message(
            text, inferred=True, durable=True, id=body['message_id'],
            subject='notifications.info', content_type='application/json')

    def _handle_events(self):
        while event := self._collector.peek():
            if event.type == proton.Event.DELIVERY:
                if event.delivery.remote_state != proton.Delivery.ACCEPTED:
                    raise ConnectionError(
                        'the broker did not accept a message')
                event.delivery.settle()
                self._confirmed += 1
            self._collector.pop()

    def close(self):
        self._socket.close()
        self._transport.unbind()
        self._connection.free()
        self._collector.release()
