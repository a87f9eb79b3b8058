# SPDX-License-Identifier: Apache-2.0
"""Base class of drivers that wait for the confirmation of the broker."""

from concurrent import futures
import time
import weakref

from oslo_messaging.notify import notifier

from usermsg.concurrency import per_process
from usermsg.notifications.drivers import delivery
from usermsg.notifications import errors

# Seconds that a call waits longer than the I/O thread, which knows the reason
# of a failure but may still be resolving the name of a host.
_GRACE = 0.5


class ConfirmingDriver(notifier.Driver):
    """Driver that sends through one client per process.

    A subclass defines ``name``, and ``send(process_client, ctxt, msg,
    priority, retry)``, which yields a future for each topic.
    """

    def use(self, make, timeout, drain_timeout):
        """Set the client factory and the timeouts.

        :param make: a function without arguments that returns a client, whose
            ``close`` takes a timeout; it must not refer to the driver
        :param timeout: seconds for the delivery of a notification
        :param drain_timeout: seconds for the pending deliveries when the
            driver is closed
        """
        self.timeout = timeout
        self._clients = ProcessClients(self.name, make)
        # Runs when the process exits too, or when nothing refers to the
        # driver any more.
        self._finalizer = weakref.finalize(
            self, self._clients.close, drain_timeout)

    def notify(self, ctxt, msg, priority, retry=None):
        """Send a notification, and wait until the broker has confirmed it.

        After the timeout the notification isn't sent any more, but one that
        is in flight may still arrive.

        :raises usermsg.notifications.errors.NotDelivered: a later attempt
            may succeed
        :raises usermsg.notifications.errors.Rejected: another attempt would
            fail
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
        """Send a notification without waiting for its confirmation.

        :returns: a ``concurrent.futures.Future``, which is done within the
            timeout; its result is None, or it raises the errors of
            ``notify``. It can be cancelled until the notification is in
            flight. Its callbacks must not send.
        """
        sent = []
        try:
            for future in self.send(
                    self._clients.client(), ctxt, msg, priority, retry):
                sent.append(future)
        except errors.NotDelivered as error:
            sent.append(futures.Future())
            sent[-1].set_exception(error)
        return delivery.combine(sent)

    def close(self):
        """Wait for the pending deliveries, with a timeout, then close.

        Notifications sent afterwards are not delivered.
        """
        self._finalizer()


class ProcessClients:
    """Clients of a driver, one for each process.

    :param name: name of the driver, for errors
    :param make: a function without arguments that returns a client
    """

    def __init__(self, name, make):
        self._name = name
        self._clients = per_process.PerProcess(make)
        self._closed = False

    def client(self):
        """Return the client of this process; create it at the first call.

        :raises usermsg.notifications.errors.NotDelivered: after
            :meth:`close`
        """
        client = self._clients.get()
        # Checked last, so that a client that another thread closes meanwhile
        # isn't used.
        if self._closed:
            raise errors.NotDelivered(f'{self._name}: the driver is closed.')
        return client

    def close(self, timeout):
        """Close the client of this process, and refuse to create another."""
        self._closed = True
        client = self._clients.peek()
        if client is not None:
            client.close(timeout)
