# SPDX-License-Identifier: Apache-2.0
"""A bound on how long a call may hold up its caller."""

import os
import queue
import threading
import time


class Expired(Exception):
    """The call didn't end in time. It may still end, and have an effect."""


class Deadline:
    """Runs calls in threads, so that a caller can stop waiting.

    Drivers have timeouts, but not for everything: a database server that
    is frozen keeps its connections open and never answers.

    :param seconds: how long a caller waits at most, for a free place and for
        the call together
    :param places: how many calls may be under way; when all hang, further
        callers wait for a place and no threads pile up
    :param name: of the threads
    :param clock: what tells the seconds
    """

    def __init__(self, seconds, places=16, name='usermsg-record',
                 clock=time.monotonic):
        self._name = name
        self._clock = clock
        self._seconds = seconds
        self._places = places
        self._reset()

    def _reset(self):
        self._free = threading.BoundedSemaphore(self._places)
        self._idle = []
        self._pid = os.getpid()

    def run(self, call):
        """The result of ``call()``; what it raises is raised here.

        :raises Expired: there was no result in time
        """
        if self._pid != os.getpid():
            # Forked: the threads exist in the parent only.
            self._reset()
        end = self._clock() + self._seconds
        free, idle = self._free, self._idle
        if not free.acquire(timeout=self._seconds):
            raise Expired(f'no free place within {self._seconds} seconds')
        outcome = _Outcome(call)
        try:
            worker = idle.pop()
        except IndexError:
            try:
                worker = _Worker(self._name, free, idle)
                worker.start()
            except BaseException:
                free.release()
                raise
        worker.calls.put(outcome)
        if not outcome.done.wait(max(0, end - self._clock())):
            raise Expired(f'no answer within {self._seconds} seconds')
        if outcome.error is not None:
            raise outcome.error
        return outcome.result


class _Worker(threading.Thread):
    """Runs one call after the other, and never ends.

    A thread that ends takes a lock of OpenSSL's, if it has used it, when
    Python no longer sees it. A process that is forked at that moment could
    never again open an encrypted connection, nor exit.
    """

    def __init__(self, name, place, idle):
        # A daemon: a call that hangs must not keep its process from ending.
        super().__init__(name=name, daemon=True)
        self.calls = queue.SimpleQueue()
        self._place = place
        self._idle = idle

    def run(self):
        while True:
            outcome = self.calls.get()
            outcome.run()
            self._idle.append(self)
            self._place.release()
            outcome.done.set()
            del outcome  # what it holds must not live on while this waits


class _Outcome:
    def __init__(self, call):
        self._call = call
        self.done = threading.Event()
        self.result = None
        self.error = None

    def run(self):
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error
