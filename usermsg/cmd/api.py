# SPDX-License-Identifier: Apache-2.0
"""``usermsg-api``: standalone HTTP server for the API."""

import signal
import sys

from usermsg.concurrency import backend

backend.use_threads()

from oslo_log import log  # noqa: E402

from usermsg.api import server as api_server  # noqa: E402
from usermsg.concurrency import gc_tuning  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg.metrics import exporter  # noqa: E402
from usermsg import service  # noqa: E402

LOG = log.getLogger(__name__)

#: Seconds for which a thread keeps the interpreter while others need it. A
#: request gives it up and needs it again with each row of SQLite and each
#: packet, so with Python's default of 0.005 it takes many times longer beside
#: requests that compute.
_SWITCH_INTERVAL = 0.0002


def main():
    # SIGHUP is for services that reload their configuration. This one doesn't,
    # and its process would end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        runtime = service.prepare(sys.argv[1:])
        server = api_server.make_server(runtime)
        exporter.serve(runtime, runtime.conf.metrics.port)
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg-api cannot start: {error}')
    gc_tuning.freeze_heap()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    host = api_server.format_host(server.effective_host)
    address = f'http://{host}:{server.effective_port}'
    LOG.info('Serving %s/v3/messages', address)
    # For the process that started the server: port 0 chooses a free port.
    print(f'usermsg-api serves {address}/', flush=True)
    server.serve()


if __name__ == '__main__':
    main()
