# SPDX-License-Identifier: Apache-2.0
"""The WSGI application, put together."""

import re
import urllib.parse

from oslo_middleware import cors
from pecan import core

from usermsg.api.controllers import root
from usermsg.api import dialects
from usermsg.api import errors
from usermsg.api.middleware import auth
from usermsg.api.middleware import metrics
from usermsg.api.middleware import proxy
from usermsg.api.middleware import request_body
from usermsg.api.middleware import request_id
from usermsg.api.middleware import security_headers
from usermsg.api import request
from usermsg import exception


def make_app(runtime):
    """The application, from the outside in::

        request body      nothing of it is left when the response goes out
        metrics           counts every answer
        security headers  that every answer has
        request id        every answer has one, whatever goes wrong further in
        (metrics)         shown on a path, if the configuration says so
        (CORS)            answers browsers that ask before they ask, likewise
        (proxy)           believes what a proxy says of the client, likewise
        auth              who asks: keystonemiddleware, or headers (noauth)
        Pecan             asks the root for the handler, maps errors
                          and states the version

    Metrics are shown outside of what believes a proxy, as they depend on who
    really asks.

    :param runtime: a :class:`usermsg.service.Runtime`
    :raises usermsg.exception.ConfigurationError: an option for one of them
        can't be used
    """
    conf = runtime.conf
    for group in ('api', 'volume_facade', 'share_facade'):
        _check_endpoint(group, conf[group].public_endpoint)
    controller = root.Root(runtime)
    app = _Application(
        controller,
        hooks=[dialects.ErrorHook(), dialects.VersionHook()],
        request_cls=request.Request)
    app = auth.STRATEGIES[conf.api.auth_strategy](app, conf)
    if conf.oslo_middleware.enable_proxy_headers_parsing:
        app = proxy.Proxy(app, conf)
    if conf.cors.allowed_origin:
        _check_origins(conf.cors.allowed_origin)
        app = cors.CORS(app, conf)
    if conf.metrics.path:
        _check_path(conf.metrics.path, controller.table)
        app = metrics.MetricsEndpoint(app, runtime.metrics, conf.metrics.path)
    app = security_headers.Headers(request_id.RequestId(app))
    app = metrics.RequestMetrics(app, runtime.metrics)
    return request_body.Consumed(app, conf.api.max_request_body_size)


class _Application(core.PecanBase):
    """Pecan, with a table of routes in place of its object routing.

    That would answer ``/v3/messages/__class__`` with a failure, follow
    ``?_method=``, drop what it doesn't know, and look at the signatures of
    what it calls on each request, which costs more than all the rest of it.
    """

    def __call__(self, environ, start_response):
        try:
            return super().__call__(environ, start_response)
        finally:
            # It leads back to the environment. Such a circle, with the body
            # of the answer in it, would live until garbage is looked for.
            environ.pop('pecan.locals', None)

    def find_controller(self, state):
        handler = self.root.find(state.request)
        return handler, (state.request, state.response), {}

    def invoke_controller(self, controller, args, kwargs, state):
        state.response = controller(*args, **kwargs)


def check_exposed(conf):
    """Check the options that matter where other machines reach the service.

    :raises usermsg.exception.ConfigurationError: everybody could get in, or
        a client could choose where the links of a response lead
    """
    if (conf.api.auth_strategy == 'noauth' and
            not conf.api.allow_insecure_noauth):
        raise exception.ConfigurationError(
            '[api] auth_strategy is noauth, which lets everybody in. Use '
            'keystone; or, where nobody else can reach the service, set '
            'allow_insecure_noauth = true.')
    if not (conf.api.public_endpoint or conf.api.trust_host_header):
        # Servers make SERVER_NAME of the Host header or of the machine's
        # name, so it is no base for links.
        raise exception.ConfigurationError(
            '[api] public_endpoint is not set, with which links begin. Set it '
            'to the address under which users reach the service; or, behind '
            'a proxy that sets the Host header itself, set '
            'trust_host_header = true.')


def _check_origins(origins):
    # One that no browser sends would let nobody in, without a word.
    for origin in origins:
        if origin != '*' and not re.fullmatch(
                r'[a-z][a-z0-9+.-]*://[^/?#\s]+', origin):
            raise exception.ConfigurationError(
                f'[cors] allowed_origin: {origin!r} is not an origin; write '
                f'https://HOST or https://HOST:PORT.')


def _check_endpoint(group, endpoint):
    # Links are made by putting a path behind it, and shown to everybody.
    if endpoint is None:
        return
    parts = urllib.parse.urlsplit(endpoint)
    if '@' in parts.netloc or '?' in endpoint or '#' in endpoint:
        raise exception.ConfigurationError(
            f'[{group}] public_endpoint: must be an address without a user, '
            f'a query or a fragment: https://HOST/PATH.')


def _check_path(path, table):
    if not re.fullmatch(r'(/[A-Za-z0-9._~-]+)+', path):
        raise exception.ConfigurationError(
            f'[metrics] path: {path!r} is not a path such as /metrics.')
    try:
        table.find('GET', path)
    except errors.NotFound:
        return
    except errors.MethodNotAllowed:
        pass
    raise exception.ConfigurationError(
        f'[metrics] path: {path} is an address of the API itself.')
