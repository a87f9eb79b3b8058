# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Who asks. Each strategy leaves the same headers for the application."""

#: In the environment of a request whose token couldn't be checked.
UNAVAILABLE = 'usermsg.identity_unavailable'


def _keystone(app, conf):
    # Here, because it and its libraries take long to import.
    from usermsg.api import keystone
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
