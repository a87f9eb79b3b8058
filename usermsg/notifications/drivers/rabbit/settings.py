# SPDX-License-Identifier: Apache-2.0
"""Settings of the connection to RabbitMQ, from a transport of oslo.messaging.

The options mean the same as in oslo.messaging, so that queues are declared as
its listeners declare them.
"""

import os
import ssl

from usermsg import exception
from usermsg.notifications.drivers import host

_SCHEMES = ('rabbit', 'kombu')
_DEFAULT_PORT = 5672


class Broker:
    """Broker of a transport.

    :param transport: an oslo_messaging.Transport
    :ivar hosts: in the configured order; a client chooses its own order
    :ivar tls: TLS options of py-amqp; None without TLS
    :ivar verify_names: True if the certificate must contain the host name
    :ivar durable: True if exchanges and queues survive a restart
    :ivar arguments: arguments of queues, a dict
    :ivar compression: a compression of kombu, or None
    :ivar heartbeat: heartbeat timeout in seconds, 0 to disable it
    :raises usermsg.exception.ConfigurationError: the transport isn't for
        RabbitMQ, or its options are invalid or contradictory
    """

    def __init__(self, transport):
        # Private attributes: no public one contains the URL that a service
        # has passed to get_notification_transport(), and the options in its
        # query.
        driver = transport._driver
        url = driver._url
        if url.transport not in _SCHEMES:
            raise exception.ConfigurationError(
                '[oslo_messaging_notifications] transport_url: the '
                'notification driver "rabbit" needs one that begins with '
                f'"rabbit://", not "{url.transport}://".')
        options = driver.conf.oslo_messaging_rabbit
        self.hosts = tuple(
            host.Host(entry.hostname or 'localhost',
                      entry.port or _DEFAULT_PORT, options.ssl,
                      entry.username or '', entry.password or '')
            for entry in url.hosts) or (
                host.Host('localhost', _DEFAULT_PORT, options.ssl,
                          'guest', 'guest'),)
        self.virtual_host = url.virtual_host or '/'
        self.login_method = options.rabbit_login_method
        self.tls = _tls(options) if options.ssl else None
        self.verify_names = getattr(
            options, 'ssl_enforce_hostname_verification', True)
        self.exchange = driver._default_exchange
        self.durable = (
            options.amqp_durable_queues or options.rabbit_quorum_queue)
        self.auto_delete = options.amqp_auto_delete
        self.arguments = _arguments(options)
        self.compression = options.kombu_compression
        self.heartbeat = options.heartbeat_timeout_threshold

    @property
    def queue_options(self):
        """Options of a queue as oslo.messaging declares it, a dict."""
        return {'durable': self.durable, 'auto_delete': self.auto_delete,
                'arguments': self.arguments}


def _tls(options):
    """Return the TLS options of py-amqp.

    The certificate is always verified, as in oslo.messaging.
    """
    tls = {'cert_reqs': ssl.CERT_REQUIRED}
    for name, option in (('ca_certs', 'ssl_ca_file'),
                         ('certfile', 'ssl_cert_file'),
                         ('keyfile', 'ssl_key_file')):
        path = options[option]
        if path:
            if not os.access(path, os.R_OK):
                raise _option_error(f'{option}: {path} cannot be read.')
            tls[name] = path
    if options.ssl_version:
        versions = [name for name in dir(ssl) if name.lower() ==
                    f'protocol_{options.ssl_version}'.lower()]
        if not versions:
            raise _option_error(
                'ssl_version: this Python does not support that version.')
        tls['ssl_version'] = getattr(ssl, versions[0])
    return tls


def _arguments(options):
    if options.rabbit_ha_queues and options.rabbit_quorum_queue:
        raise _option_error(
            'rabbit_ha_queues and rabbit_quorum_queue cannot both be true.')
    if options.rabbit_ha_queues:
        return {'x-ha-policy': 'all'}
    if not options.rabbit_quorum_queue:
        return {}
    limits = {
        'x-delivery-limit': options.rabbit_quorum_delivery_limit,
        'x-max-in-memory-length': options.rabbit_quorum_max_memory_length,
        'x-max-in-memory-bytes': options.rabbit_quorum_max_memory_bytes}
    return {'x-queue-type': 'quorum',
            **{name: limit for name, limit in limits.items() if limit}}


def _option_error(reason):
    return exception.ConfigurationError(f'[oslo_messaging_rabbit] {reason}')
