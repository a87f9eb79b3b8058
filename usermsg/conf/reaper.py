# SPDX-License-Identifier: Apache-2.0
"""``[reaper]``: how what is no longer needed is removed."""

from oslo_config import cfg

GROUP = cfg.OptGroup('reaper', title='Removing what is no longer needed')

OPTS = [
    cfg.IntOpt(
        'interval', default=300, min=1, max=7 * 24 * 3600,
        help='How many seconds usermsg-worker waits between two rounds.'),
    cfg.IntOpt(
        'batch_size', default=500, min=1, max=500,
        help='The most rows that are removed in one transaction, by '
             'usermsg-worker and by "usermsg-manage purge".'),
    cfg.FloatOpt(
        'batch_delay', default=0.05, min=0, max=60,
        help='How many seconds usermsg-worker and the commands purge, outbox '
             'retry and outbox drop of usermsg-manage wait between two '
             'transactions, in which the database and its replicas serve '
             'others.'),
    cfg.IntOpt(
        'lease_ttl', default=60, min=10, max=3600,
        help='After how many seconds another host may take over from a '
             'reaper that has frozen in the middle of a round.'),
]
