# SPDX-License-Identifier: Apache-2.0
"""One message for one node, until its result is known."""

import hashlib

from usermsg.notifications.drivers import delivery


class Delivery(delivery.Delivery):
    """A message that is queued or in flight.

    :param number: position in the order of sending
    :param address: of the node
    :param data: the encoded message, bytes
    :param deadline: in monotonic seconds
    :param retries: number of failures after which it is still retried
    """

    __slots__ = ('number', 'address', 'data', 'retries', 'failed_alone',
                 'unconfirmed')

    def __init__(self, number, address, data, deadline, retries):
        super().__init__(len(data), deadline)
        self.number = number
        self.address = address
        self.data = data
        self.retries = retries
        #: Number of times that a link, a session or a connection ended while
        #: only this delivery was in flight.
        self.failed_alone = 0
        #: :meth:`digest` of a delivery that finished with an error; its data
        #: has been released by then.
        self.unconfirmed = None

    def finish(self, error=None):
        if error is not None:
            self.unconfirmed = self.digest()
        # A list may refer to the delivery for some more time.
        self.data = None
        super().finish(error)

    def digest(self):
        """Return a digest that is equal for copies of the same message.

        Only valid before :meth:`finish`, which releases the data.
        """
        return hashlib.blake2b(self.data, digest_size=16).digest()
