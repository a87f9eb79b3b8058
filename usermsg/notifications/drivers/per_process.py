# SPDX-License-Identifier: Apache-2.0
"""A client for each process, whenever it was forked."""

import ctypes
import os

from usermsg.notifications import errors


class PerProcess:
    """A client for each process in which a driver is used.

    A forked child can use neither the connection of its parent nor its locks,
    which another thread may have held at that moment.

    :param name: of the driver
    :param make: a function without arguments that returns a client
    """

    def __init__(self, name, make):
        self._name = name
        self._make = make
        self._closed = False
        # By process id. Without a lock, which a fork could copy locked.
        self._clients = {}

    def client(self):
        """The one of this process.

        :raises usermsg.notifications.errors.NotDelivered: after
            :meth:`close`
        """
        pid = os.getpid()
        if pid not in self._clients:
            self._abandon_others()
            self._clients.setdefault(pid, self._make())
        # Last, so that what another thread closes meanwhile isn't used.
        if self._closed:
            raise errors.NotDelivered(f'{self._name}: the driver was closed.')
        return self._clients[pid]

    def close(self, timeout):
        """End the client of this process, and have none any more."""
        self._closed = True
        self._abandon_others()
        own = self._clients.get(os.getpid())
        if own is not None:
            own.close(timeout)

    def _abandon_others(self):
        """Never free what a fork copied, neither now nor at the end.

        The thread that it belongs to does not exist here, and may have been
        in the middle of something.
        """
        for pid in list(self._clients):
            if pid != os.getpid() and (other := self._clients.pop(pid, None)):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(other))
