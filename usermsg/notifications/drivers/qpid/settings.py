# SPDX-License-Identifier: Apache-2.0
"""The options of ``[oslo_messaging_qpid]``, checked and understood."""

import os
import re

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


class Settings:
    """The options by their names, see ``usermsg.conf.qpid``, and these.

    :param conf: a ConfigOpts, in which the options are registered
    :ivar hosts: a tuple of :class:`usermsg.notifications.drivers.host.Host`
    :ivar addresses: fills in the address of a node
    :ivar subjects: fills in a subject
    :ivar exchange: that of the service, if the option is not set
    :ivar hostname: what the connection asks for; None for the host's name
    :ivar capabilities: of a node, a tuple of text
    :ivar write_body: one of ``envelope.ENVELOPES``
    :ivar mechanisms: host -> the SASL mechanisms that may be used with it
    :ivar tls: whether a host has it
    :ivar sasl: whether a host has a user name
    :raises usermsg.exception.ConfigurationError: names the option
    """

    def __init__(self, conf):
        values.register(conf, options.GROUP, options.OPTS)
        group = conf.oslo_messaging_qpid
        self.hosts = hosts.read(group.hosts)
        self.addresses = address.addresses(group.address, group.vhost)
        _check_files(group)
        self.subjects = address.subjects(group.subject, group.vhost)
        # Oslo.messaging registers its own with the first transport.
        self.exchange = group.exchange or getattr(
            conf, 'control_exchange', 'openstack')
        self.vhost = group.vhost or ''
        self.hostname = (None if 'vhost' in self.addresses.parts else
                         group.vhost or None)
        self.capabilities = () if group.create == 'no' else (
            'create-on-demand', group.create)
        self.write_body = envelope.ENVELOPES[group.envelope]
        self.mechanisms = {
            host: _mechanisms(host, group) for host in self.hosts}
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
