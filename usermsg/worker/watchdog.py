# SPDX-License-Identifier: Apache-2.0
"""The watchdog of systemd, which restarts a worker with a hanging thread."""

import contextlib
import os
import socket

#: Seconds between two checks of the event without a watchdog.
_INTERVAL = 60


class Watchdog:
    """Reports that the threads respond. It does nothing outside of systemd.

    Created in the launcher's process: the launcher reports that the service
    is ready, and then removes the address from the environment.

    :param environ: mapping of the environment variables
    """

    def __init__(self, environ=os.environ):
        address = environ.get('NOTIFY_SOCKET')
        microseconds = environ.get('WATCHDOG_USEC', '')
        self._address = address and (
            '\0' + address[1:] if address.startswith('@') else address)
        # Half of the limit, as systemd recommends.
        self._interval = (int(microseconds) / 2_000_000
                          if microseconds.isdigit() else _INTERVAL)

    def run(self, stop):
        """Report until the event is set, unless a thread is unresponsive.

        :param stop: a :class:`usermsg.worker.liveness.StopEvent`
        """
        while not stop.wait(self._interval):
            if self._address and not stop.unresponsive():
                self._report()

    def _report(self):
        # The worker must continue, even if systemd restarts at this moment
        # or reads nothing.
        with contextlib.suppress(OSError), socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)
            connection.connect(self._address)
            connection.sendall(b'WATCHDOG=1')
