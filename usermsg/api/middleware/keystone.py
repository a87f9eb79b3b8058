# SPDX-License-Identifier: Apache-2.0
"""Identity from Keystone: keystonemiddleware, as this service needs it.

It decides nothing: discovery needs no token, and a refusal is to have the
form of all our errors. What it changes:

* Keystone that can't be asked, or something in its place whose responses it
  can't use, is neither a token that is wrong nor a failure of ours
  (:data:`usermsg.api.middleware.identity.UNAVAILABLE`).
* Threads don't pile up waiting for a Keystone that doesn't respond
  (:mod:`usermsg.api.middleware.identity_server`).
* Tokens are remembered in a cache that is bounded, and with them what they
  mean for a request: working that out each time would cost a third of a page
  of messages (:mod:`usermsg.api.middleware.token_cache`). Never in memcached:
  its clients unpickle what they read before keystonemiddleware verifies or
  decrypts it, so all who can write there could run code here.
"""

from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_log import log

from usermsg.api.middleware import identity
from usermsg.api.middleware import identity_server
from usermsg.api.middleware import token_cache
from usermsg.conf import authtoken
from usermsg import exception

LOG = log.getLogger(__name__)


def protect(app, conf):
    """The application, behind Keystone.

    :raises usermsg.exception.ConfigurationError: of ``[keystone_authtoken]``
    """
    authtoken.register_opts(conf)
    section = conf.keystone_authtoken.auth_section
    if section:
        # Which keystonemiddleware reads, but doesn't register.
        loading.register_auth_conf_options(conf, section)
    try:
        protocol = _Protocol(app, {'oslo_config_config': conf,
                                   'delay_auth_decision': True,
                                   # It would be kept with each token.
                                   'include_service_catalog': False})
    except Exception as error:  # each of its libraries has its own
        raise exception.ConfigurationError(
            f'[keystone_authtoken] cannot be used: {error}') from error
    authtoken.check(conf, protocol._auth)
    return protocol


class _Protocol(auth_token.AuthProtocol):

    def __call__(self, environ, start_response):
        _forget_identity(environ)
        known = self._token_cache.identity(environ)
        if known is None:
            return super().__call__(environ, start_response)
        environ.update(known)
        return self._app(environ, start_response)

    def process_request(self, request):
        try:
            super().process_request(request)
            if request.user_token_valid:
                self._accept(request)
        except Exception as error:
            if not isinstance(error, identity_server.Unavailable):
                # The libraries fail in any way on what isn't a response of
                # Keystone's. Without the text, which may repeat it.
                LOG.error('Keystone could not be asked about a token: its '
                          'response cannot be used: %s', type(error).__name__)
                for token in (request.user_token, request.service_token):
                    self._token_cache.forget(token)
            _forget_identity(request.environ)
            request.environ[identity.UNAVAILABLE] = True

    def _accept(self, request):
        """Remember what a valid token means for a request.

        :raises TypeError: a header is no text
        """
        environ, user = request.environ, request.token_auth.user
        if request.service_token:
            # The scope of the service's token has been put in its place.
            environ['HTTP_OPENSTACK_SYSTEM_SCOPE'] = (
                'all' if user.system_scoped else None)
        headers = {name: environ[name] for name in identity.HEADERS
                   if name in environ}
        for value in headers.values():
            if not (value is None or isinstance(value, str)):
                raise TypeError(type(value))
        credential = request.token_info['token'].get('application_credential')
        # Whether these are valid depends on the request too.
        if not (request.service_token or user.bind or
                (credential or {}).get('access_rules') is not None):
            self._token_cache.set_identity(
                user.auth_token, headers, user.expires.timestamp())

    def validate_allowed_request(self, request, token):
        # It wants to see in the catalogue, which isn't asked for, that the
        # service type of the configuration exists.
        super().validate_allowed_request(request, {
            **token, 'catalog': [{'type': self._conf.get('service_type')}]})

    @property
    def www_authenticate_uri(self):
        # Never by asking Keystone, as this goes with an error.
        return (self._conf.get('www_authenticate_uri') or
                getattr(self._auth, 'auth_url', None))

    def _create_identity_server(self):
        return identity_server.IdentityServer(
            super()._create_identity_server())

    def _token_cache_factory(self):
        for name in ('memcached_servers', 'cache'):
            if self._conf.get(name):
                LOG.warning('[keystone_authtoken] %s is ignored: each process '
                            'remembers tokens itself.', name)
        return token_cache.TokenCache(self._conf.get('token_cache_time'))


def _forget_identity(environ):
    for name in identity.HEADERS:
        environ.pop(name, None)
