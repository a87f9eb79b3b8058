# SPDX-License-Identifier: Apache-2.0
"""HTTP server for metrics alone, in the process that collects them."""

import socket

import prometheus_client

from usermsg import exception


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


def serve(runtime, port):
    """Serve metrics in a thread that ends with the process.

    :param port: 0 to serve none
    :raises usermsg.exception.ConfigurationError: the address can't be bound
    """
    if not port:
        return
    host = runtime.conf.metrics.host
    registry = runtime.metrics.registry
    prometheus_client.ProcessCollector(registry=registry)
    try:
        prometheus_client.start_http_server(port, host, registry)
    except OSError as error:
        raise _listen_error(host, port, error) from None


def _listen_error(host, port, error):
    return exception.ConfigurationError(
        f'[metrics] cannot listen on {host} port {port}: '
        f'{error.strerror or error}')
