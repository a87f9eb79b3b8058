# SPDX-License-Identifier: Apache-2.0
"""HTTP server for metrics alone, in the process that collects them."""

import json
import socket
import socketserver
import threading
from wsgiref import simple_server

import prometheus_client

from usermsg import exception
from usermsg.metrics import pages


def check(host, port):
    """Check that :func:`serve` can listen on an address later.

    :param port: 0 for any free port
    :raises usermsg.exception.ConfigurationError: the address can't be bound
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
    except OSError as error:
        raise _listen_error(host, port, error) from None


def serve(runtime, port, unresponsive=None):
    """Serve ``/metrics``, also as ``/``, in a thread.

    The thread ends with the process.

    :param port: 0 to serve none
    :param unresponsive: function that returns the names of threads that
        hang; if it is passed, ``/healthcheck`` responds with 200, or with
        503 and the names
    :raises usermsg.exception.ConfigurationError: the address can't be bound
    """
    if not port:
        return
    host = runtime.conf.metrics.host
    registry = runtime.metrics.registry
    prometheus_client.ProcessCollector(registry=registry)
    metrics = prometheus_client.make_wsgi_app(registry)
    served = {'/metrics': metrics, '/': metrics}
    if unresponsive:
        served['/healthcheck'] = _make_health_check(unresponsive)
    try:
        server = _make_server(host, port, pages.Pages(served))
    except OSError as error:
        raise _listen_error(host, port, error) from None
    threading.Thread(target=server.serve_forever, name='metrics',
                     daemon=True).start()


def _make_health_check(unresponsive):
    def respond(environ, start_response):
        names = unresponsive()
        start_response(
            '503 Service Unavailable' if names else '200 OK',
            [('Content-Type', 'application/json')])
        return [json.dumps(
            {'status': 'unavailable', 'threads': names} if names else
            {'status': 'available'}).encode()]
    return respond


class _Handler(simple_server.WSGIRequestHandler):

    #: Seconds for a request, so that idle clients don't hold threads.
    timeout = 10

    def log_message(self, *args):
        pass


def _make_server(host, port, application):
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]

    class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
        daemon_threads = True
        address_family = family

    return simple_server.make_server(host, port, application, Server,
                                     _Handler)


def _listen_error(host, port, error):
    return exception.ConfigurationError(
        f'[metrics] cannot listen on {host} port {port}: '
        f'{error.strerror or error}')
