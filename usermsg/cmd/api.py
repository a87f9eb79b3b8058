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
"""``usermsg-api``: the API on a server of its own."""

import ipaddress
import signal
import socket
import sys
import threading

from usermsg import backend

backend.use_threads()

from cheroot import wsgi  # noqa: E402
from oslo_log import log  # noqa: E402

from usermsg.api import app  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg import service  # noqa: E402

LOG = log.getLogger(__name__)

#: Bytes. What a client may send before its request is understood.
MAX_HEADER_SIZE = 32 * 1024


def main():
    try:
        runtime = service.prepare(sys.argv[1:])
        server = make_server(runtime)
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg-api cannot start: {error}')
    except OSError as error:
        sys.exit(f'usermsg-api cannot start: it cannot listen on '
                 f'{runtime.conf.api.host} port {runtime.conf.api.port}: '
                 f'{error.strerror or error}')
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop(server))
    host, port = server.bind_addr[:2]
    LOG.info('Serving http://%s:%s/v3/messages', host, port)
    # For whoever started it, and for port 0.
    print(f'usermsg-api serves http://{host}:{port}/', flush=True)
    server.serve()


def make_server(runtime):
    """A server that has its port, and whose ``serve()`` handles requests.

    :raises usermsg.exception.ConfigurationError: it would let everybody in
    :raises OSError: the address can't be had
    """
    options = runtime.conf.api
    if not _is_loopback(options.host):
        app.refuse_noauth(runtime.conf)
    server = wsgi.Server(
        (options.host, options.port), app.make_app(runtime),
        numthreads=options.threads, server_name=options.host,
        request_queue_size=128, timeout=30, shutdown_timeout=10)
    server.max_request_header_size = MAX_HEADER_SIZE
    server.error_log = _log_error
    server.prepare()
    return server


def _log_error(message='', level=20, traceback=False):
    LOG.log(level, message, exc_info=traceback)


def _stop(server):
    # stop() waits for the threads that serve requests, and serve() in the
    # main thread has to go on meanwhile.
    threading.Thread(target=server.stop, name='stop').start()


def _is_loopback(host):
    try:
        addresses = {item[4][0] for item in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address.partition('%')[0]).is_loopback
               for address in addresses)


if __name__ == '__main__':
    main()
