# SPDX-License-Identifier: Apache-2.0
"""Counts requests, and shows what is counted."""

import ipaddress
import time

import prometheus_client

from usermsg.api import route

#: What a label may say; anything else would let clients make up figures.
_METHODS = frozenset({'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE',
                      'OPTIONS'})

#: Signs of a proxy, which is on this host where the client needn't be.
_FORWARDED = ('HTTP_FORWARDED', 'HTTP_VIA', 'HTTP_X_FORWARDED_FOR',
              'HTTP_X_FORWARDED_HOST', 'HTTP_X_FORWARDED_PROTO',
              'HTTP_X_REAL_IP')


class RequestMetrics:
    """WSGI middleware that counts. The root controller says the route."""

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

        answer = self._app(environ, start)
        seconds = time.perf_counter() - began
        method = environ['REQUEST_METHOD']
        if method not in _METHODS:
            method = 'other'
        handled_by = environ.get('usermsg.route')
        path = handled_by.path if handled_by else 'unknown'
        self._metrics.requests.inc(1, (method, path, code))
        self._metrics.request_seconds.observe(seconds, (method, path))
        return answer


class MetricsEndpoint:
    """WSGI middleware that shows the figures to who is on this very host.

    :param path: where; for everybody else there is nothing
    """

    def __init__(self, app, metrics, path):
        self._app = app
        self._route = route.Route('GET', path, rule=None)
        self._show = prometheus_client.make_wsgi_app(metrics.registry)

    def __call__(self, environ, start_response):
        if (environ.get('PATH_INFO') != self._route.path or
                environ['REQUEST_METHOD'] != 'GET' or
                not _is_direct(environ)):
            return self._app(environ, start_response)
        environ['usermsg.route'] = self._route
        return self._show(environ, start_response)


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
