# SPDX-License-Identifier: Apache-2.0
"""One message to a broker, until its result is known."""

from concurrent import futures
import itertools

from usermsg.notifications import errors


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


def together(sent):
    """One Future for several; it can be cancelled like each of them.

    :param sent: Futures whose results are None
    :returns: a Future that is done when all are, and well if all are
    """
    if len(sent) == 1:
        return sent[0]
    whole = futures.Future()
    # The last of several threads finds nothing left: next() is atomic.
    left = itertools.count(len(sent) - 1, -1)

    def done(_future):
        if next(left) or not whole.set_running_or_notify_cancel():
            return
        problems = [future.exception() for future in sent
                    if not future.cancelled() and future.exception()]
        if problems:
            # Again helps those for which it does.
            whole.set_exception(min(problems, key=lambda error: isinstance(
                error, errors.Rejected)))
        else:
            whole.set_result(None)

    def cancel(future):
        if future.cancelled():
            for each in sent:
                each.cancel()

    whole.add_done_callback(cancel)
    for each in sent:
        each.add_done_callback(done)
    return whole
