# SPDX-License-Identifier: Apache-2.0
"""What ``usermsg-worker`` takes in ``[DEFAULT]``, as other services do.

An option of oslo.service, without those of it that nothing here reads.
"""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        'graceful_shutdown_timeout', default=60, min=0,
        help='How many seconds usermsg-worker has to end what is under way '
             'when it is told to end; 0 sets no limit.'),
]
