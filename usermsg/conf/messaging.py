# SPDX-License-Identifier: Apache-2.0
"""Options of oslo.messaging, and our default for them.

A module of its own, as that library chooses the backend of oslo.service for
the whole process when it is imported.
"""

from oslo_config import cfg
from oslo_messaging import opts

_NOTIFICATIONS = 'oslo_messaging_notifications'
_RABBIT = 'oslo_messaging_rabbit'

# What RabbitMQ has confirmed shall outlive its restart. The library's own
# default is false, and stays what it is in other services.
_DURABLE = {'amqp_durable_queues': True}


def register_opts(conf):
    for group, options in opts.list_opts():
        if group in (_NOTIFICATIONS, _RABBIT):
            conf.register_opts(options, group=group)
    for name, value in _DURABLE.items():
        conf.set_default(name, value, group=_RABBIT)


def set_defaults():
    """For the whole process: see ``libraries.set_defaults``."""
    from oslo_messaging._drivers import amqp
    cfg.set_defaults(amqp.amqp_opts, **_DURABLE)
