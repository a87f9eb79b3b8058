# SPDX-License-Identifier: Apache-2.0
"""The driver ``qpid``: notifications to a server that speaks AMQP 1.0."""

import functools
import math

from usermsg.conf import qpid as options
from usermsg.notifications.drivers import confirming
from usermsg.notifications.drivers.qpid import client
from usermsg.notifications.drivers.qpid import connection
from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.qpid import proton_library
from usermsg.notifications.drivers.qpid import settings
from usermsg.notifications.drivers.qpid import tls


class QpidDriver(confirming.ConfirmingDriver):
    """Driver that sends a notification to one node for each topic.

    It can be created and used in any thread, and before or after a fork: each
    process has its own thread and its own connection, which are created with
    its first notification.

    A notification is delivered when the server has confirmed it with the
    outcome ACCEPTED. After RELEASED, and after MODIFIED without
    undeliverable-here, the message is sent again after a backoff; messages
    that were in flight when a connection was lost are sent again on the next
    connection. So delivery is at least once, and in order except for messages
    that were released or modified. A message that the server REJECTED for its
    content, or called undeliverable here, raises ``Rejected``; after an error
    of authorization, and after any other rejection, ``NotDelivered`` is
    raised, as a later attempt may succeed.

    ``retry`` is the number of failures (of all hosts, or of a message that the
    server cannot accept now) after which a notification is still retried; None
    or -1 means no limit. Regardless of it, a notification takes at most
    ``delivery_timeout``.

    :param conf: any ConfigOpts; the group ``oslo_messaging_qpid`` is
        registered in it
    :raises usermsg.exception.ConfigurationError: an option is invalid, or a
        package is missing; the error contains its name
    """

    name = 'qpid'
    timeout_option = f'[{options.GROUP.name}] delivery_timeout'

    def __init__(self, conf, topics, transport=None):
        super().__init__(conf, topics, transport)
        self._settings = settings.Settings(conf)
        proton = proton_library.load(self._settings.tls, self._settings.sasl)
        if self._settings.tls:
            # Report unusable files now rather than with the first connection.
            tls.make_domain(proton, self._settings)
        self._probe = functools.partial(
            connection.probe, proton, self._settings)
        self.use(functools.partial(client.Client, proton, self._settings),
                 self._settings.delivery_timeout,
                 self._settings.drain_timeout)

    def probes(self):
        """Return functions that connect to the hosts of the broker.

        See :func:`usermsg.notifications.drivers.rabbit.connection.probes`.
        """
        return {host.address: functools.partial(self._probe, host)
                for host in self._settings.hosts}

    def send(self, process_client, ctxt, msg, priority, retry):
        retries = math.inf if retry is None or retry < 0 else retry
        fields = {'priority': priority.lower(), 'vhost': self._settings.vhost,
                  'exchange': self._settings.exchange}
        for topic in self.topics:
            yield process_client.submit(
                self._settings.addresses.fill(topic=topic, **fields),
                envelope.encode(
                    self._settings.write_body, ctxt, msg,
                    self._settings.subjects.fill(
                        topic=topic, **fields,
                        event_type=msg.get('event_type', ''))),
                retries)
