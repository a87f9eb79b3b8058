# SPDX-License-Identifier: Apache-2.0
"""How a transport of oslo.messaging says that RabbitMQ is reached.

The same options mean the same here: queues are declared as oslo.messaging's
listeners declare them.
"""

import os
import ssl

from usermsg import exception
from usermsg.notifications.drivers import host

_SCHEMES = ('rabbit', 'kombu')
_DEFAULT_PORT = 5672


class Broker:
    """The broker of a transport.

    :param transport: an oslo_messaging.Transport
    :ivar hosts: as they are configured: who connects chooses
    :ivar tls: options of TLS as py-amqp takes them; None without TLS
    :ivar verify_names: whether the certificate must have the host's name
    :ivar durable: whether exchanges and queues outlive the broker
    :ivar arguments: of queues
    :ivar compression: a name that kombu knows, or None
    :ivar heartbeat: seconds between signs of life, 0 for none
    :raises usermsg.exception.ConfigurationError: it isn't one of RabbitMQ,
        or its options can't be used or contradict each other
    """

    def __init__(self, transport):
        # There is no other way to learn which URL a service has given to
        # get_notification_transport(), with the options in its query.
        driver = transport._driver
        url = driver._url
        if url.transport not in _SCHEMES:
            raise exception.ConfigurationError(
                '[oslo_messaging_notifications] transport_url: the '
                'notification driver "rabbit" needs one that begins with '
                f'"rabbit://", not "{url.transport}://".')
        options = driver.conf.oslo_messaging_rabbit
        self.hosts = tuple(
            host.Host(each.hostname or 'localhost',
                      each.port or _DEFAULT_PORT, options.ssl,
                      each.username or '', each.password or '')
            for each in url.hosts) or (
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


def _tls(options):
    """The certificate is verified in any case, as oslo.messaging does."""
    tls = {'cert_reqs': ssl.CERT_REQUIRED}
    for name, option in (('ca_certs', 'ssl_ca_file'),
                         ('certfile', 'ssl_cert_file'),
                         ('keyfile', 'ssl_key_file')):
        path = options[option]
        if path:
            if not os.access(path, os.R_OK):
                raise _bad(f'{option}: {path} cannot be read.')
            tls[name] = path
    if options.ssl_version:
        versions = [name for name in dir(ssl) if name.lower() ==
                    f'protocol_{options.ssl_version}'.lower()]
        if not versions:
            raise _bad('ssl_version: there is no such version here.')
        tls['ssl_version'] = getattr(ssl, versions[0])
    return tls


def _arguments(options):
    if options.rabbit_ha_queues and options.rabbit_quorum_queue:
        raise _bad('rabbit_ha_queues and rabbit_quorum_queue cannot both be '
                   'true.')
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


def _bad(reason):
    return exception.ConfigurationError(f'[oslo_messaging_rabbit] {reason}')
