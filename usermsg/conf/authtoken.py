# SPDX-License-Identifier: Apache-2.0
"""``[keystone_authtoken]``, options of keystonemiddleware: our defaults.

A module of its own, as that library takes long to import.
"""

import os
import re

from keystonemiddleware import auth_token
from oslo_config import cfg

from usermsg import exception

_DEFAULTS = {
    # Else a Keystone that says nothing would be waited for without end; and
    # clients are told to try again soon.
    'http_connect_timeout': 3,
    'http_request_max_retries': 1,
    # Nobody here looks at it, and it may be larger than all the rest.
    'include_service_catalog': False,
    # What access rules of application credentials call this service.
    'service_type': 'user-message',
}

#: The first words of the names of options that are ignored; see
#: :mod:`usermsg.api.middleware.keystone`.
_IGNORED = ('cache', 'memcache')


def register_opts(conf):
    for group, options in auth_token.list_opts():
        conf.register_opts(options, group=group)
        for name, value in _DEFAULTS.items():
            conf.set_default(name, value, group=group)


def check(conf, account):
    """Look at what would be looked at when the first token comes.

    :param account: keystoneauth1's plug-in of the service's account, or None
    :raises usermsg.exception.ConfigurationError: of an option
    """
    options = conf.keystone_authtoken
    section = options.auth_section or 'keystone_authtoken'
    if account is None:
        # It would start, and then fail on every token.
        raise exception.ConfigurationError(
            f'[{section}] auth_type is not set; the service needs an account '
            f'of its own to check tokens.')
    for name in ('cafile', 'certfile', 'keyfile'):
        path = options[name]
        # A cafile may be a directory, too.
        if path and not os.access(path, os.R_OK):
            raise exception.ConfigurationError(
                f'[keystone_authtoken] {name} cannot be read: {path}')
    for group, name, address in (
            (section, 'auth_url', getattr(account, 'auth_url', None)),
            ('keystone_authtoken', 'www_authenticate_uri',
             options.www_authenticate_uri)):
        # Not repeated: some have a password in it.
        if address and not re.match('https?://[^/?#]', address, re.IGNORECASE):
            raise exception.ConfigurationError(
                f'[{group}] {name} is not the address of a Keystone: it '
                f'begins with http:// or https:// and a host.')
    if (conf[section].auth_type in ('password', 'v3password') and
            conf[section].password is None):
        raise exception.ConfigurationError(
            f'[{section}] password is not set.')


def set_defaults():
    """See :func:`usermsg.conf.libraries.set_defaults`."""
    for _group, options in auth_token.AUTH_TOKEN_OPTS:
        cfg.set_defaults(options, **_DEFAULTS)
        for option in options:
            if option.name.startswith(_IGNORED):
                option.help = 'Ignored: each process remembers tokens itself.'
