# SPDX-License-Identifier: Apache-2.0
"""The stand-alone server: cheroot, made to answer as the API does.

What reaches the application is the application's to answer. What doesn't
(an address or a header that cheroot refuses) gets the same form of error.
"""

import contextlib
import ipaddress
import socket
import time

from cheroot import server as http_server
from cheroot import wsgi
from oslo_context import context
from oslo_log import log

from usermsg.api import app
from usermsg.api import errors
from usermsg.api.middleware import metrics
from usermsg.api.middleware import security_headers
from usermsg import exception

LOG = log.getLogger(__name__)

#: Bytes. What a client may send before its request is understood.
MAX_HEADER_SIZE = 32 * 1024

#: Bytes. As much of a body that nobody needs is read and thrown away, as a
#: client that is still sending might miss the answer.
MAX_SKIPPED_BODY = 16 * 1024 * 1024

#: Seconds that a connection may stay open without a request.
_IDLE = 30

#: How many such may be open before further ones are closed after a request.
_MAX_IDLE = 256

#: Seconds for a client to go on sending what nobody wants any more. Without
#: them it would be told that the connection broke, rather than why.
_LINGER = 2


def make_server(runtime):
    """A server that has its port, and whose ``serve()`` handles requests.

    :raises usermsg.exception.ConfigurationError: it would let everybody in,
        or the address can't be had
    """
    options = runtime.conf.api
    if not _is_loopback(options.host):
        app.refuse_noauth(runtime.conf)
    server = _Server(
        (options.host, options.port), app.make_app(runtime),
        numthreads=options.threads, server_name=in_url(options.host),
        request_queue_size=128, timeout=min(_IDLE, options.client_timeout),
        shutdown_timeout=10)
    server.max_request_header_size = MAX_HEADER_SIZE
    server.ConnectionClass = _Connection
    server.keep_alive_conn_limit = _MAX_IDLE
    server.client_timeout = options.client_timeout
    server.metrics = runtime.metrics
    server.error_log = _log_error
    try:
        server.prepare()
    except OSError as error:
        raise exception.ConfigurationError(
            f'it cannot listen on {options.host} port {options.port}: '
            f'{error.strerror or error}') from None
    return server


class _Server(wsgi.Server):

    def process_conn(self, conn):
        # A client that says nothing yet must not hold a thread.
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)


class _Request(http_server.HTTPRequest):

    def read_request_headers(self):
        if not super().read_request_headers():
            return False
        # cheroot takes -1 for a length, and then reads without an end.
        if not self.inheaders.get(b'Content-Length', b'0').isdigit():
            self.simple_response('400 Bad Request',
                                 'Content-Length: must be a number.')
            return False
        self.conn.socket.quiet = True
        return True

    def send_headers(self):
        # cheroot would read what is left into memory, however much it is,
        # and nothing at all with a 413. Of a chunked body it would take what
        # is left for the next request.
        if (self.chunked_read or
                getattr(self.rfile, 'remaining', 0) > MAX_SKIPPED_BODY):
            self.close_connection = True
            self.conn.lingers = True
        else:
            while getattr(self.rfile, 'remaining', 0):
                if not self.rfile.read(64 * 1024):
                    self.close_connection = True
                    break
        self.conn.socket.allow(self.server.client_timeout)
        super().send_headers()

    def simple_response(self, status, msg=''):
        # What never reaches the application is answered in its form too.
        self.close_connection = True
        self.conn.lingers = status[:3] != '408'
        self.conn.socket.allow(self.server.client_timeout)
        request_id = context.generate_request_id()
        answer = errors.response(
            errors.NotServed(int(status[:3]), msg), request_id)
        answer.headers['X-OpenStack-Request-Id'] = request_id
        answer.headers['Connection'] = 'close'
        if answer.status_int == 405:
            answer.headers['Allow'] = 'GET, POST, DELETE'
        head = '\r\n'.join([
            f'{self.server.protocol} {answer.status}',
            *(f'{name}: {value}'
              for name, value in security_headers.complete(answer.headerlist)),
            '\r\n'])
        try:
            self.conn.wfile.write(head.encode('latin-1') + answer.body)
        except OSError:
            LOG.debug('[%s] A client went away.', request_id)
        metrics.count(self.server.metrics, 'other', None, status[:3],
                      time.monotonic() - self.conn.began)


class _Connection(http_server.HTTPConnection):
    RequestHandlerClass = _Request

    #: Whether the client may still be sending what isn't read.
    lingers = False

    def __init__(self, server, sock, *args):
        super().__init__(server, _Socket(fileno=sock.detach()), *args)

    def communicate(self):
        self.began = time.monotonic()
        self.socket.quiet = False
        self.socket.allow(self.server.client_timeout)
        return super().communicate()

    def close(self):
        if self.lingers:
            # Nothing raised here may end the thread.
            with contextlib.suppress(OSError):
                self._linger()
        super().close()

    def _linger(self):
        self.socket.shutdown(socket.SHUT_WR)
        self.socket.allow(_LINGER)
        left = MAX_SKIPPED_BODY
        while left > 0 and (skipped := self.socket.recv_into(
                bytearray(64 * 1024))):
            left -= skipped


class _Socket(socket.socket):
    """Gives up at a point in time, however often a byte comes or goes.

    A timeout alone begins anew with every byte.
    """

    #: Whether a client that is too slow looks like one that went away: to
    #: the application, which reads the body, it makes no difference.
    quiet = False

    def allow(self, seconds):
        """What follows must be done within so many seconds."""
        self._end = time.monotonic() + seconds

    def _wait_no_longer(self):
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError('timed out')  # as cheroot knows it
        self.settimeout(left)

    def recv_into(self, *args):
        try:
            self._wait_no_longer()
            return super().recv_into(*args)
        except TimeoutError:
            if self.quiet:
                return 0
            raise

    def send(self, *args):
        self._wait_no_longer()
        return super().send(*args)


def in_url(host):
    return f'[{host}]' if ':' in host else host


def _log_error(message='', level=20, traceback=False):
    LOG.log(level, message, exc_info=traceback)


def _is_loopback(host):
    try:
        addresses = {item[4][0] for item in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address.partition('%')[0]).is_loopback
               for address in addresses)
