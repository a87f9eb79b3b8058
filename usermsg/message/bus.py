# SPDX-License-Identifier: Apache-2.0
"""Recording over the bus, for hosts without an account in the database.

Each message is sent as a notification, which the listener checks and records.
"""

from usermsg.db import clock
from usermsg import exception
from usermsg.message import report_queue
from usermsg.message import schemas
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import driver
from usermsg.notifications import notification

EVENT_TYPE = 'usermsg.report'

#: Fraction of ``[messages] record_timeout`` that the broker has, at most: the
#: rest is for the reason of a failure, which the driver may report a little
#: later.
_SHARE = 0.8


class Bus:
    """Sender of messages to record. Thread-safe and fork-safe.

    It connects on first use.

    :param conf: the configuration; ``[oslo_messaging_notifications]
        transport_url`` or that of ``[DEFAULT]`` is used
    :raises usermsg.exception.ConfigurationError: the transport isn't for
        RabbitMQ, or its options can't be used
    """

    def __init__(self, conf):
        self._driver = driver.RabbitDriver(
            conf, [report_queue.TOPIC], loader.get_transport(conf),
            max_timeout=_SHARE * conf.messages.record_timeout,
            queue_options=report_queue.options)
        if loader.lacks_transport_url(conf, self._driver):
            raise exception.ConfigurationError(
                '[oslo_messaging_notifications] transport_url is not set; '
                'recording over the bus needs the URL of RabbitMQ, such as '
                'rabbit://USER:PASSWORD@HOST:5672/.')

    def send(self, new_message):
        """Send a message, and wait until the broker has confirmed it.

        :param new_message: a :class:`usermsg.objects.message.NewMessage`
        :raises usermsg.notifications.errors.NotDelivered: it was not
            confirmed; it may arrive nevertheless
        """
        report = build_report(new_message)
        self._driver.notify({}, report.body(), report.priority, 0)


def build_report(new_message):
    """Return the notification that reports a message.

    :data:`schemas.REPORT` is the schema of its payload.
    """
    payload = {name: getattr(new_message.row, name, None)
               for name in schemas.REPORT['properties']}
    return notification.Notification(
        EVENT_TYPE, {**payload, 'source_id': new_message.source_id},
        timestamp=clock.aware(new_message.row.created_at))
