# SPDX-License-Identifier: Apache-2.0
"""Queues of RabbitMQ before anything is sent: what its restart would lose.

Other services share exchange and queues, and each declares them with options
of its own: who declares first decides, and RabbitMQ refuses those whose
options differ.
"""

import re
import time

from usermsg.notifications.drivers.rabbit import connection as connections

#: Arguments that no queue has. RabbitMQ compares whether a queue is durable
#: before it compares these; if the queue has just been deleted, what this
#: makes goes by itself.
_UNLIKELY = {'auto_delete': True, 'arguments': {'x-expires': 1000}}
_DIFFERENT = re.compile(r"inequivalent arg '([^']+)'")


def doubts(broker, keys, timeout):
    """Look at queues, and declare none.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param keys: routing keys, which are the names of the queues
    :param timeout: seconds for all of it
    :returns: a list of sentences for an operator
    """
    end = time.monotonic() + timeout
    reasons = []
    for host in broker.hosts:
        connection = None
        try:
            connection = connections.connect(
                broker, host, max(end - time.monotonic(), connections.LEAST),
                heartbeat=0)
            connection.wait_until(end)
            return _sentences(broker, {
                key: _is_durable(connection, key) for key in keys})
        except Exception as error:
            reasons.append(f'{host.address}: {connections.reason_of(error)}')
        finally:
            if connection is not None:
                connections.end(connection)
    return [f'RabbitMQ could not be asked for its queues: '
            f'{"; ".join(reasons)}.']


def _is_durable(connection, queue):
    """Whether a queue outlives RabbitMQ; None if there is none."""
    if connections.declare(connection, lambda channel: channel.queue_declare(
            queue, passive=True)):
        return None
    declined = connections.declare(
        connection, lambda channel: channel.queue_declare(
            queue, durable=False, **_UNLIKELY))
    different = _DIFFERENT.search(declined or '')
    return different is None or different[1] in ('durable', 'x-queue-type')


def _sentences(broker, durable):
    everywhere = ('in every service that uses the exchange '
                  f'{broker.exchange}, for notifications or for RPC')
    missing = [key for key in durable if durable[key] is None]
    lost = [key for key in durable if not durable[key] and
            not (broker.durable and key in missing)]
    sentences = []
    if lost:
        sentences.append(
            f'A restart of RabbitMQ loses {", ".join(lost)} with all that is '
            'in them, also what it has confirmed. Where that matters, set '
            '[oslo_messaging_rabbit] amqp_durable_queues = true '
            f'{everywhere}; stop them, delete the exchange and the queues, '
            'and start them again.')
    if missing and broker.durable:
        sentences.append(
            f'{", ".join(missing)} will be made durable. RabbitMQ then '
            'refuses services whose [oslo_messaging_rabbit] '
            'amqp_durable_queues is false, which is the default: set it '
            f'{everywhere}.')
    return sentences
