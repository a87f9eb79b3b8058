# SPDX-License-Identifier: Apache-2.0
"""One message to a broker, until its result is known."""

from concurrent import futures


class Delivery:
    """A message that waits or is on its way.

    :param size: in bytes
    :param deadline: in monotonic seconds
    """

    __slots__ = ('size', 'deadline', 'future', 'done', '_wanted')

    def __init__(self, size, deadline):
        self.size = size
        self.deadline = deadline
        self.future = futures.Future()
        self.done = False
        self._wanted = None

    def start(self):
        """Return True if it is to be sent; it can't be cancelled then."""
        if self._wanted is None:
            self._wanted = self.future.set_running_or_notify_cancel()
        return self._wanted

    def finish(self, error=None):
        """Set the result of the future; called once."""
        self.done = True
        if self.start():
            if error is None:
                self.future.set_result(None)
            else:
                self.future.set_exception(error)
        self._wanted = False
