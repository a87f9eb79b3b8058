# SPDX-License-Identifier: Apache-2.0
"""Objects that a process which was forked must not have of its parent."""

import os


class PerProcess:
    """An object for each process, made when it is asked for.

    Its locks could be held by a thread that a fork left behind, its threads
    exist in the parent only, and its connections belong to the parent: using
    or even closing them would end them there, so a parent's object is kept.

    :param make: returns a new one. Of two threads that ask at once both may
        call it, and both get the same.
    """

    def __init__(self, make):
        self._make = make
        self._by_process = {}

    def get(self):
        pid = os.getpid()
        if pid not in self._by_process:
            self._by_process.setdefault(pid, self._make())
        return self._by_process[pid]

    def made(self):
        """The one of this process, or None."""
        return self._by_process.get(os.getpid())
