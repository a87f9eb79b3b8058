# SPDX-License-Identifier: Apache-2.0
"""Options of oslo.messaging, with the library's defaults.

The defaults stay unchanged because queues are shared with other services,
and RabbitMQ refuses a client that declares an existing queue with different
properties.

A separate module, because importing that library selects the backend of
oslo.service for the whole process.
"""

from oslo_messaging import opts


def register_opts(conf):
    for group, options in opts.list_opts():
        if group in ('oslo_messaging_notifications', 'oslo_messaging_rabbit'):
            conf.register_opts(options, group=group)
