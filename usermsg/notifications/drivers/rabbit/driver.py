# SPDX-License-Identifier: Apache-2.0
"""The strategy ``rabbit``: notifications to RabbitMQ, each confirmed.

Listeners of oslo.messaging read them: exchange, routing keys, queues and the
envelope, version 2.0, are those of its driver ``messagingv2``.
"""

import os
import time
import uuid

import amqp
from kombu import compression
from oslo_messaging.notify import notifier

from usermsg.conf import rabbit as rabbit_conf
from usermsg.conf import values
from usermsg.notifications.drivers import delivery_future
from usermsg.notifications.drivers.rabbit import publisher
from usermsg.notifications.drivers.rabbit import settings
from usermsg.notifications import encoding
from usermsg.notifications import errors

_PERSISTENT = 2


class RabbitDriver(notifier.Driver):
    """See :class:`oslo_messaging.notify.notifier.Driver`.

    :raises usermsg.exception.ConfigurationError: the transport can't be used,
        or an option; names it
    """

    patience_option = f'[{rabbit_conf.GROUP.name}] timeout'

    def __init__(self, conf, topics, transport):
        super().__init__(conf, topics, transport)
        values.register(conf, rabbit_conf.GROUP, rabbit_conf.OPTS)
        options = conf.oslo_messaging_rabbit_notify
        self.patience, self._window = options.timeout, options.window
        self._broker = settings.of(transport)
        # By process id: a forked child can use neither the connection nor
        # the locks, which another thread may have held at that moment.
        self._publishers = {}

    def notify(self, ctxt, msg, priority, retry=None):
        """Returns when RabbitMQ has it in a queue for each topic.

        :param retry: has no meaning: what is tried, is tried within
            ``[oslo_messaging_rabbit_notify] timeout``
        :raises usermsg.notifications.errors.NotDelivered: it has not, or
            doesn't say so
        :raises usermsg.notifications.errors.Refused: it is too large, or
            can't be written as JSON
        """
        message = self._message(ctxt, msg)
        deadline = self._deadline()
        try:
            self._send(message, priority, deadline)
        except publisher.Unroutable:
            # The queue is gone that was there; it is declared anew.
            self._send(message, priority, deadline)

    def _send(self, message, priority, deadline):
        connection = self._publisher()
        for sent in [connection.publish(key, message, deadline)
                     for key in self._keys(priority)]:
            connection.wait(sent)

    def submit(self, ctxt, msg, priority):
        """Send it without waiting until RabbitMQ has it.

        It waits for a connection, and for others to be confirmed if too many
        are on their way. Where another has just failed to be sent, it fails.

        :returns: a concurrent.futures.Future: None when RabbitMQ has it, or
            an error as of :meth:`notify`. Its callbacks must not send.
        """
        try:
            message = self._message(ctxt, msg)
            deadline = self._deadline()
            connection = self._publisher()
            sent = [connection.submit(key, message, deadline)
                    for key in self._keys(priority)]
        except errors.NotDelivered as error:
            return delivery_future.failed(error)
        return delivery_future.together(sent)

    def close(self):
        """Wait for confirmations as long as one may take, then end."""
        found = self._publishers.pop(os.getpid(), None)
        if found is not None:
            found.close(self._deadline())

    def _publisher(self):
        mine = os.getpid()
        found = self._publishers.get(mine)
        if found is None:
            # Forgotten without a farewell, which would end the parent's.
            for other in [pid for pid in self._publishers if pid != mine]:
                self._publishers.pop(other, None)
            found = self._publishers.setdefault(mine, publisher.Publisher(
                self._broker, self._window))
        return found

    def _deadline(self):
        return time.monotonic() + self.patience

    def _keys(self, priority):
        return [f'{topic}.{priority.lower()}' for topic in self.topics]

    def _message(self, ctxt, msg):
        content = encoding.to_json({
            **msg, '_unique_id': uuid.uuid4().hex,
            **{f'_context_{key}': value
               for key, value in encoding.context(ctxt).items()},
        }, 'rabbit')
        body = encoding.to_json(
            {'oslo.version': '2.0', 'oslo.message': content}, 'rabbit')
        headers = {}
        if self._broker.compression:
            body, headers['compression'] = compression.compress(
                body.encode(), self._broker.compression)
        return amqp.Message(
            body, application_headers=headers,
            content_type='application/json', content_encoding='utf-8',
            delivery_mode=_PERSISTENT, message_id=msg['message_id'])
