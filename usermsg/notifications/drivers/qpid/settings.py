# SPDX-License-Identifier: Apache-2.0
"""Validated options of ``[oslo_messaging_qpid]``."""

import os
import re

from usermsg.conf import qpid as options
from usermsg.conf import values
from usermsg import exception
from usermsg.notifications.drivers.qpid import address
from usermsg.notifications.drivers.qpid import envelope
from usermsg.notifications.drivers.qpid import hosts

_SCRAM = ('SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1')
#: Mechanisms that reveal the password to anyone who can read the connection.
_PLAIN = ('PLAIN', 'LOGIN')
#: Mechanisms that need no user name and no password.
_WITHOUT_LOGIN = ('ANONYMOUS', 'EXTERNAL')


class Settings:
    """Options under their names in ``usermsg.conf.qpid``, and derived values.

    :param conf: a ConfigOpts, in which the options are registered
    :ivar hosts: a tuple of :class:`usermsg.notifications.drivers.host.Host`
    :ivar addresses: template of node addresses
    :ivar subjects: template of message subjects
    :ivar exchange: the service's control_exchange if the option is not set
    :ivar hostname: host name that the connection requests; None for the name
        of the host
    :ivar capabilities: of a node, a tuple of text
    :ivar write_body: one of ``envelope.ENVELOPES``
    :ivar mechanisms: host -> the SASL mechanisms that are permitted for it
    :ivar tls: whether any host uses TLS
    :ivar sasl: whether any host has a user name
    :raises usermsg.exception.ConfigurationError: an option is invalid; the
        error names the option
    """

    def __init__(self, conf):
        values.register(conf, options.GROUP, options.OPTS)
        group = conf.oslo_messaging_qpid
        self.hosts = hosts.read(group.hosts)
        self.addresses = address.make_address_template(
            group.address, group.vhost)
        _check_files(group)
        self.subjects = address.make_subject_template(
            group.subject, group.vhost)
        # Oslo.messaging registers control_exchange with the first transport.
        self.exchange = group.exchange or getattr(
            conf, 'control_exchange', 'openstack')
        self.vhost = group.vhost or ''
        self.hostname = (None if 'vhost' in self.addresses.fields else
                         group.vhost or None)
        self.capabilities = () if group.create == 'no' else (
            'create-on-demand', group.create)
        self.write_body = envelope.ENVELOPES[group.envelope]
        self.mechanisms = {
            host: _select_mechanisms(host, group) for host in self.hosts}
        self.allow_plain_without_tls = group.allow_plain_without_tls
        self.ssl_ca_file = group.ssl_ca_file
        self.ssl_cert_file = group.ssl_cert_file
        self.ssl_key_file = group.ssl_key_file
        self.ssl_key_password = group.ssl_key_password
        self.connect_timeout = group.connect_timeout
        self.idle_timeout = group.idle_timeout
        self.min_backoff = group.min_backoff
        self.max_backoff = group.max_backoff
        self.delivery_timeout = group.delivery_timeout
        self.drain_timeout = group.drain_timeout
        self.max_in_flight = group.max_in_flight
        self.max_pending = group.max_pending
        self.tls = any(host.tls for host in self.hosts)
        self.sasl = any(host.username for host in self.hosts)


def _check_files(group):
    for name in ('ssl_ca_file', 'ssl_cert_file', 'ssl_key_file'):
        path = group[name]
        if path and not (os.path.isfile(path) and os.access(path, os.R_OK)):
            raise _error(f'{name}: {path} is not a readable file.')
    if bool(group.ssl_cert_file) != bool(group.ssl_key_file):
        raise _error('ssl_cert_file and ssl_key_file must be set together.')


def _select_mechanisms(host, group):
    """Return the permitted SASL mechanisms, a tuple.

    It is never empty: Proton would then permit all mechanisms.
    """
    safe = host.tls or group.allow_plain_without_tls
    configured = tuple((group.sasl_mechanisms or '').upper().split())
    for name in configured:
        if not re.fullmatch(r'[A-Z0-9_-]{1,20}', name):
            raise _error('sasl_mechanisms: a name must have 1 to 20 '
                         'characters: letters, digits, - and _.')
        if name in _PLAIN and not safe:
            raise _error(f'sasl_mechanisms: {name} would send the password '
                         f'unencrypted to {host}; use amqps://, or set '
                         'allow_plain_without_tls.')
        if name not in _WITHOUT_LOGIN and not host.username:
            raise _error(f'sasl_mechanisms: {name} needs a user name, which '
                         f'hosts does not contain for {host}.')
    if configured:
        return configured
    if host.username:
        return (*_SCRAM, 'PLAIN') if safe else _SCRAM
    return ('EXTERNAL',) if host.tls and group.ssl_cert_file else (
        'ANONYMOUS',)


def _error(reason):
    return exception.ConfigurationError(f'[oslo_messaging_qpid] {reason}')
