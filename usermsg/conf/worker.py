# SPDX-License-Identifier: Apache-2.0
"""Options of ``usermsg-worker`` in ``[DEFAULT]``, as in other services.

An option of oslo.service; the other options of that library are not read
here, so they are not registered.
"""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        'graceful_shutdown_timeout', default=60, min=0,
        help='Maximum number of seconds for usermsg-worker to '
             'complete running work after SIGTERM; 0 is no limit.'),
]
