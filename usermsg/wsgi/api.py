# SPDX-License-Identifier: Apache-2.0
"""WSGI entry point of the API: ``application``.

Unlike other modules, this one has side effects on import, because a WSGI
server starts a process by importing it: it reads the configuration (see
:data:`usermsg.config.CONFIG_FILES_VARIABLE`) and exits the process if the
configuration is invalid.
"""

import sys

from usermsg.concurrency import backend

backend.use_threads()

from usermsg.api import app  # noqa: E402
from usermsg.concurrency import gc_tuning  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg import service  # noqa: E402
from usermsg.wsgi import write_errors  # noqa: E402


def _make_application():
    try:
        runtime = service.prepare(multiprocess=True)
        app.check_exposed(runtime.conf)
        wsgi_app = app.make_app(runtime)
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg cannot start: {error}')
    write_errors.install_hook()
    gc_tuning.freeze_heap()
    return wsgi_app


application = _make_application()
