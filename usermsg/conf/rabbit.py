# SPDX-License-Identifier: Apache-2.0
"""``[oslo_messaging_rabbit_notify]``: the notification driver "rabbit"."""

from oslo_config import cfg

GROUP = cfg.OptGroup('oslo_messaging_rabbit_notify',
                     title='The notification driver "rabbit"')

OPTS = [
    cfg.FloatOpt(
        'timeout', default=10.0, min=0.1, max=3600.0,
        help='How many seconds a notification has until RabbitMQ has '
             'confirmed it. After that it counts as not delivered. '
             'Connecting is part of it, to all hosts of transport_url '
             'together. Where usermsg-worker sends them, a third of [relay] '
             'lease_ttl at most.'),
    cfg.IntOpt(
        'max_in_flight', default=500, min=1, max=65535,
        help='How many notifications of a process may be pending: not yet '
             'sent, or not yet confirmed. More wait for room, within the '
             'same timeout.'),
]
