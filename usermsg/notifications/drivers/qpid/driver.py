# SPDX-License-Identifier: Apache-2.0
"""The strategy ``qpid``: notifications to a server that speaks AMQP 1.0."""

import functools
import math

from usermsg.conf import qpid as options
from usermsg.notifications.drivers import confirming
from usermsg.notifications.drivers.qpid import client
from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.qpid import proton_library
from usermsg.notifications.drivers.qpid import settings
from usermsg.notifications.drivers.qpid import tls


class QpidDriver(confirming.ConfirmingDriver):
    """Sends each notification to a node for each topic, and has it confirmed.

    It can be made and used in any thread, and before or after a fork: each
    process has a thread and a connection of its own, from its first
    notification on.

    A notification counts as delivered when the server has ACCEPTED it. What
    the server RELEASED, or MODIFIED without calling it undeliverable, is sent
    again after a pause, and what was on its way when a connection broke is
    sent again on the next: at least once, and in order, but for what came
    back. What it REJECTED for what it is, or calls undeliverable, is
    ``Rejected``; for what goes to a node that it denies us, and whatever else
    it rejects, trying again later may help.

    ``retry`` is how many failures (all hosts, or one answer that it can't be
    taken now) a notification outlives; None or -1 for any number. Whatever it
    is, nothing takes longer than ``delivery_timeout``.

    :param conf: any ConfigOpts; gets the group ``oslo_messaging_qpid``
    :raises usermsg.exception.ConfigurationError: names the option, or the
        package that is missing
    """

    name = 'qpid'
    timeout_option = f'[{options.GROUP.name}] delivery_timeout'

    def __init__(self, conf, topics, transport=None):
        super().__init__(conf, topics, transport)
        self._settings = settings.Settings(conf)
        proton = proton_library.load(self._settings.tls, self._settings.sasl)
        if self._settings.tls:
            # Files that can't be used are better known now than later.
            tls.make_domain(proton, self._settings)
        self.use(functools.partial(client.Client, proton, self._settings),
                 self._settings.delivery_timeout,
                 self._settings.drain_timeout)

    def send(self, process_client, ctxt, msg, priority, retry):
        retries = math.inf if retry is None or retry < 0 else retry
        parts = {'priority': priority.lower(), 'vhost': self._settings.vhost,
                 'exchange': self._settings.exchange}
        for topic in self.topics:
            yield process_client.submit(
                self._settings.addresses.fill(topic=topic, **parts),
                envelope.encode(
                    self._settings.write_body, ctxt, msg,
                    self._settings.subjects.fill(
                        topic=topic, **parts,
                        event_type=msg.get('event_type', ''))),
                retries)
