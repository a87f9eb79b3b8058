# SPDX-License-Identifier: Apache-2.0
"""Which concurrency oslo.service uses in our processes."""

import warnings


def use_threads():
    """To be called first in every process of ours.

    Otherwise the first import of oslo.messaging, which versioned objects
    bring along, chooses eventlet for the whole process.
    """
    # oslo.service requires eventlet and futurist imports it to look whether
    # it is in use, which alone makes it warn on standard error.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
    from oslo_service import backend
    backend.init_backend(backend.BackendType.THREADING)
