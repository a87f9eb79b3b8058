# SPDX-License-Identifier: Apache-2.0
"""Who asks. Each strategy leaves the same headers for the application."""


def _keystone(app, conf):
    # Here, because it and its libraries take long to import.
    from usermsg.api.middleware import keystone
    return keystone.protect(app, conf)


class _NoAuth:
    """Believes the headers; an admin if they are missing."""

    # Keystone puts them into every token that has the one before.
    _IMPLIED = {'admin': ('manager', 'member', 'reader'),
                'manager': ('member', 'reader'),
                'member': ('reader',)}

    def __init__(self, app, conf):
        self._app = app

    def __call__(self, environ, start_response):
        given = environ.get('HTTP_X_ROLES', 'admin').split(',')
        roles = {role.strip() for role in given}
        for role in list(roles):
            roles.update(self._IMPLIED.get(role, ()))
        environ['HTTP_X_ROLES'] = ','.join(sorted(roles))
        environ.setdefault('HTTP_X_PROJECT_ID', 'admin')
        environ.setdefault('HTTP_X_USER_ID', 'admin')
        environ['HTTP_X_IDENTITY_STATUS'] = 'Confirmed'
        return self._app(environ, start_response)


#: [api] auth_strategy -> what wraps the application
#: :raises usermsg.exception.ConfigurationError: of its options
STRATEGIES = {'keystone': _keystone, 'noauth': _NoAuth}
