# SPDX-License-Identifier: Apache-2.0
"""One message to one node, until it is known what became of it."""

from concurrent import futures
import hashlib


class Delivery:
    """A message that waits or is on its way.

    :param number: jobs are sent in the order of their numbers
    :param data: the encoded message
    :param deadline: in monotonic seconds
    :param retries: how many failures it outlives, None for any number
    """

    __slots__ = ('number', 'data', 'deadline', 'retries', 'future', 'done',
                 'blamed', 'unconfirmed', '_asked', '_wanted')

    def __init__(self, number, data, deadline, retries=None):
        self.number = number
        self.data = data
        self.deadline = deadline
        self.retries = retries
        self.future = futures.Future()
        self.done = False
        #: How often something ended while this alone was on its way.
        self.blamed = 0
        #: After an end with an error: the :meth:`digest`, as the data is gone.
        self.unconfirmed = None
        self._asked = self._wanted = False

    def start(self):
        """Whether it is still to be sent; if so it can't be withdrawn."""
        if not self._asked:
            self._asked = True
            self._wanted = self.future.set_running_or_notify_cancel()
        return self._wanted

    def finish(self, error=None):
        """Tell whoever waits, if they do; called once."""
        self.done = True
        if error is not None:
            self.unconfirmed = self.digest()
        # It may be on a list for some more time.
        self.data = None
        if self.start():
            if error is None:
                self.future.set_result(None)
            else:
                self.future.set_exception(error)

    def digest(self):
        """What a message that is sent again has in common; before an end."""
        return hashlib.blake2b(self.data, digest_size=16).digest()
