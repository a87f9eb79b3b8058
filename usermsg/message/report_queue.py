# SPDX-License-Identifier: Apache-2.0
"""Queue of the messages that services report over the bus.

Senders and the listener declare it alike, so that it exists and keeps the
reports, regardless of which of them starts first.
"""

#: Topic of the reports.
TOPIC = 'usermsg_report'

#: Name of the queue, and the routing key of the reports.
NAME = f'{TOPIC}.info'

#: Maximum number of reports that wait for a listener, some 100 MB. Beyond
#: that RabbitMQ refuses reports, so that their senders count and log them:
#: the queue of a cloud without a listener must not grow for ever, and
#: RabbitMQ would otherwise drop the oldest reports without notice.
MAX_LENGTH = 100_000


def options(broker):
    """Return the options of the queue, arguments of its declaration.

    It is always durable. With the default options of oslo.messaging the
    reports would be lost when RabbitMQ restarts.

    :param broker: a
        :class:`usermsg.notifications.drivers.rabbit.settings.Broker`
    """
    return {'durable': True, 'auto_delete': False, 'arguments': {
        **broker.arguments, 'x-max-length': MAX_LENGTH,
        'x-overflow': 'reject-publish'}}
