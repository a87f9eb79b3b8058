# SPDX-License-Identifier: Apache-2.0
"""A server for figures alone, in the process that has them."""

import socket

import prometheus_client

from usermsg import exception


def check(host, port):
    """See to it that what is to be served later can be.

    :param port: 0 for any that is free
    :raises usermsg.exception.ConfigurationError: the address can't be had
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None


def serve(runtime, port):
    """Start to serve figures in a thread.

    It ends with the process.

    :param port: 0 serves none

    :raises usermsg.exception.ConfigurationError: the address can't be had
    """
    if not port:
        return
    host = runtime.conf.metrics.host
    registry = runtime.metrics.registry
    prometheus_client.ProcessCollector(registry=registry)
    try:
        prometheus_client.start_http_server(port, host, registry)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None


def _cannot_listen(host, port, error):
    return exception.ConfigurationError(
        f'[metrics] it cannot listen on {host} port {port}: '
        f'{error.strerror or error}')
