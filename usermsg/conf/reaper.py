# SPDX-License-Identifier: Apache-2.0
"""``[reaper]``: removal of expired messages and other obsolete rows."""

from oslo_config import cfg

GROUP = cfg.OptGroup('reaper', title='Removal of expired and evicted messages')

OPTS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='usermsg-worker runs the reaper.'),
    cfg.IntOpt(
        'interval', default=300, min=1, max=7 * 24 * 3600,
        help='Number of seconds that usermsg-worker waits between two runs '
             'of the reaper.'),
    cfg.IntOpt(
        'batch_size', default=500, min=1, max=500,
        help='Maximum number of rows that usermsg-worker and '
             '"usermsg-manage purge" remove in one transaction. The command '
             'removes fewer if the transaction takes long.'),
    cfg.FloatOpt(
        'batch_delay', default=0.05, min=0, max=60,
        help='Number of seconds between two transactions of the reaper and '
             'of the commands purge, outbox retry and outbox drop of '
             'usermsg-manage. In this time the database and its replicas '
             'serve other clients. The reaper does not wait after a full '
             'batch that took less than 50 milliseconds. The command purge '
             'waits longer after a transaction that took long, and does not '
             'adapt to the database at all if this is 0.'),
    cfg.IntOpt(
        'lease_ttl', default=60, min=10, max=3600,
        help='Number of seconds after which another host may take over from '
             'a reaper that has frozen during a run.'),
]
