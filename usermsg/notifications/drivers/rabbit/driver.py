# SPDX-License-Identifier: Apache-2.0
"""Driver ``rabbit``: notifications to RabbitMQ with publisher confirms.

For listeners of oslo.messaging: exchange, routing keys, queues and the
envelope, version 2.0, are those of its driver ``messagingv2``.
"""

import functools
import math
import operator
import time
import uuid

import amqp
from kombu import compression

from usermsg.concurrency import bounded_call
from usermsg.conf import rabbit as rabbit_conf
from usermsg.conf import values
from usermsg.notifications.drivers import confirming
from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications.drivers.rabbit import inspection
from usermsg.notifications.drivers.rabbit import publisher
from usermsg.notifications.drivers.rabbit import settings
from usermsg.notifications import encoding
from usermsg.notifications import notification

_PERSISTENT = 2

#: Timeout of the inspection of queues, in seconds.
_INSPECTION_TIMEOUT = 5


class RabbitDriver(confirming.ConfirmingDriver):
    """Driver that publishes each notification once per topic, confirmed.

    ``retry`` is ignored: all attempts happen within
    ``[oslo_messaging_rabbit_notify] delivery_timeout``. If too many
    notifications are pending, ``submit`` waits for room, with the same
    timeout.

    A notification that is too large, or that JSON can't represent, is
    ``Rejected``.

    :param max_timeout: seconds that a delivery takes at most, if
        ``delivery_timeout`` is longer
    :param queue_options: function of a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker` that
        returns the options of the queues, a dict
    :raises usermsg.exception.ConfigurationError: the transport or an option
        can't be used; names it
    """

    name = 'rabbit'
    timeout_option = f'[{rabbit_conf.GROUP.name}] delivery_timeout'

    def __init__(self, conf, topics, transport, max_timeout=math.inf,
                 queue_options=operator.attrgetter('queue_options')):
        super().__init__(conf, topics, transport)
        values.register(conf, rabbit_conf.GROUP, rabbit_conf.OPTS)
        options = conf.oslo_messaging_rabbit_notify
        self._broker = settings.Broker(transport)
        timeout = min(options.delivery_timeout, max_timeout)
        self.use(functools.partial(
            publisher.Publisher, self._broker, options.max_pending,
            queue_options(self._broker)),
            timeout, drain_timeout=timeout)

    def upgrade_warnings(self):
        """Return warnings for the operator about existing queues."""
        keys = [f'{topic}.{priority.lower()}' for topic in self.topics
                for priority in sorted(notification.PRIORITIES)]
        try:
            # A host name may have several addresses, each with its own
            # timeout.
            return bounded_call.Deadline(_INSPECTION_TIMEOUT).run(
                lambda: inspection.upgrade_warnings(
                    self._broker, keys, 0.8 * _INSPECTION_TIMEOUT))
        except bounded_call.CallTimeout as error:
            return [f'The queues of RabbitMQ could not be inspected: {error}.']

    def probes(self):
        """Return functions that connect to the hosts of the broker.

        See :func:`usermsg.notifications.drivers.rabbit.connection.probes`.
        """
        return connections.probes(self._broker)

    def send(self, process_client, ctxt, msg, priority, retry):
        deadline = time.monotonic() + self.timeout
        message = self._message(ctxt, msg)
        for topic in self.topics:
            yield process_client.submit(
                f'{topic}.{priority.lower()}', message, deadline)

    def _message(self, ctxt, msg):
        content = encoding.to_json({
            **msg, '_unique_id': uuid.uuid4().hex,
            **{f'_context_{key}': value
               for key, value in encoding.redact_context(ctxt).items()},
        }, 'rabbit')
        body = encoding.envelope(content).encode()
        headers = {}
        if self._broker.compression:
            body, headers['compression'] = compression.compress(
                body, self._broker.compression)
        return amqp.Message(
            body, application_headers=headers,
            content_type='application/json', content_encoding='utf-8',
            delivery_mode=_PERSISTENT, message_id=msg['message_id'])
