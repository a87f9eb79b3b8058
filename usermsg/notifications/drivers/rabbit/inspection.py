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


def upgrade_warnings(broker, keys, timeout):
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
            return list(_sentences(broker, {
                key: _kind(connection, key) for key in keys}))
        except Exception as error:
            reasons.append(f'{host.address}: {connections.reason_of(error)}')
        finally:
            if connection is not None:
                connections.end(connection)
    return [f'RabbitMQ could not be asked for its queues: '
            f'{"; ".join(reasons)}.']


def _kind(connection, queue):
    """Kind of a queue: missing, durable, transient, or hidden from us."""
    if connections.declare(connection, lambda channel: channel.queue_declare(
            queue, passive=True)):
        return 'missing'
    declined = connections.declare(
        connection, lambda channel: channel.queue_declare(
            queue, durable=False, **_UNLIKELY))
    different = _DIFFERENT.search(declined or '')
    if declined and not different:
        return 'hidden'
    return ('durable' if different and
            different[1] in ('durable', 'x-queue-type') else 'transient')


def _sentences(broker, kinds):
    made = 'durable' if broker.durable else 'transient'
    names = {kind: ', '.join(
        name for name, each in kinds.items()
        if kind in (each, made if each == 'missing' else None))
        for kind in ('durable', 'transient', 'hidden')}
    option = '[oslo_messaging_rabbit] amqp_durable_queues'
    everywhere = ('in every service that uses the exchange '
                  f'{broker.exchange}, for notifications or for RPC')
    again = 'stop them, delete the exchange and the queues, and start them'
    if names['transient']:
        yield (f'A restart of RabbitMQ loses {names["transient"]} with all '
               'that is in them, also what it has confirmed. Where that '
               f'matters, set {option} = true {everywhere}; {again} again.')
    if names['durable'] and (
            not broker.durable or 'missing' in kinds.values()):
        are = 'are' if not broker.durable else 'are, or will be made,'
        yield (f'{names["durable"]} {are} durable. RabbitMQ refuses services '
               f'whose {option} is false, which is the default: set it '
               f'{everywhere}; or, if none is to have it, {again}.')
    if names['hidden']:
        yield (f'Whether a restart of RabbitMQ loses {names["hidden"]} could '
               'not be found out, as this account may not declare them.')
