# SPDX-License-Identifier: Apache-2.0
"""Authentication strategies, which set the identity headers of a request.

Each strategy sets the same headers for the application.
"""


def _keystone(app, conf):
    # Imported here, because it and its libraries take long to import.
    from usermsg.api.middleware import keystone
    return keystone.protect(app, conf)


class _NoAuth:
    """Middleware that trusts identity headers; the default is an admin."""

    # A role -> the roles that Keystone adds to every token with that role.
    _IMPLIED = {'admin': ('manager', 'member', 'reader'),
                'manager': ('member', 'reader'),
                'member': ('reader',)}

    def __init__(self, app, conf):
        self._app = app

    def __call__(self, environ, start_response):
        names = environ.get('HTTP_X_ROLES', 'admin').split(',')
        roles = {role.strip() for role in names}
        for role in list(roles):
            roles.update(self._IMPLIED.get(role, ()))
        environ['HTTP_X_ROLES'] = ','.join(sorted(roles))
        environ.setdefault('HTTP_X_PROJECT_ID', 'admin')
        environ.setdefault('HTTP_X_USER_ID', 'admin')
        environ['HTTP_X_IDENTITY_STATUS'] = 'Confirmed'
        return self._app(environ, start_response)


#: [api] auth_strategy -> function (app, conf) that wraps the application; it
#: raises :exc:`usermsg.exception.ConfigurationError` for invalid options
STRATEGIES = {'keystone': _keystone, 'noauth': _NoAuth}
