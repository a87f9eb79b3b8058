# SPDX-License-Identifier: Apache-2.0
"""Assembly of the WSGI application and its middleware."""

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
from usermsg.api import response
from usermsg import exception

#: Headers that distinguish a preflight from other OPTIONS requests.
_PREFLIGHT = frozenset({'HTTP_ORIGIN', 'HTTP_ACCESS_CONTROL_REQUEST_METHOD'})


def make_app(runtime, limiter=None):
    """Build the application: these layers, from the outermost inwards::

        request body      read to its end before the response is sent
        metrics           counts every response
        security headers  added to every response
        request id        added to every response, even if an inner layer
                          fails
        (metrics)         served on a path, if it is configured
        (CORS)            responds to preflight requests, if configured
        (proxy)           applies the proxy's headers, if configured
        auth              identity: keystonemiddleware, or headers (noauth)
        Pecan             finds the handler with the root controller, maps
                          errors and adds the version headers

    Metrics are served outside the proxy layer, because access to them
    depends on the address of the real peer.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param limiter: see :class:`usermsg.api.controllers.root.Root`
    :raises usermsg.exception.ConfigurationError: an option of a layer is
        invalid
    """
    conf = runtime.conf
    for group in ('api', 'volume_facade', 'share_facade'):
        _check_endpoint(group, conf[group].public_endpoint)
    controller = root.Root(runtime, limiter)
    app = _Application(
        controller,
        hooks=[dialects.ErrorHook(), dialects.VersionHook()],
        request_cls=request.Request, response_cls=response.Response)
    app = auth.STRATEGIES[conf.api.auth_strategy](app, conf)
    if conf.oslo_middleware.enable_proxy_headers_parsing:
        app = proxy.Proxy(app, conf)
    if conf.cors.allowed_origin:
        _check_origins(conf.cors.allowed_origin)
        app = _add_cors(app, conf)
    if conf.metrics.path:
        _check_path(conf.metrics.path, controller.table)
        app = metrics.MetricsEndpoint(app, runtime.metrics, conf.metrics.path)
    app = security_headers.SecurityHeaders(request_id.RequestId(app))
    app = metrics.RequestMetrics(app, runtime.metrics)
    return request_body.BodyConsumer(app, conf.api.max_request_body_size)


class _Application(core.PecanBase):
    """Pecan, with a table of routes in place of its object routing.

    Object routing would fail on ``/v3/messages/__class__``, follow
    ``?_method=``, drop unknown arguments, and inspect the signature of the
    handler on each request, which costs more than the rest of Pecan.
    """

    def __call__(self, environ, start_response):
        try:
            return super().__call__(environ, start_response)
        finally:
            # pecan.locals refers back to the environment. This reference
            # cycle, with the response body in it, would live until the
            # garbage collector runs.
            environ.pop('pecan.locals', None)

    def find_controller(self, state):
        handler = self.root.find(state.request)
        return handler, (state.request, state.response), {}

    def invoke_controller(self, controller, args, kwargs, state):
        state.response = controller(*args, **kwargs)

    def _handle_empty_response_body(self, state):
        # Pecan decodes each body, to return 204 in place of an empty 200. The
        # handlers here set the status themselves.
        response = state.response
        if response.status_int in (204, 304):
            response.headerlist = [
                header for header in response.headerlist
                if header[0] != 'Content-Type']


def check_exposed(conf):
    """Check the options that matter if other machines can reach the service.

    :raises usermsg.exception.ConfigurationError: access needs no token, or
        a client could choose the host in the links of a response
    """
    if (conf.api.auth_strategy == 'noauth' and
            not conf.api.allow_insecure_noauth):
        raise exception.ConfigurationError(
            '[api] auth_strategy is noauth, which permits every request. '
            'Set it to keystone; or, if untrusted clients cannot reach the '
            'service, set allow_insecure_noauth = true.')
    if not (conf.api.public_endpoint or conf.api.trust_host_header):
        # WSGI servers derive SERVER_NAME from the Host header or from the
        # machine's name, so it is unsuitable as the base of links.
        raise exception.ConfigurationError(
            '[api] public_endpoint is not set, and links need it. Set it to '
            'the URL at which users reach the service; or, behind a proxy '
            'that sets the Host header itself, set trust_host_header = true.')


def _add_cors(app, conf):
    with_cors = cors.CORS(app, conf)

    # oslo.middleware replaces the response to any OPTIONS request by an empty
    # 200 unless it is 2xx, so unknown paths and versions would seem to exist.
    def respond(environ, start_response):
        if (environ['REQUEST_METHOD'] == 'OPTIONS' and
                not _PREFLIGHT <= environ.keys()):
            return app(environ, start_response)
        return with_cors(environ, start_response)
    return respond


def _check_origins(origins):
    # An origin that no browser sends would silently permit no browser.
    for origin in origins:
        if origin != '*' and not re.fullmatch(
                r'[a-z][a-z0-9+.-]*://[^/?#\s]+', origin):
            raise exception.ConfigurationError(
                f'[cors] allowed_origin: {origin!r} is not an origin; use '
                f'https://HOST or https://HOST:PORT.')


def _check_endpoint(group, endpoint):
    # Links are the endpoint with a path appended, and every user sees them.
    if endpoint is None:
        return
    parts = urllib.parse.urlsplit(endpoint)
    if '@' in parts.netloc or '?' in endpoint or '#' in endpoint:
        raise exception.ConfigurationError(
            f'[{group}] public_endpoint: must be a URL without user, query '
            f'or fragment, such as https://HOST/PATH.')


def _check_path(path, table):
    if not re.fullmatch(r'(/[A-Za-z0-9._~-]+)+', path):
        raise exception.ConfigurationError(
            f'[metrics] path: {path!r} is not a valid path; use one such as '
            f'/metrics.')
    try:
        table.find('GET', path)
    except errors.NotFound:
        return
    except errors.MethodNotAllowed:
        pass
    raise exception.ConfigurationError(
        f'[metrics] path: {path} is a path of the API; use another one.')
