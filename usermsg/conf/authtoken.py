# SPDX-License-Identifier: Apache-2.0
"""``[keystone_authtoken]``: options of keystonemiddleware, other defaults.

A separate module, because that library takes long to import.
"""

import os
import re

from keystonemiddleware import auth_token
from oslo_config import cfg

from usermsg import exception

_DEFAULTS = {
    # Without a timeout, a request would wait indefinitely for a Keystone
    # that does not respond. One retry is enough, because the error response
    # asks clients to try again soon.
    'http_connect_timeout': 3,
    'http_request_max_retries': 1,
    # usermsg does not use the catalogue of services, which may be larger
    # than the rest of the response.
    'include_service_catalog': False,
    # The name of this service in access rules of application credentials.
    'service_type': 'user-message',
}

#: Prefixes of the names of options that are ignored; see
#: :mod:`usermsg.api.middleware.keystone`.
_IGNORED = ('cache', 'memcache')


def register_opts(conf):
    for group, options in auth_token.list_opts():
        conf.register_opts(options, group=group)
        for name, value in _DEFAULTS.items():
            conf.set_default(name, value, group=group)


def check(conf, account):
    """Check at startup what keystonemiddleware reads at the first token.

    :param account: keystoneauth1's plug-in of the service's account, or None
    :raises usermsg.exception.ConfigurationError: an option is missing or
        invalid
    """
    options = conf.keystone_authtoken
    section = options.auth_section or 'keystone_authtoken'
    if account is None:
        # The service would start, and then fail on every token.
        raise exception.ConfigurationError(
            f'[{section}] auth_type is not set; the service needs a service '
            f'account to validate tokens.')
    for name in ('cafile', 'certfile', 'keyfile'):
        path = options[name]
        # A cafile may also be a directory.
        if path and not os.access(path, os.R_OK):
            raise exception.ConfigurationError(
                f'[keystone_authtoken] {name} cannot be read: {path}')
    for group, name, address in (
            (section, 'auth_url', getattr(account, 'auth_url', None)),
            ('keystone_authtoken', 'www_authenticate_uri',
             options.www_authenticate_uri)):
        # The URL is not part of the error: it may contain a password.
        if address and not re.match('https?://[^/?#]', address, re.IGNORECASE):
            raise exception.ConfigurationError(
                f'[{group}] {name} is not the URL of a Keystone service: it '
                f'must begin with http:// or https://, followed by a host.')
    if (conf[section].auth_type in ('password', 'v3password') and
            conf[section].password is None):
        raise exception.ConfigurationError(
            f'[{section}] password is not set.')


def set_defaults():
    """Show these defaults in samples.

    See :func:`usermsg.conf.libraries.set_defaults`.
    """
    for _group, options in auth_token.AUTH_TOKEN_OPTS:
        cfg.set_defaults(options, **_DEFAULTS)
        for option in options:
            if option.name.startswith(_IGNORED):
                option.help = ('Ignored: each process caches tokens in its '
                               'own memory.')
