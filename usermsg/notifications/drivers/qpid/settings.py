# SPDX-License-Identifier: Apache-2.0
"""The options of ``[oslo_messaging_qpid]``, checked and understood."""

import dataclasses
import os
import re
from typing import Callable

from oslo_config import cfg

from usermsg.conf import qpid as options
from usermsg.conf import values
from usermsg import exception
from usermsg.notifications.drivers.qpid import address
from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.qpid import hosts

_SCRAM = ('SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1')
#: Those that show the password to whoever can read the connection.
_PLAIN = ('PLAIN', 'LOGIN')
#: Those that need no password.
_NAMELESS = ('ANONYMOUS', 'EXTERNAL')


@dataclasses.dataclass(frozen=True)
class Settings:
    """See ``usermsg.conf.qpid`` for what is not explained here.

    :param hosts: a tuple of :class:`.hosts.Host`
    :param addresses: fills in the address of a node
    :param subjects: fills in a subject
    :param hostname: what the connection asks for; None for the host's name
    :param capabilities: of a node, a tuple of text
    :param write_body: one of ``envelope.ENVELOPES``
    :param mechanisms: host -> the SASL mechanisms that may be used with it
    """

    hosts: tuple
    addresses: address.Template
    subjects: address.Template
    exchange: str
    vhost: str
    hostname: str | None
    capabilities: tuple
    write_body: Callable
    mechanisms: dict
    allow_plain: bool
    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    key_password: str | None = dataclasses.field(repr=False)
    connect_timeout: float
    idle_timeout: float
    min_backoff: float
    max_backoff: float
    delivery_timeout: float
    drain_timeout: float
    window: int
    max_pending: int

    @property
    def tls(self):
        return any(host.tls for host in self.hosts)

    @property
    def sasl(self):
        return any(host.username for host in self.hosts)


def read(conf):
    """Register the options on a ConfigOpts, and read them.

    :raises usermsg.exception.ConfigurationError: names the option
    """
    values.register(conf, options.GROUP, options.OPTS)
    group = conf.oslo_messaging_qpid
    found = hosts.read(group.hosts)
    addresses = address.addresses(group.address, group.vhost)
    _check_files(group)
    return Settings(
        hosts=found,
        addresses=addresses,
        subjects=address.subjects(group.subject, group.vhost),
        exchange=group.exchange or _control_exchange(conf),
        vhost=group.vhost or '',
        hostname=None if 'vhost' in addresses.parts else group.vhost or None,
        capabilities=() if group.create == 'no' else (
            'create-on-demand', group.create),
        write_body=envelope.ENVELOPES[group.envelope],
        mechanisms={host: _mechanisms(host, group) for host in found},
        allow_plain=group.allow_plain_without_tls,
        ca_file=group.ssl_ca_file,
        cert_file=group.ssl_cert_file,
        key_file=group.ssl_key_file,
        key_password=group.ssl_key_password,
        connect_timeout=group.connect_timeout,
        idle_timeout=group.idle_timeout,
        min_backoff=group.min_backoff,
        max_backoff=group.max_backoff,
        delivery_timeout=group.delivery_timeout,
        drain_timeout=group.drain_timeout,
        window=group.window,
        max_pending=group.max_pending)


def _control_exchange(conf):
    try:
        return conf.control_exchange
    except cfg.NoSuchOptError:
        # Of oslo.messaging, which registers it with the first transport.
        return 'openstack'


def _check_files(group):
    for name in ('ssl_ca_file', 'ssl_cert_file', 'ssl_key_file'):
        path = group[name]
        if path and not (os.path.isfile(path) and os.access(path, os.R_OK)):
            raise _bad(f'{name}: {path} is no file that can be read.')
    if bool(group.ssl_cert_file) != bool(group.ssl_key_file):
        raise _bad('ssl_cert_file and ssl_key_file need each other.')


def _mechanisms(host, group):
    """A tuple, never empty: an empty one would allow all that there are."""
    safe = host.tls or group.allow_plain_without_tls
    named = tuple((group.sasl_mechanisms or '').upper().split())
    for name in named:
        if not re.fullmatch(r'[A-Z0-9_-]{1,20}', name):
            raise _bad('sasl_mechanisms: a name can have letters, digits, '
                       '- and _.')
        if name in _PLAIN and not safe:
            raise _bad(f'sasl_mechanisms: {name} would send the password as '
                       f'it is to {host}; use amqps://, or set '
                       'allow_plain_without_tls.')
        if name not in _NAMELESS and not host.username:
            raise _bad(f'sasl_mechanisms: {name} needs a user name, which '
                       f'hosts does not have for {host}.')
    if named:
        return named
    if host.username:
        return (*_SCRAM, 'PLAIN') if safe else _SCRAM
    return ('EXTERNAL',) if host.tls and group.ssl_cert_file else (
        'ANONYMOUS',)


def _bad(reason):
    return exception.ConfigurationError(f'[oslo_messaging_qpid] {reason}')
