# SPDX-License-Identifier: Apache-2.0
"""Identity from Keystone: an adapted keystonemiddleware.

The middleware rejects no request: version discovery needs no token, and a 401
must have the body of all other errors of this API. The adaptations:

* An unavailable Keystone, or unusable responses from something in its place,
  are reported neither as an invalid token nor as an internal error
  (:data:`usermsg.api.middleware.identity.UNAVAILABLE`).
* Threads don't accumulate while Keystone doesn't respond
  (:mod:`usermsg.api.middleware.identity_server`).
* Tokens are cached within a size limit, together with the identity headers
  that result from them: computing these for each request would take a third
  of the time of a page of messages
  (:mod:`usermsg.api.middleware.token_cache`). The cache is never memcached:
  its clients unpickle values before keystonemiddleware verifies or decrypts
  them, so everyone with write access to it could run code in this process.
"""

from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_log import log

from usermsg.api.middleware import bounded_log
from usermsg.api.middleware import identity
from usermsg.api.middleware import identity_server
from usermsg.api.middleware import token_cache
from usermsg.conf import authtoken
from usermsg import exception

LOG = log.getLogger(__name__)


def protect(app, conf):
    """Wrap the application in authentication by Keystone.

    :raises usermsg.exception.ConfigurationError: ``[keystone_authtoken]`` is
        invalid
    """
    authtoken.register_opts(conf)
    section = conf.keystone_authtoken.auth_section
    if section:
        # keystonemiddleware reads these options, but doesn't register them.
        loading.register_auth_conf_options(conf, section)
    try:
        protocol = _Protocol(app, {'oslo_config_config': conf,
                                   'delay_auth_decision': True,
                                   # Else it is cached with each token.
                                   'include_service_catalog': False})
    except Exception as error:  # its libraries have no common base class
        raise exception.ConfigurationError(
            f'[keystone_authtoken] cannot be used: {error}') from error
    authtoken.check(conf, protocol._auth)
    return protocol


class _Protocol(auth_token.AuthProtocol):

    @property
    def log(self):
        return self._bounded_log

    @log.setter
    def log(self, logger):
        # keystonemiddleware logs a line for each invalid token, and several
        # for each request while Keystone is unavailable.
        self._bounded_log = bounded_log.BoundedLog(logger)

    def __call__(self, environ, start_response):
        _remove_identity(environ)
        cached = self._token_cache.identity(environ)
        if cached is None:
            return super().__call__(environ, start_response)
        environ.update(cached)
        return self._app(environ, start_response)

    def process_request(self, request):
        try:
            super().process_request(request)
            if request.user_token_valid:
                self._cache_identity(request)
        except Exception as error:
            if not isinstance(error, identity_server.Unavailable):
                # The libraries can raise anything for a response that isn't
                # Keystone's. The error's text may contain that response, so
                # it is not logged.
                self.log.error(
                    'Keystone could not validate a token: its response '
                    'is not usable: %s', type(error).__name__)
                for token in (request.user_token, request.service_token):
                    self._token_cache.discard(token)
            _remove_identity(request.environ)
            request.environ[identity.UNAVAILABLE] = True

    def fetch_roles(self):
        """Get a token of the service's account, and validate it.

        :returns: names of the account's roles, a list
        :raises Exception: see
            :func:`usermsg.api.middleware.identity_server.describe_error`
        """
        data = self._identity_server.verify_token(
            self._auth.get_token(self._session))
        return [role['name'] for role in data['token']['roles']]

    def _cache_identity(self, request):
        """Complete the identity headers of a valid token, and cache them.

        :raises TypeError: a header isn't text
        """
        environ, user = request.environ, request.token_auth.user
        if request.service_token:
            # keystonemiddleware has overwritten it with the scope of the
            # service token.
            environ['HTTP_OPENSTACK_SYSTEM_SCOPE'] = (
                'all' if user.system_scoped else None)
        headers = {name: environ[name] for name in identity.HEADERS
                   if name in environ}
        for value in headers.values():
            if not (value is None or isinstance(value, str)):
                raise TypeError(type(value))
        credential = request.token_info['token'].get('application_credential')
        # The validity of these tokens also depends on the request.
        if not (request.service_token or user.bind or
                (credential or {}).get('access_rules') is not None):
            self._token_cache.set_identity(
                user.auth_token, headers, user.expires.timestamp())

    def validate_allowed_request(self, request, token):
        # keystonemiddleware checks that the configured service type exists in
        # the service catalogue, which is not requested from Keystone.
        super().validate_allowed_request(request, {
            **token, 'catalog': [{'type': self._conf.get('service_type')}]})

    @property
    def www_authenticate_uri(self):
        # Never requested from Keystone, because it is part of an error
        # response.
        return (self._conf.get('www_authenticate_uri') or
                getattr(self._auth, 'auth_url', None))

    def _create_identity_server(self):
        return identity_server.IdentityServer(
            super()._create_identity_server())

    def _token_cache_factory(self):
        for name in ('memcached_servers', 'cache'):
            if self._conf.get(name):
                LOG.warning('[keystone_authtoken] %s is ignored: each process '
                            'caches tokens itself.', name)
        return token_cache.TokenCache(self._conf.get('token_cache_time'))


def _remove_identity(environ):
    for name in identity.HEADERS:
        environ.pop(name, None)
