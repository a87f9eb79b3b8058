# SPDX-License-Identifier: Apache-2.0
"""``[messages]``: how messages are kept and recorded."""

from oslo_config import cfg

GROUP = cfg.OptGroup('messages', title='How messages are kept and recorded')

OPTS = [
    cfg.IntOpt(
        'ttl', default=30 * 24 * 3600, min=60, max=10 * 366 * 24 * 3600,
        help='For how many seconds a message is kept, unless its project '
             'comes to have more than max_per_project.'),
    *(cfg.IntOpt(
        f'ttl_{level}', min=60, max=10 * 366 * 24 * 3600,
        help=f'The same for messages of level {level.upper()}; ttl if it is '
             f'not set. It counts for what is recorded from then on.')
      for level in ('info', 'warn', 'error')),
    cfg.IntOpt(
        'max_per_project', default=0, min=0, max=1_000_000,
        help='How many messages of a project are kept at most: the reaper '
             'removes the oldest beyond it. Until it does there can be '
             'more. 0 is no limit. With a limit the reaper counts all '
             'messages in an index, once an interval.'),
    cfg.FloatOpt(
        'record_timeout', default=5.0, min=0.1, max=300,
        help='How many seconds a service that records a message through the '
             'library waits for the database at most. After that the failure '
             'is logged and counted and the service goes on.'),
]
