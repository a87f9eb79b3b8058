# SPDX-License-Identifier: Apache-2.0
"""Results of expensive calls, shared by any number of readers."""

import threading
import time

from usermsg.concurrency import bounded_call
from usermsg.concurrency import per_process


class CachedCall:
    """Recent result of a call. Thread-safe and fork-safe.

    At most one thread makes the call, however many readers there are, and no
    reader waits longer than the timeout. A call that timed out continues in
    the background: until it completes readers don't wait, and then its result
    is used.

    :param call: function that returns the value
    :param failed: function of the exception of the call, or of a
        :class:`usermsg.concurrency.bounded_call.CallTimeout`, and of the
        previous value (None at first); returns the value to use instead
    :param ttl: seconds for which either value is used
    :param timeout: maximum wait of a reader, in seconds
    :param name: of the thread that makes the call
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
        self._ttl = ttl
        self._deadline = bounded_call.Deadline(timeout, max_calls=1,
                                               name=name)
        self._lock = threading.Lock()
        self._in_progress = False
        self._expires_at = 0
        self._value = self._interim_value = None

    def get(self):
        # A reader that waits for the lock gets the value that the reader
        # before it has just refreshed.
        with self._lock:
            if not self._in_progress and time.monotonic() >= self._expires_at:
                self._in_progress = True
                try:
                    self._deadline.run(self._run)
                except bounded_call.CallTimeout as error:
                    self._interim_value = self._failed(error, self._value)
                except Exception as error:  # no thread could be started
                    self._store(self._failed(error, self._value))
            return self._interim_value if self._in_progress else self._value

    def _run(self):
        try:
            value = self._call()
        except BaseException as error:  # or it would stay in progress forever
            value = self._failed(error, self._value)
        self._store(value)

    def _store(self, value):
        self._value = value
        self._expires_at = time.monotonic() + self._ttl
        self._in_progress = False
