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

from usermsg import exception


def _keystone(app, conf):
    """:raises usermsg.exception.ConfigurationError: of its options"""
    # Here, because it and its libraries take long to import.
    from keystonemiddleware import auth_token
    try:
        # The decision is delayed because discovery needs no token, and
        # because a refusal then has the form of all our errors.
        protocol = auth_token.AuthProtocol(
            app, {'oslo_config_config': conf, 'delay_auth_decision': True})
    except Exception as error:  # each of its libraries has its own
        raise exception.ConfigurationError(
            f'[keystone_authtoken] cannot be used: {error}') from error
    options = conf.keystone_authtoken
    if not (options.auth_type or options.auth_section):
        # It would start, and then fail on every token.
        raise exception.ConfigurationError(
            '[keystone_authtoken] auth_type is not set; the service needs '
            'an account of its own to check tokens.')
    return protocol


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
STRATEGIES = {'keystone': _keystone, 'noauth': _NoAuth}
