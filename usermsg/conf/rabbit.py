# SPDX-License-Identifier: Apache-2.0
"""``[oslo_messaging_rabbit_notify]``: the notification driver ``rabbit``."""

from oslo_config import cfg

GROUP = cfg.OptGroup('oslo_messaging_rabbit_notify',
                     title='The notification driver rabbit')

OPTS = [
    cfg.FloatOpt(
        'delivery_timeout', default=10.0, min=0.1, max=3600.0,
        help='Maximum number of seconds until RabbitMQ has confirmed a '
             'notification. After that, the delivery fails. The time '
             'includes connecting, to all hosts of transport_url together. '
             'In usermsg-worker it must not exceed a third of [relay] '
             'lease_ttl.'),
    cfg.IntOpt(
        'max_pending', default=500, min=1, max=65535,
        help='Maximum number of notifications of a process that are not yet '
             'sent or not yet confirmed. Further notifications wait until '
             'there is room, within delivery_timeout.'),
]
