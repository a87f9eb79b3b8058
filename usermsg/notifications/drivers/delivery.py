# SPDX-License-Identifier: Apache-2.0
"""Pending deliveries of messages to a broker, and their futures."""

from concurrent import futures
import itertools

from usermsg.notifications import errors


class Delivery:
    """A message that waits to be sent or is in flight.

    :param size: in bytes
    :param deadline: in monotonic seconds
    """

    __slots__ = ('size', 'deadline', 'future', 'done', '_is_running')

    def __init__(self, size, deadline):
        self.size = size
        self.deadline = deadline
        self.future = futures.Future()
        self.done = False
        self._is_running = None

    def start(self):
        """Return True unless cancelled; it can't be cancelled afterwards."""
        if self._is_running is None:
            self._is_running = self.future.set_running_or_notify_cancel()
        return self._is_running

    def finish(self, error=None):
        """Set the result of the future; called once."""
        self.done = True
        if self.start():
            if error is None:
                self.future.set_result(None)
            else:
                self.future.set_exception(error)
        self._is_running = False


def combine(parts):
    """Combine futures into one; cancelling it cancels all of them.

    :param parts: Futures whose results are None
    :returns: a Future that is done when all of them are, and raises an error
        if one of them does
    """
    if len(parts) == 1:
        return parts[0]
    combined = futures.Future()
    # next() is atomic, so only the last of several threads gets 0.
    remaining = itertools.count(len(parts) - 1, -1)

    def done(_future):
        if next(remaining) or not combined.set_running_or_notify_cancel():
            return
        failures = [part.exception() for part in parts
                    if not part.cancelled() and part.exception()]
        if failures:
            # A temporary error before Rejected: another attempt helps those
            # parts that failed temporarily.
            combined.set_exception(min(failures, key=lambda error: isinstance(
                error, errors.Rejected)))
        else:
            combined.set_result(None)

    def cancel(future):
        if future.cancelled():
            for part in parts:
                part.cancel()

    combined.add_done_callback(cancel)
    for part in parts:
        part.add_done_callback(done)
    return combined
