# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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
