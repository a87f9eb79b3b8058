# SPDX-License-Identifier: Apache-2.0
"""What is asked for seldom, however many want to know."""

import threading
import time

from usermsg.concurrency import bounded_call
from usermsg.concurrency import per_process


class CachedCall:
    """What a call has said lately. Safe to share between threads, and to fork.

    However many ask, one thread at most calls, and nobody waits for it for
    longer than is said here. A call that was given up goes on: until it ends
    nobody waits for it any more, and then what it says counts.

    :param call: returns what there is to know
    :param failed: called with what that raised, or with a
        :class:`usermsg.concurrency.bounded_call.CallTimeout`, and with what was
        known before, None at first; returns what is to be known instead
    :param ttl: seconds for which either is good
    :param timeout: seconds that somebody waits
    :param name: of the thread that calls
    """

    def __init__(self, call, failed, ttl, timeout, name):
        self._process = per_process.PerProcess(
            lambda: _Process(call, failed, ttl, timeout, name))

    def get(self):
        return self._process.get().get()


class _Process:

    def __init__(self, call, failed, ttl, timeout, name):
        self._call = call
        self._failed = failed
        self._kept = ttl
        self._deadline = bounded_call.Deadline(timeout, places=1, name=name)
        self._lock = threading.Lock()
        self._under_way = False
        self._good_until = 0
        self._known = self._meanwhile = None

    def get(self):
        # Who waits here waits for the answer of another, which then is new.
        with self._lock:
            if not self._under_way and time.monotonic() >= self._good_until:
                self._under_way = True
                try:
                    self._deadline.run(self._run)
                except bounded_call.CallTimeout as error:
                    self._meanwhile = self._failed(error, self._known)
                except Exception as error:  # there is no thread for it
                    self._end(self._failed(error, self._known))
            return self._meanwhile if self._under_way else self._known

    def _run(self):
        try:
            found = self._call()
        except BaseException as error:  # else it were under way for ever
            found = self._failed(error, self._known)
        self._end(found)

    def _end(self, found):
        self._known = found
        self._good_until = time.monotonic() + self._kept
        self._under_way = False
