# SPDX-License-Identifier: Apache-2.0
"""The API for a WSGI server: ``application``.

Importing this module starts a process, so unlike any other module it reads
the configuration (see :data:`usermsg.config.CONFIG_FILES_VARIABLE`) and
ends the process if that can't be used.
"""

import sys

from usermsg.concurrency import backend

backend.use_threads()

from usermsg.api import app  # noqa: E402
from usermsg.concurrency import gc_tuning  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg import service  # noqa: E402


def _application():
    try:
        runtime = service.prepare(multiprocess=True)
        app.check_exposed(runtime.conf)
        made = app.make_app(runtime)
    except exception.ConfigurationError as error:
        sys.exit(f'usermsg cannot start: {error}')
    gc_tuning.freeze_heap()
    return made


application = _application()
