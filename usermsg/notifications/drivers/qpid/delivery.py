# SPDX-License-Identifier: Apache-2.0
"""One message to one node."""

import hashlib

from usermsg.notifications.drivers import delivery


class Delivery(delivery.Delivery):
    """A message that waits or is on its way.

    :param number: jobs are sent in the order of their numbers
    :param address: of the node
    :param data: the encoded message
    :param deadline: in monotonic seconds
    :param retries: how many failures it outlives
    """

    __slots__ = ('number', 'address', 'data', 'retries', 'blamed',
                 'unconfirmed')

    def __init__(self, number, address, data, deadline, retries):
        super().__init__(len(data), deadline)
        self.number = number
        self.address = address
        self.data = data
        self.retries = retries
        #: How often something ended while this alone was on its way.
        self.blamed = 0
        #: After an end with an error: the :meth:`digest`, as the data is gone.
        self.unconfirmed = None

    def finish(self, error=None):
        if error is not None:
            self.unconfirmed = self.digest()
        # It may be on a list for some more time.
        self.data = None
        super().finish(error)

    def digest(self):
        """What a message that is sent again has in common; before an end."""
        return hashlib.blake2b(self.data, digest_size=16).digest()
