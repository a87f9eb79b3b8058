# SPDX-License-Identifier: Apache-2.0
"""Selection of oslo.service's concurrency backend."""

import sys


def use_threads():
    """Select the threading backend; called first in every process.

    Otherwise the first import of oslo.messaging, which oslo.versionedobjects
    imports, selects eventlet for the whole process.
    """
    # oslo.service requires eventlet, and other libraries import what is
    # installed to check whether it is in use: 0.1 seconds and 18 MiB for each
    # process, and a warning on standard error.
    sys.modules.setdefault('eventlet', None)
    from oslo_service import backend
    backend.init_backend(backend.BackendType.THREADING)
