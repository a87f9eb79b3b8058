# SPDX-License-Identifier: Apache-2.0
"""Sizes of batches, and delays between them, that leave room for requests.

A batch holds locks and occupies processors and the disk of the database, and
the requests of that time wait. So a batch is short, however slow the database
is at the moment, and a multiple of its duration passes before the next one.
"""

import time

#: Seconds that a batch should take: about as long as requests do, which wait
#: for its locks on SQLite.
DURATION = 0.005

#: Least delay after a batch, as a multiple of its duration.
IDLE = 4

#: Maximum seconds of a delay, unless the configured one is longer: a batch of
#: a busy database may take long.
MAX_DELAY = 0.25

#: Rows of the smallest batch. It bounds the duration of the whole command.
MIN_SIZE = 50


class Pace:
    """Pace of one command.

    :param batch_size: maximum rows of a batch
    :param batch_delay: minimum seconds between two batches; 0 for batches of
        the maximum size without delays
    :param clock: function that returns seconds since any moment
    """

    def __init__(self, batch_size, batch_delay, clock=time.monotonic):
        self._max_size = batch_size
        self._min_delay = self._delay = batch_delay
        self._size = min(batch_size, MIN_SIZE) if batch_delay else batch_size
        self._clock = clock

    def sizes(self):
        """Yield the maximum rows of each batch."""
        while True:
            yield self._size

    def measure(self, batches):
        """Yield what an iterator of batches yields, and adapt to its time."""
        start = self._clock()
        for batch in batches:
            self._adapt(self._clock() - start)
            yield batch
            start = self._clock()

    def _adapt(self, seconds):
        if not self._min_delay:
            return
        self._delay = max(self._min_delay, min(IDLE * seconds, MAX_DELAY))
        # A single slow or fast batch has a limited effect.
        factor = min(max(DURATION / max(seconds, DURATION / 10), 0.5), 1.25)
        self._size = min(max(int(self._size * factor), MIN_SIZE),
                         self._max_size)

    def delay(self):
        """Return the seconds to wait after the last batch."""
        return self._delay
