# SPDX-License-Identifier: Apache-2.0
"""Our defaults for ``[keystone_authtoken]``, options of keystonemiddleware.

A module of its own, as that library takes long to import.
"""

from keystonemiddleware import auth_token
from oslo_config import cfg

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


def set_defaults():
    """See :func:`usermsg.conf.libraries.set_defaults`."""
    for _group, options in auth_token.AUTH_TOKEN_OPTS:
        cfg.set_defaults(options, **_DEFAULTS)
        for option in options:
            if option.name.startswith(_IGNORED):
                option.help = 'Ignored: each process remembers tokens itself.'
