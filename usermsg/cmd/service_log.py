# SPDX-License-Identifier: Apache-2.0
"""The log of a service, for a command that does what the service does."""

import contextlib
import logging
import sys

from usermsg import config


@contextlib.contextmanager
def as_configured(conf):
    """Log as ``conf`` says, until the end of a ``with`` block.

    After that the command says again what is wrong as commands do.

    :raises usermsg.exception.ConfigurationError: logging can't be set up
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        config.set_up_logging(conf)
        for handler in root.handlers:
            # Standard output is the command's.
            if getattr(handler, 'stream', None) is sys.stdout:
                handler.setStream(sys.stderr)
        yield
    finally:
        for handler in list(root.handlers):
            if handler not in handlers:
                root.removeHandler(handler)
                handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
