# SPDX-License-Identifier: Apache-2.0
"""Options of oslo.messaging, with its own defaults.

Queues are shared with other services, and RabbitMQ refuses who declares one
otherwise than it is.

A module of its own, as that library chooses the backend of oslo.service for
the whole process when it is imported.
"""

from oslo_messaging import opts


def register_opts(conf):
    for group, options in opts.list_opts():
        if group in ('oslo_messaging_notifications', 'oslo_messaging_rabbit'):
            conf.register_opts(options, group=group)
