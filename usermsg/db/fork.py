# SPDX-License-Identifier: Apache-2.0
"""Forks that wait for what may not be torn apart."""

import contextlib
import os
import threading
import weakref

#: Seconds. A fork waits no longer, for example for a thread that forks while
#: it is inside itself.
TIMEOUT = 2


class Gate:
    """Lets any number of threads in, and forks only while nobody is inside.

    A child has a copy of all memory, in which the threads of its parent still
    hold their locks: in the drivers, and in SQLite itself. They are not there
    to release them, so the child could wait for ever, or believe that it has
    locked what it hasn't.

    :param let_go: called before each fork, when nobody is inside (or doesn't
        come out in time): what must not be there twice is to be closed
    """

    def __init__(self, let_go=lambda: None):
        self._let_go = let_go
        self._reset()
        gate = weakref.ref(self)

        def call(name):
            # There is no way to take these back when the gate is gone.
            def handler():
                alive = gate()
                if alive is not None:
                    getattr(alive, name)()
            return handler

        os.register_at_fork(before=call('_close'),
                            after_in_parent=call('_open'),
                            after_in_child=call('_reset'))

    def _reset(self):
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0

    @contextlib.contextmanager
    def inside(self):
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                # In the child of a fork from inside it is none already.
                self._inside = max(0, self._inside - 1)
                self._changed.notify_all()

    def _close(self):
        # The condition stays locked until after the fork.
        self._changed.acquire()
        self._closed = True
        self._changed.wait_for(lambda: not self._inside, TIMEOUT)
        self._let_go()

    def _open(self):
        self._closed = False
        self._changed.notify_all()
        self._changed.release()
