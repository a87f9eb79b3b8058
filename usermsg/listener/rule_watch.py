# SPDX-License-Identifier: Apache-2.0
"""Reloading of changed rules."""

import threading
import time

from oslo_log import log

from usermsg import exception
from usermsg import yamlfile

LOG = log.getLogger(__name__)

#: Minimum number of seconds between two checks for changes.
INTERVAL = 5


class RuleWatch:
    """Current rules, which are reloaded when a file changes. Thread-safe.

    :param rules: the :class:`usermsg.listener.rule_set.RuleSet` in force
    :param load: function that returns a new one
    :param directories: directories whose files are watched
    :param clock: function that returns a time in seconds
    """

    def __init__(self, rules, load, directories, clock=time.monotonic):
        self._rules = rules
        self._load = load
        self._directories = directories
        self._clock = clock
        self._lock = threading.Lock()
        # Read anew at the first check: a file may have changed since the
        # launcher's process loaded the rules, long before a fork.
        self._state = None
        self._next_check = clock()

    def current(self):
        """Return the rules in force.

        It costs little and may be called for each notification. If a file
        has changed, one thread reloads all; the others continue with the
        previous rules.
        """
        if self._clock() >= self._next_check and self._lock.acquire(
                blocking=False):
            try:
                self._check()
                self._next_check = self._clock() + INTERVAL
            finally:
                self._lock.release()
        return self._rules

    def evaluate(self, notification, now):
        """Return the decisions of the rules in force."""
        return self.current().evaluate(notification, now)

    def _check(self):
        try:
            # Before the files are read, so that a later change is noticed.
            state = _state(self._directories)
        except exception.ConfigurationError as error:
            state = str(error)
        if state == self._state:
            return
        self._state = state
        reason = None
        try:
            self._rules = self._load()
        except exception.ConfigurationError as error:
            reason = str(error)
        # Outside the except clause: oslo.log would add the exception to the
        # line, and the reason would be there twice.
        if reason:
            LOG.error('Loading the rules of the listener failed, so the '
                      'previous ones stay in force: %s', reason)
        else:
            LOG.info('Loaded %d rules of the listener',
                     len(self._rules.rules))


def _state(directories):
    """Return the names, times and sizes of all files, a tuple."""
    state = []
    for directory in directories:
        for path in yamlfile.files(directory):
            try:
                status = path.stat()
                state.append((str(path), status.st_mtime_ns, status.st_size,
                              status.st_ino))
            except OSError as error:
                # Removed in this moment, or a dangling link.
                state.append((str(path), error.errno))
    return tuple(state)
