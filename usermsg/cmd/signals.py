# SPDX-License-Identifier: Apache-2.0
"""Handling of Ctrl-C and SIGTERM between two transactions of a command."""

import signal

#: Exit status that a shell reports after Ctrl-C.
INTERRUPTED = 130


class Interrupted(Exception):
    """A signal ended a command between two steps."""


class Interruptions:
    """Context manager that blocks Ctrl-C and SIGTERM until they are polled.

    A step is never interrupted halfway, and there is no signal handler that
    has to be safe at any moment.
    """

    _NUMBERS = {signal.SIGINT, signal.SIGTERM}

    def __enter__(self):
        self._previous_mask = signal.pthread_sigmask(
            signal.SIG_BLOCK, self._NUMBERS)
        return self

    def __exit__(self, *_):
        while self.arrives_within(0):
            pass  # the command ends anyway
        signal.pthread_sigmask(signal.SIG_SETMASK, self._previous_mask)

    def arrives_within(self, seconds):
        """Return True if a signal is pending or arrives within the time."""
        return signal.sigtimedwait(self._NUMBERS, seconds) is not None

    def interruptible(self, steps, delay=lambda: 0):
        """Yield the steps, with a delay after each.

        :param delay: function that returns the seconds
        :raises Interrupted: a signal arrived
        """
        for step in steps:
            yield step
            if self.arrives_within(delay()):
                raise Interrupted
