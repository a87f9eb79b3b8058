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
"""The stand-alone server: cheroot, made to answer as the API does.

What reaches the application is the application's to answer. What doesn't
(an address or a header that cheroot refuses) gets the same form of error.
"""

import ipaddress
import socket

from cheroot import server as http_server
from cheroot import wsgi
from oslo_context import context
from oslo_log import log

from usermsg.api import app
from usermsg.api import errors
from usermsg import exception

LOG = log.getLogger(__name__)

#: Bytes. What a client may send before its request is understood.
MAX_HEADER_SIZE = 32 * 1024

#: Bytes. As much of a body that nobody needs is read and thrown away, as a
#: client that is still sending might miss the answer.
MAX_SKIPPED_BODY = 16 * 1024 * 1024


def make_server(runtime):
    """A server that has its port, and whose ``serve()`` handles requests.

    :raises usermsg.exception.ConfigurationError: it would let everybody in,
        or the address can't be had
    """
    options = runtime.conf.api
    if not _is_loopback(options.host):
        app.refuse_noauth(runtime.conf)
    server = wsgi.Server(
        (options.host, options.port), app.make_app(runtime),
        numthreads=options.threads, server_name=in_url(options.host),
        request_queue_size=128, timeout=30, shutdown_timeout=10)
    server.max_request_header_size = MAX_HEADER_SIZE
    server.ConnectionClass = _Connection
    server.error_log = _log_error
    try:
        server.prepare()
    except OSError as error:
        raise exception.ConfigurationError(
            f'it cannot listen on {options.host} port {options.port}: '
            f'{error.strerror or error}') from None
    return server


class _Request(http_server.HTTPRequest):

    def read_request_headers(self):
        if not super().read_request_headers():
            return False
        # cheroot takes -1 for a length, and then reads without an end.
        if not self.inheaders.get(b'Content-Length', b'0').isdigit():
            self.simple_response('400 Bad Request',
                                 'Content-Length: must be a number.')
            return False
        return True

    def send_headers(self):
        # cheroot would read what is left into memory, however much it is,
        # and nothing at all with a 413. Of a chunked body it would take what
        # is left for the next request.
        if (self.chunked_read or
                getattr(self.rfile, 'remaining', 0) > MAX_SKIPPED_BODY):
            self.close_connection = True
        else:
            while getattr(self.rfile, 'remaining', 0):
                if not self.rfile.read(64 * 1024):
                    break
        super().send_headers()

    def simple_response(self, status, msg=''):
        # What never reaches the application is answered in its form too.
        self.close_connection = True
        request_id = context.generate_request_id()
        answer = errors.response(
            errors.NotServed(int(status[:3]), msg), request_id)
        answer.headers['X-OpenStack-Request-Id'] = request_id
        answer.headers['Connection'] = 'close'
        if answer.status_int == 405:
            answer.headers['Allow'] = 'GET, POST, DELETE'
        head = '\r\n'.join([
            f'{self.server.protocol} {answer.status}',
            *(f'{name}: {value}' for name, value in answer.headerlist),
            '\r\n'])
        try:
            self.conn.wfile.write(head.encode('latin-1') + answer.body)
        except OSError:
            LOG.debug('[%s] A client went away.', request_id)


class _Connection(http_server.HTTPConnection):
    RequestHandlerClass = _Request


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
