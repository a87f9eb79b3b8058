# SPDX-License-Identifier: Apache-2.0
"""Activity of the worker's threads.

All of them look at one event for the end of the process, again and again, and
wait by it. So the event records their activity, and no thread needs other
code for that.
"""

import math
import threading
import time

#: Seconds without activity after which a thread counts as hanging. More than
#: any statement or delivery takes with usual options.
TIMEOUT = 300


class StopEvent:
    """Event that ends the threads of a worker. Thread-safe.

    :ivar timeout: seconds after which a thread that neither waits nor looks
        at the event is unresponsive
    :param clock: function that returns the time in seconds
    """

    def __init__(self, clock=time.monotonic):
        self.timeout = TIMEOUT
        self._event = threading.Event()
        self._clock = clock
        self._required = set()
        # Thread -> time of its last activity; infinite while it waits.
        self._active_at = {}

    def set(self):
        self._event.set()

    def is_set(self):
        self._record(self._clock())
        return self._event.is_set()

    def wait(self, timeout=None):
        # A thread that waits is never late.
        self._record(math.inf)
        try:
            return self._event.wait(timeout)
        finally:
            self._record(self._clock())

    def _record(self, active_at):
        self._active_at[threading.current_thread()] = active_at

    def require(self, thread):
        """Count a thread as unresponsive once it ends before the event."""
        self._required.add(thread)

    def unresponsive(self):
        """Return the names of threads that hang, or ended unexpectedly."""
        now = self._clock()
        threads = list(self._active_at.items())
        for thread, _active_at in threads:
            if not thread.is_alive():
                self._active_at.pop(thread, None)
        return sorted({
            *(thread.name for thread, active_at in threads
              if thread.is_alive() and active_at < now - self.timeout),
            *(thread.name for thread in self._required
              if not thread.is_alive() and not self._event.is_set())})
