# SPDX-License-Identifier: Apache-2.0
"""What the strategy ``qpid`` is compared to: Proton, and little else.

One thread, one connection that is kept, a window of messages on their way: the
shortest program that sends through Proton's engine and has it all confirmed.
"""

import json
import socket

import proton

WINDOW = 500


class Sender:
    """Sends to one address.

    :param host: of the broker
    :param port: of the broker
    :param address: of a node of it
    :param make: called for each message: the notification that it holds, in
        the envelope of the driver
    :param login: user name and password, if any
    :param vhost: what the connection asks for, if anything
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
        """Send so many; returns when all are confirmed."""
        last = self._sent + count
        while self._confirmed < last:
            while (self._link.credit and self._sent < last and
                    self._sent - self._confirmed < WINDOW):
                self._link.send(self._message())
                self._sent += 1
            while (pending := self._transport.pending()) > 0:
                self._socket.sendall(self._transport.peek(pending))
                self._transport.pop(pending)
            data = self._socket.recv(self._transport.capacity())
            if not data:
                raise ConnectionError('the broker closed the connection')
            self._transport.push(data)
            self._look()

    def _message(self):
        body = self._make()
        text = json.dumps({
            'request': {'oslo.version': '2.0',
                        'oslo.message': json.dumps(body)},
            'context': {}})
        return proton.Message(
            text, inferred=True, durable=True, id=body['message_id'],
            subject='notifications.info', content_type='application/json')

    def _look(self):
        while event := self._collector.peek():
            if event.type == proton.Event.DELIVERY:
                if event.delivery.remote_state != proton.Delivery.ACCEPTED:
                    raise ConnectionError('not accepted')
                event.delivery.settle()
                self._confirmed += 1
            self._collector.pop()

    def close(self):
        self._socket.close()
        self._transport.unbind()
        self._connection.free()
        self._collector.release()
