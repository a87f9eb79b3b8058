# SPDX-License-Identifier: Apache-2.0
"""Inspection of queues of RabbitMQ, to warn of those that a restart loses.

Other services share exchange and queues, and each declares them with its own
options: the first declaration decides, and RabbitMQ refuses those whose
options differ.
"""

import re
import time

from usermsg.notifications.drivers.rabbit import connection as connections

#: Options that no queue has. RabbitMQ compares "durable" before it compares
#: these; if the queue has just been deleted, the one that this declaration
#: creates is deleted automatically.
_UNUSED_OPTIONS = {'auto_delete': True, 'arguments': {'x-expires': 1000}}
_DIFFERENT = re.compile(r"inequivalent arg '([^']+)'")


def upgrade_warnings(broker, keys, timeout):
    """Inspect queues without declaring any.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    :param keys: routing keys, which are the names of the queues
    :param timeout: seconds for the whole inspection
    :returns: a list of warnings for the operator
    """
    end = time.monotonic() + timeout
    reasons = []
    for host in broker.hosts:
        connection = None
        try:
            connection = connections.connect(
                broker, host,
                max(end - time.monotonic(), connections.MIN_TIMEOUT),
                heartbeat=0)
            connection.wait_until(end)
            return list(_warnings(broker, {
                key: _kind(connection, key) for key in keys}))
        except Exception as error:
            reasons.append(
                f'{host.address}: {connections.describe_error(error)}')
        finally:
            if connection is not None:
                connections.close(connection)
    return [f'The queues of RabbitMQ could not be inspected: '
            f'{"; ".join(reasons)}.']


def _kind(connection, queue):
    """Return "missing", "durable", "transient" or "inaccessible"."""
    if connections.try_declare(
            connection,
            lambda channel: channel.queue_declare(queue, passive=True)):
        return 'missing'
    refusal = connections.try_declare(
        connection, lambda channel: channel.queue_declare(
            queue, durable=False, **_UNUSED_OPTIONS))
    different = _DIFFERENT.search(refusal or '')
    if refusal and not different:
        return 'inaccessible'
    return ('durable' if different and
            different[1] in ('durable', 'x-queue-type') else 'transient')


def _warnings(broker, kinds):
    created = 'durable' if broker.durable else 'transient'
    names = {kind: ', '.join(
        name for name, current in kinds.items()
        if kind in (current, created if current == 'missing' else None))
        for kind in ('durable', 'transient', 'inaccessible')}
    option = '[oslo_messaging_rabbit] amqp_durable_queues'
    services = ('in every service that uses the exchange '
                f'{broker.exchange}, for notifications or for RPC')
    restart = ('stop these services, delete the exchange and the queues, and '
               'start the services again')
    if names['transient']:
        yield (f'A restart of RabbitMQ loses {names["transient"]} with all '
               'messages in them, including confirmed ones. To prevent this, '
               f'set {option} = true {services}: {restart}.')
    if names['durable'] and (
            not broker.durable or 'missing' in kinds.values()):
        verb = 'are' if not broker.durable else 'are, or will be created,'
        yield (f'{names["durable"]} {verb} durable. RabbitMQ refuses services '
               f'whose {option} is false, which is the default: set it to '
               f'true {services}; or, if no service needs durable queues, '
               f'{restart}.')
    if names['inaccessible']:
        yield (f'This account may not declare {names["inaccessible"]}, so it '
               'is unknown whether a restart of RabbitMQ loses them.')
