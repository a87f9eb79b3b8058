# SPDX-License-Identifier: Apache-2.0
"""Stand-alone HTTP server: an adapted waitress with a graceful shutdown."""

import ipaddress
import resource
import socket
import time

from oslo_log import log
from waitress import server as http_server

from usermsg.api import app
from usermsg.api import connection
from usermsg.api import expensive_requests
from usermsg.api.middleware import request_body
from usermsg import exception

LOG = log.getLogger(__name__)

#: Bytes of a request body or response in memory; a longer one is in a file.
_IN_MEMORY = 512 * 1024

#: Bytes of a read from a connection: with 8 KiB, waitress's default, a body of
#: 1 MiB costs 4 ms instead of 1.5 ms.
_RECEIVED = 64 * 1024

#: See LimitNOFILE in usermsg-api.service.
MAX_CONNECTIONS = 500

#: Seconds for the requests in progress when the server stops.
_STOP_TIMEOUT = 10


def make_server(runtime):
    """Return a server that listens, and whose ``serve()`` handles requests.

    :raises usermsg.exception.ConfigurationError: the options are unsafe for
        the address, or the server can't listen on it
    """
    options = runtime.conf.api
    if not _is_loopback(options.host):
        app.check_exposed(runtime.conf)
    server = _Server(
        app.make_app(runtime, expensive_requests.Limiter(
            runtime.metrics, options.threads)),
        _sock=_listen(options.host, options.port),
        bind_socket=False, threads=options.threads, ident='usermsg',
        server_name=format_host(options.host),
        # The application has an option to trust these headers.
        clear_untrusted_proxy_headers=False,
        connection_limit=connection_limit(
            resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        max_request_header_size=connection.MAX_HEADERS,
        max_request_body_size=(
            request_body.MAX_EXCESS * options.max_request_body_size),
        recv_bytes=_RECEIVED,
        inbuf_overflow=_IN_MEMORY, outbuf_overflow=_IN_MEMORY,
        # Socket errors are those of clients that lose their connection.
        log_socket_errors=False)
    server.client_timeout = options.client_timeout
    return server


class _Server(http_server.TcpWSGIServer):
    channel_class = connection.Channel
    _stopping = False

    def maintenance(self, now):
        # Called every 30 seconds; it replaces waitress's own timeout.
        if self.in_connection_overflow:
            LOG.warning('All %d connections are in use, and clients wait for '
                        'one. Their number depends on the limit of open '
                        'files.', self.adj.connection_limit)

    def serve(self):
        """Handle requests until stop(), then finish those in progress."""
        while not self._stopping:
            self._run_loop(1)
        # Closes the listening socket only; BaseWSGIServer.close() would also
        # close the pipe with which threads wake up the loop.
        super(http_server.BaseWSGIServer, self).close()
        end = time.monotonic() + _STOP_TIMEOUT
        while self.active_channels and time.monotonic() < end:
            self._run_loop(0.1)
            for channel in list(self.active_channels.values()):
                if not channel.has_work:
                    channel.handle_close()
        self.task_dispatcher.shutdown(timeout=1)

    def stop(self):
        self._stopping = True
        self.pull_trigger()

    def _run_loop(self, seconds):
        if any(channel.is_held for channel in self.active_channels.values()):
            # Nothing else wakes the loop up when the time of the response has
            # come.
            seconds = min(seconds, 0.1)
        self.asyncore.loop(seconds, use_poll=True, map=self._map, count=1)


def _listen(host, port):
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # "::" includes all IPv4 addresses.
        return socket.create_server(
            address, family=family, dualstack_ipv6=family == socket.AF_INET6)
    except OSError as error:
        raise exception.ConfigurationError(
            f'[api] cannot listen on {host} port {port}: '
            f'{error.strerror or error}') from None


def connection_limit(open_files):
    """Return the number of connections for a limit of open files."""
    # A connection needs a socket, a file for the request body, and two files
    # for responses, as the next response is built while one is sent. A fifth
    # of the files remains for everything else.
    return min(MAX_CONNECTIONS, open_files // 5)


def format_host(host):
    return f'[{host}]' if ':' in host else host


def _is_loopback(host):
    try:
        addresses = {item[4][0] for item in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address.partition('%')[0]).is_loopback
               for address in addresses)
