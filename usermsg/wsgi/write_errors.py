# SPDX-License-Identifier: Apache-2.0
"""Responses that a client doesn't receive because it has left, under uWSGI.

uWSGI raises an OSError when it writes such a response, outside of all code of
the application, and passes it to ``sys.excepthook``. That of oslo.log logs a
critical error with a traceback.
"""

import sys

from oslo_log import log

LOG = log.getLogger(__name__)

#: Text of the error of uWSGI.
_WRITE_ERROR = 'write error'


def install_hook():
    """Let uWSGI alone log these responses; it does so in one line.

    Other errors are passed on to the previous hook.
    """
    previous = sys.excepthook

    def handle(error_class, error, traceback):
        if error_class is OSError and str(error) == _WRITE_ERROR:
            # For the request id, which the line of uWSGI lacks.
            LOG.debug('The client left before it received the response')
        else:
            previous(error_class, error, traceback)

    sys.excepthook = handle
