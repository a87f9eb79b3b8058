# SPDX-License-Identifier: Apache-2.0
"""Logger that limits how often clients can cause the same line."""

import logging
import threading
import time

#: Seconds between two lines of the same text.
INTERVAL = 60


class BoundedLog:
    """Wrapper of a logger, for warnings and errors that clients can cause.

    A line whose text, without its values, was logged less than
    :data:`INTERVAL` ago is left out; the next line has the number of these.
    Lines below WARNING are passed on. Thread-safe.

    :param logger: a logger of the standard library or of oslo.log
    :param clock: function that returns the time in seconds
    """

    def __init__(self, logger, clock=time.monotonic):
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        # Text -> (time of the next line, number of lines left out). The texts
        # are those of the code.
        self._lines = {}

    def __getattr__(self, name):
        return getattr(self._logger, name)

    def warning(self, text, *values, **options):
        self._log(logging.WARNING, text, values, options)

    def error(self, text, *values, **options):
        self._log(logging.ERROR, text, values, options)

    def critical(self, text, *values, **options):
        self._log(logging.CRITICAL, text, values, options)

    def _log(self, level, text, values, options):
        now = self._clock()
        with self._lock:
            due_at, omitted = self._lines.get(text, (now, 0))
            if now < due_at:
                self._lines[text] = due_at, omitted + 1
                return
            self._lines[text] = now + INTERVAL, 0
        if omitted:
            text = f'{text} (%d such lines were left out)'
            values = (*values, omitted)
        self._logger.log(level, text, *values, **options)
