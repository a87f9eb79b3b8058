# SPDX-License-Identifier: Apache-2.0
"""A link by which a server sends us what a node has, or copies of it."""

import uuid

from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications.drivers import received_message

# No server knows it. One that says that it has it repeats what it is asked,
# whatever it does then: ActiveMQ, RabbitMQ and the router of Qpid.
_UNKNOWN = 'usermsg:repeated'

# Addresses where a server gives copies, by what it calls itself.
_TOPICS = {'ActiveMQ': 'topic://'}
# It tells how a queue is read. At an exchange there is nothing to tell.
_QPIDD = 'qpid-cpp'


class Receiver:
    """Gets messages from one node.

    :param connection: a :class:`.connection.Connection` that is open
    :param proton: the module
    :param address: of the node
    :param copies: ask for copies
    """

    def __init__(self, connection, proton, address, copies):
        self.address = address
        self._proton = proton
        self._detached = connection.detached
        self._session = connection.session()
        self._link = self._session.receiver(f'usermsg-{uuid.uuid4()}')
        self._link.snd_settle_mode = proton.Link.SND_UNSETTLED
        source = self._link.source
        source.address = address
        source.distribution_mode = (
            proton.Terminus.DIST_MODE_COPY if copies else
            proton.Terminus.DIST_MODE_MOVE)
        source.capabilities.put_object(proton.Array(
            proton.UNDESCRIBED, proton.Data.SYMBOL, proton.symbol(_UNKNOWN)))
        self._link.open()
        self._data = bytearray()
        self._too_long = False

    def answered(self):
        """Whether the server has made the link, or ended it."""
        return self.ended() or (
            self._link.state & self._proton.Endpoint.REMOTE_ACTIVE and
            # Without a source, the end is still to come.
            self._link.remote_source.type != self._proton.Terminus.UNSPECIFIED)

    def ended(self):
        return self._link.name in self._detached or (
            (self._link.state | self._session.state) &
            self._proton.Endpoint.REMOTE_CLOSED)

    def condition(self):
        """Why it was ended, a ``proton.Condition`` or None."""
        return failures.read(self._link) or failures.read(self._session)

    def takes(self, product):
        """Whether what arrives here may be missing elsewhere.

        :param product: what the server calls itself, or None
        """
        terminus = self._proton.Terminus
        source = self._link.remote_source
        mode = source.distribution_mode
        if self.address.startswith(_TOPICS.get(product, ())):
            return False
        if product == _QPIDD and mode == terminus.DIST_MODE_UNSPECIFIED:
            return False
        return mode != terminus.DIST_MODE_COPY or _UNKNOWN in _symbols(
            source.capabilities, self._proton)

    def grant(self, most):
        """Let the server send until there are so many on their way."""
        lacking = most - self._link.credit
        if lacking > most // 2:
            self._link.flow(lacking)

    def next(self):
        """Accept a message that has arrived.

        :returns: its bytes; nothing (b'') of one that is too long, None if
            there is none
        """
        while (delivery := self._link.current) is not None:
            # Of what is too long the rest is read and forgotten.
            self._data += self._link.recv(delivery.pending) or b''
            if len(self._data) > received_message.LONGEST:
                self._data.clear()
                self._too_long = True
            if delivery.aborted:
                self._forget(delivery)
                continue
            if delivery.partial:
                return None
            data = b'' if self._too_long else bytes(self._data)
            delivery.update(self._proton.Delivery.ACCEPTED)
            self._forget(delivery)
            return data
        return None

    def _forget(self, delivery):
        self._link.advance()
        delivery.settle()
        self._data.clear()
        self._too_long = False

    def close(self):
        """Have what has arrived, and nobody asked for, go back."""
        self._link.close()


def _symbols(data, proton):
    data.rewind()
    found = []
    while data.next():
        value = data.get_object()
        found += value if isinstance(value, proton.Array) else [value]
    return found
