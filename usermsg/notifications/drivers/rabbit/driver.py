# SPDX-License-Identifier: Apache-2.0
"""The strategy ``rabbit``: notifications to RabbitMQ, each confirmed.

Listeners of oslo.messaging read them: exchange, routing keys, queues and the
envelope, version 2.0, are those of its driver ``messagingv2``.
"""

from concurrent import futures
import functools
import time
import uuid
import weakref

import amqp
from kombu import compression
from oslo_messaging.notify import notifier

from usermsg.conf import rabbit as rabbit_conf
from usermsg.conf import values
from usermsg.notifications.drivers import delivery_future
from usermsg.notifications.drivers import per_process
from usermsg.notifications.drivers.rabbit import publisher
from usermsg.notifications.drivers.rabbit import settings
from usermsg.notifications import encoding
from usermsg.notifications import errors

_PERSISTENT = 2

# Seconds that a call waits longer than the thread, which knows the reason but
# may be looking up the name of a host.
_GRACE = 0.5


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
        self.patience = options.timeout
        self._broker = settings.of(transport)
        self._publishers = per_process.PerProcess(
            'rabbit', functools.partial(
                publisher.Publisher, self._broker, options.window))
        self._finalizer = weakref.finalize(
            self, self._publishers.close, self.patience)

    def notify(self, ctxt, msg, priority, retry=None):
        """Returns when RabbitMQ has it in a queue for each topic.

        :param retry: has no meaning: what is tried, is tried within
            ``[oslo_messaging_rabbit_notify] timeout``
        :raises usermsg.notifications.errors.NotDelivered: it has not, or
            doesn't say so
        :raises usermsg.notifications.errors.Refused: it is too large, or
            can't be written as JSON
        """
        end = time.monotonic() + self.patience + _GRACE
        future = self.submit(ctxt, msg, priority)
        try:
            future.result(end - time.monotonic())
        except futures.TimeoutError:
            future.cancel()
            raise errors.NotDelivered(
                f'rabbit: not confirmed within {self.patience:g} s.'
            ) from None

    def submit(self, ctxt, msg, priority):
        """Send it without waiting until RabbitMQ has it.

        It waits only where too many others are pending, until there is room.

        :returns: a concurrent.futures.Future: None when RabbitMQ has it, or
            an error as of :meth:`notify`; can be cancelled until it is on its
            way. Its callbacks must not send.
        """
        deadline = time.monotonic() + self.patience
        sent = []
        try:
            message = self._message(ctxt, msg)
            for key in self._keys(priority):
                sent.append(self._publishers.client().submit(
                    key, message, deadline))
        except errors.NotDelivered as error:
            sent.append(delivery_future.failed(error))
        return delivery_future.together(sent)

    def close(self):
        """Wait for confirmations as long as one may take, then end.

        What is sent after that is not delivered.
        """
        self._finalizer()

    def _keys(self, priority):
        return [f'{topic}.{priority.lower()}' for topic in self.topics]

    def _message(self, ctxt, msg):
        content = encoding.to_json({
            **msg, '_unique_id': uuid.uuid4().hex,
            **{f'_context_{key}': value
               for key, value in encoding.context(ctxt).items()},
        }, 'rabbit')
        body = encoding.to_json(
            {'oslo.version': '2.0', 'oslo.message': content}, 'rabbit'
        ).encode()
        headers = {}
        if self._broker.compression:
            body, headers['compression'] = compression.compress(
                body, self._broker.compression)
        return amqp.Message(
            body, application_headers=headers,
            content_type='application/json', content_encoding='utf-8',
            delivery_mode=_PERSISTENT, message_id=msg['message_id'])
