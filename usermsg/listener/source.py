# SPDX-License-Identifier: Apache-2.0
"""Queues of the listener on one broker.

The exchanges belong to the services, which declare them with options of their
own: the listener never declares one, as another declaration would make theirs
fail. Only the queues are the listener's: its own, and on trusted transports
that of reports, which their senders bind to their exchange.
"""

import contextlib
import dataclasses
import time

import amqp
from oslo_log import log

from usermsg import exception
from usermsg.listener import envelope
from usermsg.message import report_queue
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import connection as connections
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.notifications.drivers.rabbit import settings

LOG = log.getLogger(__name__)

#: In seconds: the timeout of connecting and of each request to the broker.
_TIMEOUT = 10

#: Heartbeat in seconds, if the options disable it: a broker that freezes
#: must be noticed.
_HEARTBEAT = 60

#: Seconds for which a batch waits for further notifications, so that few
#: notifications a second don't cost a transaction each.
_BATCH_DELAY = 0.1

#: Seconds between two bindings of an exchange. An exchange that was deleted
#: and created again has lost them.
_BINDING_INTERVAL = 30

#: Minimum and maximum of the seconds until a missing exchange is looked for
#: again. RabbitMQ logs each time.
_MIN_DELAY, _MAX_DELAY = 1, 300


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """Message of a broker, not parsed yet.

    :param body: bytes or text; cut if it is too long for a notification
    :param compression: kombu's name of the compression, or None
    :param transport: name of the transport
    :param trusted: see ``[listener_transport_NAME] trusted``
    :param tag: delivery tag
    """

    body: bytes | str
    compression: object
    transport: str
    trusted: bool
    tag: int = 0


class Source:
    """Queues on one broker. Used by one thread, which reconnects.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param name: of the transport
    :param options: of ``[listener]``
    :param transport_options: of ``[listener_transport_NAME]``
    :param clock: function that returns the time in seconds
    """

    def __init__(self, broker, name, options, transport_options,
                 clock=time.monotonic):
        self.name = name
        self.queue = f'{options.pool}.{name}'
        self._broker = broker
        self._quorum = options.queue_type == 'quorum'
        self._batch_size = options.batch_size
        self._trusted = transport_options.trusted
        self._topics = transport_options.topics
        self._exchanges = [_Exchange(exchange) for exchange
                           in transport_options.exchanges]
        self._clock = clock
        self._messages = []
        self._connection = self._channel = None

    def probes(self):
        """Return functions that connect to the hosts of the broker.

        See :func:`usermsg.notifications.drivers.rabbit.connection.probes`.
        """
        return connections.probes(self._broker)

    def open(self, stop):
        """Connect to the first host that responds, and begin to consume.

        :param stop: an event; once it is set, no further host is tried
        :returns: the address of the host
        :raises received_message.ConnectionLost: no host responds
        """
        reasons = []
        for host in self._broker.hosts:
            if stop.is_set():
                break
            try:
                self._connection = connections.connect(
                    self._broker, host, _TIMEOUT,
                    heartbeat=self._broker.heartbeat or _HEARTBEAT)
                self._connection.buffer_reads()
                self._consume()
                return host.address
            except Exception as error:
                self.close()
                reasons.append(
                    f'{host.address}: {connections.describe_error(error)}')
        raise received_message.ConnectionLost('; '.join(reasons))

    def _consume(self):
        self._extend_deadline()
        arguments = {}
        if self._quorum:
            arguments['x-queue-type'] = 'quorum'
            # From version 4 on, RabbitMQ drops a message that was redelivered
            # 20 times, as happens when workers are restarted while the
            # database is unavailable. Earlier versions don't support -1.
            version = str(self._connection.server_properties.get('version'))
            if not version.startswith(('2.', '3.')):
                arguments['x-delivery-limit'] = -1
        self._declare_queue(self.queue, {
            'durable': True, 'auto_delete': False, 'arguments': arguments})
        queues = [self.queue]
        if self._trusted:
            self._declare_queue(report_queue.NAME,
                                report_queue.options(self._broker))
            queues.append(report_queue.NAME)
        for exchange in self._exchanges:
            exchange.due_at = self._clock()
            exchange.delay = _MIN_DELAY
        self._bind()
        self._extend_deadline()
        self._channel = self._connection.channel()
        # Twice a batch: the next one arrives while one is handled.
        self._channel.basic_qos(0, 2 * self._batch_size, False)
        for queue in queues:
            self._channel.basic_consume(
                queue, callback=self._add, on_cancel=self._on_cancel)

    def _declare_queue(self, name, options):
        refusal = connections.try_declare(
            self._connection,
            lambda channel: channel.queue_declare(name, **options))
        if refusal:
            # It must exist then, or consuming fails.
            LOG.warning('The queue %s is used although it could not be '
                        'declared as configured: %s', name, refusal)

    def _bind(self):
        """Bind the queue to the exchanges for which this is due."""
        now = self._clock()
        for exchange in self._exchanges:
            if now < exchange.due_at:
                continue
            self._extend_deadline()
            refusal = connections.try_declare(
                self._connection, lambda channel: self._bind_exchange(
                    channel, exchange.name))
            exchange.set_state(refusal, self.queue)
            if refusal:
                exchange.due_at = now + exchange.delay
                exchange.delay = min(2 * exchange.delay, _MAX_DELAY)
            else:
                exchange.due_at = now + _BINDING_INTERVAL
                exchange.delay = _MIN_DELAY

    def _bind_exchange(self, channel, exchange):
        channel.exchange_declare(exchange, 'topic', passive=True)
        for topic in self._topics:
            # The last word of a routing key is the priority.
            channel.queue_bind(self.queue, exchange, f'{topic}.*')

    def _add(self, message):
        body = message.body
        if len(body) > envelope.MAX_SIZE:
            # Released early, since many can wait here. One byte too long for
            # a notification, and malformed therefore.
            body = body[:envelope.MAX_SIZE + 1]
        headers = message.headers or {}
        self._messages.append(Received(
            body, headers.get('compression'), self.name, self._trusted,
            message.delivery_tag))

    def _on_cancel(self, _consumer_tag):
        # The queue was deleted, or its host has failed.
        raise amqp.ConnectionForced('the broker cancelled the consumer')

    def read(self, seconds):
        """Return the next batch of messages; wait for it if necessary.

        :param seconds: timeout of the wait
        :returns: a list of :class:`Received`, empty after the timeout
        :raises received_message.ConnectionLost: the connection was lost;
            the broker delivers unacknowledged messages again
        """
        with self._connected():
            if not self._messages:
                self._drain(seconds)
            end = self._clock() + _BATCH_DELAY
            while (0 < len(self._messages) < self._batch_size and
                   (remaining := end - self._clock()) > 0):
                self._drain(remaining)
            self._maintain()
        batch = self._messages[:self._batch_size]
        del self._messages[:self._batch_size]
        return batch

    def wait(self, seconds):
        """Wait with unacknowledged messages, and keep the connection alive.

        :raises received_message.ConnectionLost: see :meth:`read`
        """
        end = self._clock() + seconds
        with self._connected():
            while (remaining := end - self._clock()) > 0:
                self._drain(remaining)
            self._maintain()

    def acknowledge(self, batch):
        """Acknowledge a batch; batches must be in the order of :meth:`read`.

        :raises received_message.ConnectionLost: see :meth:`read`
        """
        with self._connected():
            self._extend_deadline()
            self._channel.basic_ack(batch[-1].tag, True)

    def _drain(self, seconds):
        with contextlib.suppress(TimeoutError):
            self._connection.drain_events(timeout=seconds)
            self._connection.read_all()

    def _maintain(self):
        self._extend_deadline()
        self._connection.tick()
        self._bind()

    def _extend_deadline(self):
        self._connection.wait_until(time.monotonic() + _TIMEOUT)

    @contextlib.contextmanager
    def _connected(self):
        try:
            yield
        except Exception as error:
            self.close()
            raise received_message.ConnectionLost(
                connections.describe_error(error)) from None

    def close(self):
        """Close the connection; unacknowledged messages are requeued."""
        if self._connection is not None:
            connections.close(self._connection)
        self._connection = self._channel = None
        self._messages.clear()


class _Exchange:

    def __init__(self, name):
        self.name = name
        self.due_at = 0.0
        self.delay = _MIN_DELAY
        self._is_bound = False

    def set_state(self, refusal, queue):
        """Log a change.

        :param refusal: reason of the broker, or None if it is bound
        """
        if not refusal and not self._is_bound:
            LOG.info('The queue %s receives notifications of the exchange %s',
                     queue, self.name)
        elif refusal and self._is_bound:
            LOG.warning('The queue %s receives no notifications of the '
                        'exchange %s: %s', queue, self.name, refusal)
        self._is_bound = not refusal


def load(conf):
    """Return a :class:`Source` for each configured transport, unconnected.

    :raises usermsg.exception.ConfigurationError: names the option
    """
    names = conf.listener.transports
    if not names or len(set(names)) < len(names):
        raise exception.ConfigurationError(
            '[listener] transports: must be different names, at least one.')
    sources = []
    for name in names:
        options = conf[f'listener_transport_{name}']
        transport = loader.get_transport(
            conf, options.transport_url, f'listener_transport_{name}')
        sources.append(Source(
            settings.Broker(transport), name, conf.listener, options))
    return sources
