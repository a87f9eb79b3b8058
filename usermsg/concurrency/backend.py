# SPDX-License-Identifier: Apache-2.0
"""Selection of oslo.service's concurrency backend."""

import warnings


def use_threads():
    """Select the threading backend; called first in every process.

    Otherwise the first import of oslo.messaging, which oslo.versionedobjects
    imports, selects eventlet for the whole process.
    """
    # oslo.service requires eventlet, and futurist imports it to check whether
    # it is in use; that import alone prints a warning on standard error.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
    from oslo_service import backend
    backend.init_backend(backend.BackendType.THREADING)
