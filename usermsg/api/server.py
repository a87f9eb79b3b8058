# SPDX-License-Identifier: Apache-2.0
"""The stand-alone server: waitress, which serves until it is told to stop."""

import ipaddress
import resource
import socket
import time

from oslo_log import log
from waitress import server as http_server

from usermsg.api import app
from usermsg.api import connection
from usermsg.api.middleware import request_body
from usermsg import exception

LOG = log.getLogger(__name__)

#: Bytes of a body or a response in memory; a longer one is in a file.
_IN_MEMORY = 512 * 1024

#: See LimitNOFILE in usermsg-api.service.
MAX_CONNECTIONS = 500

#: Seconds for the requests that have come in when the server is to stop.
_STOP = 10


def make_server(runtime):
    """A server that has its port, and whose ``serve()`` handles requests.

    :raises usermsg.exception.ConfigurationError: the options don't do for
        the address, or it can't be had
    """
    options = runtime.conf.api
    if not _is_loopback(options.host):
        app.check_exposed(runtime.conf)
    server = _Server(
        app.make_app(runtime), _sock=_listen(options.host, options.port),
        bind_socket=False, threads=options.threads, ident='usermsg',
        server_name=in_url(options.host),
        # The application has an option for whether these are trusted.
        clear_untrusted_proxy_headers=False,
        connection_limit=connection_limit(
            resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        max_request_header_size=connection.MAX_HEADERS,
        max_request_body_size=(
            request_body.MAX_EXCESS * options.max_request_body_size),
        inbuf_overflow=_IN_MEMORY, outbuf_overflow=_IN_MEMORY,
        # Of clients whose connection breaks.
        log_socket_errors=False)
    server.client_timeout = options.client_timeout
    return server


class _Server(http_server.TcpWSGIServer):
    channel_class = connection.Channel
    _stopping = False

    def maintenance(self, now):
        # Each 30 seconds, in place of waitress's own timeout.
        if self.in_connection_overflow:
            LOG.warning('All %d connections are in use, and clients wait for '
                        'one. How many there are follows from the limit on '
                        'open files.', self.adj.connection_limit)

    def serve(self):
        """Handle requests until stop(), and then those that have come in."""
        while not self._stopping:
            self._turn(1)
        # Not the pipe by which threads wake the loop.
        super(http_server.BaseWSGIServer, self).close()
        end = time.monotonic() + _STOP
        while self.active_channels and time.monotonic() < end:
            self._turn(0.1)
            for channel in list(self.active_channels.values()):
                if not channel.has_work:
                    channel.handle_close()
        self.task_dispatcher.shutdown(timeout=1)

    def stop(self):
        self._stopping = True
        self.pull_trigger()

    def _turn(self, seconds):
        self.asyncore.loop(seconds, use_poll=True, map=self._map, count=1)


def _listen(host, port):
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # "::" is every address of IPv4 too.
        return socket.create_server(
            address, family=family, dualstack_ipv6=family == socket.AF_INET6)
    except OSError as error:
        raise exception.ConfigurationError(
            f'it cannot listen on {host} port {port}: '
            f'{error.strerror or error}') from None


def connection_limit(open_files):
    """How many connections so many open files are enough for."""
    # One needs a socket, a file for a body, and two for responses, of which
    # the next is made while one is sent. A fifth is for everything else.
    return min(MAX_CONNECTIONS, open_files // 5)


def in_url(host):
    return f'[{host}]' if ':' in host else host


def _is_loopback(host):
    try:
        addresses = {item[4][0] for item in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address.partition('%')[0]).is_loopback
               for address in addresses)
