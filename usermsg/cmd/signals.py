# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM, for commands that end between two transactions."""

import signal

#: What a shell says of a program that was ended by Ctrl-C.
INTERRUPTED = 130


class Interrupted(Exception):
    """A command was ended between two steps."""


class Interruptions:
    """Ctrl-C and SIGTERM, kept until they are asked for, within ``with``.

    Nothing is interrupted in the middle, and no handler has to be safe at
    whatever moment it runs.
    """

    _NUMBERS = {signal.SIGINT, signal.SIGTERM}

    def __enter__(self):
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, self._NUMBERS)
        return self

    def __exit__(self, *_):
        while self.came(within=0):
            pass  # it is over anyway
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def came(self, within):
        """Whether one has come, or comes within some seconds."""
        return signal.sigtimedwait(self._NUMBERS, within) is not None

    def between(self, steps, pause=0):
        """The same steps, with a pause of some seconds after each.

        :raises Interrupted: one has come
        """
        for step in steps:
            yield step
            if self.came(within=pause):
                raise Interrupted
