# SPDX-License-Identifier: Apache-2.0
"""``[messages]``: recording and retention of messages."""

from oslo_config import cfg

GROUP = cfg.OptGroup('messages', title='Recording and retention of messages')

OPTS = [
    cfg.IntOpt(
        'ttl', default=30 * 24 * 3600, min=60, max=10 * 366 * 24 * 3600,
        help='Number of seconds for which a message is kept; the default is '
             '30 days. A message is removed earlier if its project has more '
             'than max_per_project. A change affects only messages that are '
             'recorded afterwards.'),
    *(cfg.IntOpt(
        f'ttl_{level}', min=60, max=10 * 366 * 24 * 3600,
        help=f'Number of seconds for which a message of level '
             f'{level.upper()} is kept. If it is not set, ttl applies. A '
             f'change affects only messages that are recorded afterwards.')
      for level in ('info', 'warn', 'error')),
    cfg.IntOpt(
        'max_per_project', default=100_000, min=0, max=1_000_000,
        help='Maximum number of messages that are kept for a project; 0 is '
             'no limit. The reaper removes the oldest messages over the '
             'limit, so that a project can have more until the next run. '
             'With a limit, the reaper counts all messages in an index once '
             'per [reaper] interval.'),
    cfg.FloatOpt(
        'record_timeout', default=5.0, min=0.1, max=300,
        help='Maximum number of seconds that a service which records a '
             'message through the library waits for the database. After '
             'that, the failure is logged and counted, and the service '
             'continues without the message.'),
]
