# SPDX-License-Identifier: Apache-2.0
"""A bound on how long a call may hold up its caller."""

from concurrent import futures
import functools
import queue
import threading
import time

from usermsg.concurrency import per_process


class CallTimeout(Exception):
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
        # The places that are free, and the workers without a call.
        self._process = per_process.PerProcess(
            lambda: (threading.BoundedSemaphore(places), []))

    def run(self, call):
        """The result of ``call()``; what it raises is raised here.

        :raises CallTimeout: there was no result in time
        """
        end = self._clock() + self._seconds
        free, idle = self._process.get()
        if not free.acquire(timeout=self._seconds):
            raise CallTimeout(f'no free place within {self._seconds} seconds')
        future = futures.Future()
        try:
            worker = idle.pop()
        except IndexError:
            try:
                worker = _Worker(self._name, free, idle)
                worker.start()
            except BaseException:
                free.release()
                raise
        worker.calls.put((future, call))
        try:
            # Not result(), which may raise a TimeoutError of the call's own.
            future.exception(max(0, end - self._clock()))
        except futures.TimeoutError:
            raise CallTimeout(
                f'no answer within {self._seconds} seconds') from None
        return future.result()


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
            future, call = self.calls.get()
            try:
                finish = functools.partial(future.set_result, call())
            except BaseException as error:
                finish = functools.partial(future.set_exception, error)
            self._idle.append(self)
            self._place.release()
            finish()
            # What they hold must not live on while this waits.
            del future, call, finish
