# SPDX-License-Identifier: Apache-2.0
"""A driver that has each notification confirmed, within a timeout."""

from concurrent import futures
import ctypes
import os
import time
import weakref

from oslo_messaging.notify import notifier

from usermsg.notifications.drivers import delivery
from usermsg.notifications import errors

# Seconds that a call waits longer than the thread, which knows the reason but
# may be looking up the name of a host.
_GRACE = 0.5


class ConfirmingDriver(notifier.Driver):
    """Sends through a client, of which each process has one of its own.

    A subclass has a ``name``, and ``send(process_client, ctxt, msg,
    priority, retry)``, which yields a future for each topic.
    """

    def use(self, make, timeout, drain_timeout):
        """Have a client from now on.

        :param make: a function without arguments that returns a client, whose
            ``close`` takes a timeout; it must not refer to the driver
        :param timeout: in seconds, of a notification
        :param drain_timeout: in seconds, of what is pending at the end
        """
        self.timeout = timeout
        self._clients = PerProcess(self.name, make)
        # At the end of the process too, or when nothing refers to it.
        self._finalizer = weakref.finalize(
            self, self._clients.close, drain_timeout)

    def notify(self, ctxt, msg, priority, retry=None):
        """Send one, and wait until the broker has confirmed it.

        If it is not confirmed within the timeout it isn't sent any more, but
        what was on its way may still arrive.

        :raises usermsg.notifications.errors.NotDelivered: try again later
        :raises usermsg.notifications.errors.Rejected: that would not help
        """
        end = time.monotonic() + self.timeout + _GRACE
        future = self.submit(ctxt, msg, priority, retry)
        try:
            future.result(end - time.monotonic())
        except futures.TimeoutError:
            future.cancel()
            raise errors.NotDelivered(
                f'{self.name}: not confirmed within {self.timeout:g} s.'
            ) from None

    def submit(self, ctxt, msg, priority, retry=None):
        """Have one sent, and don't wait for its confirmation.

        :returns: a ``concurrent.futures.Future``; its result is None, or it
            raises what ``notify`` does, within the timeout. It can be
            cancelled as long as the notification is not on its way. Its
            callbacks must not send.
        """
        sent = []
        try:
            for future in self.send(
                    self._clients.client(), ctxt, msg, priority, retry):
                sent.append(future)
        except errors.NotDelivered as error:
            sent.append(futures.Future())
            sent[-1].set_exception(error)
        return delivery.together(sent)

    def close(self):
        """Give what is pending some time, and end.

        What is sent after that is not delivered.
        """
        self._finalizer()


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
