# SPDX-License-Identifier: Apache-2.0
"""Calls with a bounded wait."""

from concurrent import futures
import functools
import queue
import threading
import time

from usermsg.concurrency import per_process


class CallTimeout(Exception):
    """The call timed out. It may still complete, and take effect."""


class Deadline:
    """Run calls in threads, so that the caller can stop waiting.

    Database drivers have timeouts, but not for every case: a frozen server
    keeps its connections open and never responds.

    :param seconds: maximum wait of a caller, for a free thread and for the
        call together
    :param max_calls: maximum number of calls in progress; when all of them
        hang, further callers wait and no more threads are started
    :param name: of the threads
    :param clock: function that returns the time in seconds
    """

    def __init__(self, seconds, max_calls=16, name='usermsg-record',
                 clock=time.monotonic):
        self._name = name
        self._clock = clock
        self._seconds = seconds
        # The slots that are free, and the idle workers.
        self._process = per_process.PerProcess(
            lambda: (threading.BoundedSemaphore(max_calls), []))

    def run(self, call):
        """Return the result of ``call()``, or raise its exception.

        :raises CallTimeout: there was no result in time
        """
        end = self._clock() + self._seconds
        slots, idle = self._process.get()
        if not slots.acquire(timeout=self._seconds):
            raise CallTimeout(f'no free thread within {self._seconds} seconds')
        future = futures.Future()
        try:
            worker = idle.pop()
        except IndexError:
            try:
                worker = _Worker(self._name, slots, idle)
                worker.start()
            except BaseException:
                slots.release()
                raise
        worker.calls.put((future, call))
        try:
            # Not result(), which may raise a TimeoutError of the call itself.
            future.exception(max(0, end - self._clock()))
        except futures.TimeoutError:
            raise CallTimeout(
                f'no response within {self._seconds} seconds') from None
        return future.result()


class _Worker(threading.Thread):
    """Thread that runs one call after the other, and never ends.

    A thread that has used OpenSSL takes one of its locks when it ends, after
    Python has stopped tracking the thread. A process that is forked at that
    moment could never again open an encrypted connection, nor exit.
    """

    def __init__(self, name, slots, idle):
        # A daemon: a hanging call must not keep the process from exiting.
        super().__init__(name=name, daemon=True)
        self.calls = queue.SimpleQueue()
        self._slots = slots
        self._idle = idle

    def run(self):
        while True:
            future, call = self.calls.get()
            try:
                finish = functools.partial(future.set_result, call())
            except BaseException as error:
                finish = functools.partial(future.set_exception, error)
            self._idle.append(self)
            self._slots.release()
            finish()
            # Release the references while this thread waits.
            del future, call, finish
