# SPDX-License-Identifier: Apache-2.0
"""How a transport of oslo.messaging says that RabbitMQ is reached.

The same options mean the same here: queues are declared as oslo.messaging's
listeners declare them.
"""

import dataclasses
import os
import ssl

from oslo_utils import netutils

from usermsg import exception

_SCHEMES = ('rabbit', 'kombu')
_DEFAULT_PORT = 5672


@dataclasses.dataclass(frozen=True)
class Host:
    """One of the hosts; all have the same virtual host."""

    name: str
    port: int
    user: str
    password: str = dataclasses.field(repr=False)

    @property
    def address(self):
        return f'{netutils.escape_ipv6(self.name)}:{self.port}'


@dataclasses.dataclass(frozen=True)
class Broker:
    """What a publisher needs to know.

    :param hosts: as they are configured: who connects chooses
    :param tls: options of TLS as py-amqp takes them; None without TLS
    :param verify_names: whether the certificate must have the host's name
    :param durable: whether exchanges and queues outlive the broker
    :param arguments: of queues
    :param compression: a name that kombu knows, or None
    :param heartbeat: seconds between signs of life, 0 for none
    """

    hosts: tuple
    virtual_host: str
    login_method: str
    tls: dict | None
    verify_names: bool
    exchange: str
    durable: bool
    auto_delete: bool
    arguments: dict
    compression: str | None
    heartbeat: int


def of(transport):
    """The broker of a transport.

    :param transport: an oslo_messaging.Transport
    :raises usermsg.exception.ConfigurationError: it isn't one of RabbitMQ,
        or its options can't be used or contradict each other
    """
    # There is no other way to learn which URL a service has given to
    # get_notification_transport(), with the options in its query.
    driver = transport._driver
    url = driver._url
    if url.transport not in _SCHEMES:
        raise exception.ConfigurationError(
            '[oslo_messaging_notifications] transport_url: the notification '
            'driver "rabbit" needs one that begins with "rabbit://", not '
            f'"{url.transport}://".')
    options = driver.conf.oslo_messaging_rabbit
    return Broker(
        hosts=_hosts(url),
        virtual_host=url.virtual_host or '/',
        login_method=options.rabbit_login_method,
        tls=_tls(options) if options.ssl else None,
        verify_names=getattr(
            options, 'ssl_enforce_hostname_verification', True),
        exchange=driver._default_exchange,
        durable=options.amqp_durable_queues or options.rabbit_quorum_queue,
        auto_delete=options.amqp_auto_delete,
        arguments=_arguments(options),
        compression=options.kombu_compression,
        heartbeat=options.heartbeat_timeout_threshold)


def _hosts(url):
    return tuple(
        Host(host.hostname or 'localhost', host.port or _DEFAULT_PORT,
             host.username or '', host.password or '')
        for host in url.hosts) or (
            Host('localhost', _DEFAULT_PORT, 'guest', 'guest'),)


def _tls(options):
    """The certificate is verified in any case, as oslo.messaging does."""
    found = {'cert_reqs': ssl.CERT_REQUIRED}
    for ours, option in (('ca_certs', 'ssl_ca_file'),
                         ('certfile', 'ssl_cert_file'),
                         ('keyfile', 'ssl_key_file')):
        path = options[option]
        if path:
            if not os.access(path, os.R_OK):
                raise _bad(f'{option}: {path} cannot be read.')
            found[ours] = path
    if options.ssl_version:
        wanted = f'PROTOCOL_{options.ssl_version}'.lower()
        names = [name for name in dir(ssl) if name.lower() == wanted]
        if not names:
            raise _bad('ssl_version: there is no such version here.')
        found['ssl_version'] = getattr(ssl, names[0])
    return found


def _arguments(options):
    if options.rabbit_ha_queues and options.rabbit_quorum_queue:
        raise _bad('rabbit_ha_queues and rabbit_quorum_queue cannot both be '
                   'true.')
    found = {}
    if options.rabbit_ha_queues:
        found['x-ha-policy'] = 'all'
    if options.rabbit_quorum_queue:
        found['x-queue-type'] = 'quorum'
        for ours, theirs in (
                ('x-delivery-limit', options.rabbit_quorum_delivery_limit),
                ('x-max-in-memory-length',
                 options.rabbit_quorum_max_memory_length),
                ('x-max-in-memory-bytes',
                 options.rabbit_quorum_max_memory_bytes)):
            if theirs:
                found[ours] = theirs
    return found


def _bad(reason):
    return exception.ConfigurationError(f'[oslo_messaging_rabbit] {reason}')
