# SPDX-License-Identifier: Apache-2.0
"""Middleware that measures requests and serves the metrics."""

import ipaddress
import time

import prometheus_client

from usermsg.api import route
from usermsg.metrics import pages

#: Permitted values of the method label; without this limit clients could
#: create any number of time series.
_METHODS = frozenset({'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE',
                      'OPTIONS'})

#: Headers that reveal a proxy: a proxy on this host may forward requests of
#: clients on other hosts.
_FORWARDED = ('HTTP_FORWARDED', 'HTTP_VIA', 'HTTP_X_FORWARDED_FOR',
              'HTTP_X_FORWARDED_HOST', 'HTTP_X_FORWARDED_PROTO',
              'HTTP_X_REAL_IP')


class RequestMetrics:
    """WSGI middleware that counts requests and measures their duration.

    The root controller puts the route into the environment.
    """

    def __init__(self, app, metrics):
        self._app = app
        self._metrics = metrics

    def __call__(self, environ, start_response):
        began = time.perf_counter()
        code = None

        def start(status, headers, exc_info=None):
            nonlocal code
            code = status[:3]
            return start_response(status, headers, exc_info)

        response = self._app(environ, start)
        seconds = time.perf_counter() - began
        method = environ['REQUEST_METHOD']
        if method not in _METHODS:
            method = 'other'
        matched = environ.get('usermsg.route')
        path = matched.path if matched else 'unknown'
        self._metrics.requests.inc(1, (method, path, code))
        self._metrics.request_seconds.observe(seconds, (method, path))
        return response


class MetricsEndpoint:
    """WSGI middleware that serves the metrics to clients on this host.

    :param path: path of the metrics; for other clients the application
        handles it
    """

    def __init__(self, app, metrics, path):
        self._app = app
        self._route = route.Route('GET', path, rule=None)
        self._pages = pages.Pages({
            path: prometheus_client.make_wsgi_app(metrics.registry)})

    def __call__(self, environ, start_response):
        if (environ.get('PATH_INFO') != self._route.path or
                not _is_direct(environ)):
            return self._app(environ, start_response)
        environ['usermsg.route'] = self._route
        return self._pages(environ, start_response)


def _is_direct(environ):
    if any(name in environ for name in _FORWARDED):
        return False
    # A client on a Unix socket has no address.
    address = environ.get('REMOTE_ADDR')
    if not address:
        return True
    try:
        address = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(address, 'ipv4_mapped', None) or address).is_loopback
