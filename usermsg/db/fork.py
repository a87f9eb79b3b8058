# SPDX-License-Identifier: Apache-2.0
"""Forks that wait until the database is not in use."""

import os
import threading
import weakref

#: Maximum seconds that a fork waits, for example for a thread that forks
#: while it is inside the gate itself.
TIMEOUT = 2


class Gate:
    """Gate that admits any number of threads, and forks only while empty.

    A child process has a copy of all memory, in which threads of its parent
    still hold locks of the drivers and of SQLite itself. Those threads don't
    exist in the child to release them, so the child could wait forever, or
    assume locks that it doesn't hold.

    :param release: called before each fork, when no thread is inside (or on
        timeout); closes resources that must not exist twice
    """

    def __init__(self, release=lambda: None):
        self._release = release
        self._reset()
        gate = weakref.ref(self)

        def call(name):
            # Handlers can't be unregistered when the gate is deleted.
            def handler():
                instance = gate()
                if instance is not None:
                    getattr(instance, name)()
            return handler

        os.register_at_fork(before=call('_close'),
                            after_in_parent=call('_open'),
                            after_in_child=call('_reset'))

    def _reset(self):
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0

    def __enter__(self):
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._inside += 1

    def __exit__(self, *exc_info):
        with self._changed:
            # In the child of a fork from inside it is zero already.
            self._inside = max(0, self._inside - 1)
            if not self._inside:
                self._changed.notify_all()

    def _close(self):
        # The condition stays locked until after the fork.
        self._changed.acquire()
        self._closed = True
        self._changed.wait_for(lambda: not self._inside, TIMEOUT)
        self._release()

    def _open(self):
        self._closed = False
        self._changed.notify_all()
        self._changed.release()
