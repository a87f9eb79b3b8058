# SPDX-License-Identifier: Apache-2.0
"""Objects that a forked process must not inherit from its parent."""

import ctypes
import os


class PerProcess:
    """One object per process, created on first use.

    In a forked child the parent's object is unusable: its locks may be held
    by a thread that the fork left behind, its threads exist in the parent
    only, and its connections belong to the parent. Using or even closing them
    would end them there, so the child never frees the parent's object once it
    has asked for its own. There is no lock, which a fork could copy locked.

    :param make: function that returns a new object. If two threads need one
        at once both may call it, and both get the same object.
    """

    def __init__(self, make):
        self._make = make
        self._by_process = {}

    def get(self):
        pid = os.getpid()
        if pid not in self._by_process:
            self._abandon_others()
            self._by_process.setdefault(pid, self._make())
        return self._by_process[pid]

    def peek(self):
        """Return the object of this process, or None if there is none yet."""
        self._abandon_others()
        return self._by_process.get(os.getpid())

    def _abandon_others(self):
        """Keep objects copied by a fork from ever being freed.

        Their threads don't exist in this process, and may have been in the
        middle of an operation.
        """
        for pid in list(self._by_process):
            if pid != os.getpid() and (
                    other := self._by_process.pop(pid, None)) is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(other))
