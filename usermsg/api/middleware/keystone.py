# SPDX-License-Identifier: Apache-2.0
"""Asks Keystone who asks us: keystonemiddleware, as this service needs it.

It decides nothing: discovery needs no token, and a refusal is to have the
form of all our errors. What it changes:

* Keystone that can't be asked, or that answers with nonsense, is neither a
  token that is wrong nor a failure of ours
  (:data:`usermsg.api.middleware.identity.UNAVAILABLE`).
* Threads don't pile up waiting for a Keystone that says nothing.
* Tokens are remembered in a cache that has an end, and with them what they
  mean for a request: working that out each time would cost a third of a page
  of messages. Never in memcached: its clients unpickle what they read before
  keystonemiddleware verifies or decrypts it, so all who can write there could
  run code here.
"""

import functools
import os
import re
import threading
import time

from keystoneauth1 import access
from keystoneauth1 import exceptions
from keystoneauth1 import loading
from keystonemiddleware import auth_token
import orjson
from oslo_log import log

from usermsg.api.middleware import identity
from usermsg.api.middleware import token_cache
from usermsg.conf import authtoken
from usermsg import exception

LOG = log.getLogger(__name__)

# Longer than any that Keystone makes, and what the servers before Keystone
# take; they would answer with an error of their own, or not at all.
_LONGEST_TOKEN = 8000

# Seconds; a failure that takes longer is a silence.
_LONG = 1

_ADDRESS = re.compile('https?://[^/?#]', re.IGNORECASE)


def protect(app, conf):
    """The application, behind Keystone.

    :raises usermsg.exception.ConfigurationError: of ``[keystone_authtoken]``
    """
    authtoken.register_opts(conf)
    options = conf.keystone_authtoken
    if options.auth_section:
        # Which keystonemiddleware reads, but doesn't register.
        loading.register_auth_conf_options(conf, options.auth_section)
    try:
        protocol = _Protocol(app, {'oslo_config_config': conf,
                                   'delay_auth_decision': True,
                                   # It would be kept with each token.
                                   'include_service_catalog': False})
    except Exception as error:  # each of its libraries has its own
        raise exception.ConfigurationError(
            f'[keystone_authtoken] cannot be used: {error}') from error
    if protocol._auth is None:
        # It would start, and then fail on every token.
        raise exception.ConfigurationError(
            f'[{options.auth_section or "keystone_authtoken"}] auth_type is '
            f'not set; the service needs an account of its own to check '
            f'tokens.')
    _check_options(conf, getattr(protocol._auth, 'auth_url', None))
    return protocol


def _check_options(conf, auth_url):
    """Look at what would be looked at when the first token comes.

    :param auth_url: of the account, wherever it is configured
    :raises usermsg.exception.ConfigurationError: of an option
    """
    options = conf.keystone_authtoken
    section = options.auth_section or 'keystone_authtoken'
    for name in ('cafile', 'certfile', 'keyfile'):
        path = options[name]
        # A cafile may be a directory, too.
        if path and not os.access(path, os.R_OK):
            raise exception.ConfigurationError(
                f'[keystone_authtoken] {name} cannot be read: {path}')
    for group, name, address in (
            (section, 'auth_url', auth_url),
            ('keystone_authtoken', 'www_authenticate_uri',
             options.www_authenticate_uri)):
        # Not repeated: some have a password in it.
        if address and not _ADDRESS.match(address):
            raise exception.ConfigurationError(
                f'[{group}] {name} is not the address of a Keystone: it '
                f'begins with http:// or https:// and a host.')
    account = conf[section]
    if (account.auth_type in ('password', 'v3password') and
            account.password is None):
        raise exception.ConfigurationError(
            f'[{section}] password is not set.')


class _Unavailable(Exception):
    """Keystone can't say now whether a token is valid."""


class _Unusable(Exception):
    """Keystone, or what answers in its place, says nonsense of a token."""


# Errors whose text says nothing of a token.
_KNOWN = (exceptions.ClientException, auth_token.ServiceError, _Unusable)


class _Protocol(auth_token.AuthProtocol):

    def __call__(self, environ, start_response):
        said = self._token_cache.said(environ)
        if said is not None:
            for name in identity.HEADERS:
                environ.pop(name, None)
            environ.update(said)
            return self._app(environ, start_response)
        return super().__call__(environ, start_response)

    def process_request(self, request):
        # It leaves this one alone in a request without a valid token.
        request.environ.pop('HTTP_OPENSTACK_SYSTEM_SCOPE', None)
        try:
            answer = super().process_request(request)
        except _Unavailable:
            # By now no header says who asks.
            request.environ[identity.UNAVAILABLE] = True
            return None
        if request.user_token_valid:
            user = request.token_auth.user
            if request.service_token:
                # It puts the scope of the service's token in its place.
                request.environ['HTTP_OPENSTACK_SYSTEM_SCOPE'] = (
                    'all' if user.system_scoped else None)
            else:
                self._token_cache.remember(
                    request.environ, user, request.token_info)
        return answer

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
        return _IdentityServer(super()._create_identity_server())

    def _token_cache_factory(self):
        if self._conf.get('memcached_servers'):
            LOG.warning(
                '[keystone_authtoken] memcached_servers is ignored: each '
                'process remembers tokens itself.')
        return token_cache.TokenCache(self._conf.get('token_cache_time'))


class _IdentityServer:
    """Keystone. While it keeps silent, one thread at a time asks it.

    The others are told at once: else all threads of the process would soon
    wait for it, and those whose tokens are known would wait for them.

    :param server: keystonemiddleware's
    :param clock: returns a time in seconds
    """

    def __init__(self, server, clock=time.monotonic):
        self._server = server
        self._clock = clock
        self._silent = False
        self._turn = threading.Lock()

    def verify_token(self, token, **options):
        """What Keystone says about a token.

        :raises keystonemiddleware.auth_token.InvalidToken: it isn't one
        :raises _Unavailable: it says nothing
        """
        if not _is_possible(token):
            raise auth_token.InvalidToken()
        if not self._silent:
            return self._ask(token, options)
        if not self._turn.acquire(blocking=False):
            raise _Unavailable()
        try:
            return self._ask(token, options)
        finally:
            self._turn.release()

    def _ask(self, token, options):
        silent = False
        started = self._clock()
        try:
            data = self._server.verify_token(token, **options)
            _check(token, data)
            return data
        except auth_token.InvalidToken:
            raise
        # What isn't Keystone, such as a proxy, makes its libraries fail in
        # ways of which they say nothing.
        except Exception as error:
            # Not by the kind of error alone: that of a resolver that says
            # nothing is one of many.
            silent = (isinstance(error, exceptions.ConnectTimeout) or
                      self._clock() - started > _LONG)
            known = isinstance(error, _KNOWN)
            if not known or isinstance(error, exceptions.EndpointNotFound):
                # Let it look for Keystone again, and with another token of
                # its own: this one may be the nonsense.
                self._server.invalidate()
            # Others may show what was answered.
            LOG.error('Keystone could not be asked about a token: %s%s',
                      type(error).__name__, f': {error}' if known else '')
            raise _Unavailable() from error
        finally:
            self._silent = silent


def _is_possible(token):
    return (0 < len(token) <= _LONGEST_TOKEN and token.isascii() and
            token.isprintable())


def _check(token, data):
    """Read all of an answer that is read later.

    :raises _Unusable: something there is not what it should be; the text
        says what, but not what it is
    """
    said = access.create(body=data, auth_token=token)
    for name, read in _READ.items():
        try:
            read(said)
        except Exception as error:
            raise _Unusable(f'{name} ({type(error).__name__})') from error
    try:
        orjson.dumps(data)
    except TypeError as error:
        raise _Unusable('what is no text') from error


def _text(name, said):
    value = getattr(said, name)
    if not (value is None or isinstance(value, str)):
        raise TypeError


_READ = {
    **{name: functools.partial(_text, name) for name in (
        'user_id', 'username', 'user_domain_id', 'user_domain_name',
        'project_id', 'project_name', 'project_domain_id',
        'project_domain_name', 'domain_id', 'domain_name')},
    'roles': lambda said: ','.join(said.role_names),
    'expires_at': lambda said: (said.expires.timestamp(),
                                said.will_expire_soon()),
    'system': lambda said: said.system_scoped,
    'bind': lambda said: (said.bind or {}).items(),
    'access_rules': lambda said: [
        rule[name].encode()
        for rule in said.application_credential_access_rules or ()
        for name in ('method', 'path', 'service')],
}
