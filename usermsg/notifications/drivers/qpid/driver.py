# SPDX-License-Identifier: Apache-2.0
"""The strategy ``qpid``: notifications to a server that speaks AMQP 1.0."""

from concurrent import futures
import functools
import time
import weakref

from oslo_messaging.notify import notifier

from usermsg.conf import qpid as options
from usermsg.notifications.drivers import delivery_future
from usermsg.notifications.drivers import per_process
from usermsg.notifications.drivers.qpid import client
from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.qpid import proton_library
from usermsg.notifications.drivers.qpid import settings
from usermsg.notifications.drivers.qpid import tls
from usermsg.notifications import errors


class QpidDriver(notifier.Driver):
    """Sends each notification to a node for each topic, and has it confirmed.

    It can be made and used in any thread, and before or after a fork: each
    process has a thread and a connection of its own, from its first
    notification on.

    A notification counts as delivered when the server has ACCEPTED it. What
    the server RELEASED, or MODIFIED without calling it undeliverable, is sent
    again after a pause, and what was on its way when a connection broke is
    sent again on the next: at least once, and in order, but for what came
    back. What it REJECTED for what it is, or calls undeliverable, is
    ``Refused``; for what goes to a node that it denies us, and whatever else
    it rejects, trying again later may help.

    :param conf: any ConfigOpts; gets the group ``oslo_messaging_qpid``
    :raises usermsg.exception.ConfigurationError: names the option, or the
        package that is missing
    """

    patience_option = f'[{options.GROUP.name}] delivery_timeout'

    def __init__(self, conf, topics, transport=None):
        super().__init__(conf, topics, transport)
        self._settings = settings.read(conf)
        self.patience = self._settings.delivery_timeout
        self._proton = proton_library.load(
            self._settings.tls, self._settings.sasl)
        if self._settings.tls:
            # Files that can't be used are better known now than later.
            tls.domain(self._proton, self._settings)
        self._clients = per_process.PerProcess('qpid', functools.partial(
            client.Client, self._proton, self._settings))
        self._finalizer = weakref.finalize(
            self, self._clients.close, self._settings.drain_timeout)

    def notify(self, ctxt, msg, priority, retry=None):
        """Send one, and wait until the server has confirmed it.

        Not longer than ``delivery_timeout``, whatever ``retry`` says. If it
        is not confirmed by then it isn't sent any more, but what was on its
        way may still arrive.

        :param retry: how many failures (all hosts, or one answer that it
            can't be taken now) it outlives; None or -1 for any number
        :raises usermsg.notifications.errors.NotDelivered:
        :raises usermsg.notifications.errors.Refused:
        """
        end = time.monotonic() + self.patience
        future = self.submit(ctxt, msg, priority, retry)
        try:
            # A little longer than the thread, which knows the reason, but may
            # be looking up the name of a host.
            future.result(end - time.monotonic() + 0.5)
        except futures.TimeoutError:
            future.cancel()
            raise errors.NotDelivered(
                f'qpid: not confirmed within {self.patience:g} s.'
            ) from None

    def submit(self, ctxt, msg, priority, retry=None):
        """Have one sent, and don't wait.

        :returns: a ``concurrent.futures.Future``; its result is None, or it
            raises what ``notify`` does, within ``delivery_timeout``. It can
            be cancelled as long as the notification is not on its way.
        """
        retries = None if retry is None or retry < 0 else retry
        parts = {'priority': priority.lower(), 'vhost': self._settings.vhost,
                 'exchange': self._settings.exchange}
        sent = []
        try:
            for topic in self.topics:
                sent.append(self._clients.client().submit(
                    self._settings.addresses.fill(topic=topic, **parts),
                    envelope.encode(
                        self._settings.write_body, ctxt, msg,
                        self._settings.subjects.fill(
                            topic=topic, **parts,
                            event_type=msg.get('event_type', ''))),
                    retries))
        except errors.NotDelivered as error:
            sent.append(delivery_future.failed(error))
        return delivery_future.together(sent)

    def close(self):
        """Wait for what is pending, at most ``drain_timeout``, and end.

        What is sent after that is not delivered.
        """
        self._finalizer()
