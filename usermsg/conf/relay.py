# SPDX-License-Identifier: Apache-2.0
"""``[relay]``: delivery of notifications from the outbox."""

from oslo_config import cfg

GROUP = cfg.OptGroup('relay', title='Delivery from the outbox to the brokers')

OPTS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='usermsg-worker runs a relay for each driver.'),
    cfg.FloatOpt(
        'poll_interval', default=1, min=0.05, max=60,
        help='Number of seconds before usermsg-worker checks the outbox '
             'again after it has found no pending notification.'),
    cfg.IntOpt(
        'batch_size', default=500, min=1, max=1000,
        help='Maximum number of notifications in flight, for each driver.'),
    cfg.IntOpt(
        'lease_ttl', default=60, min=30, max=3600,
        help='Number of seconds after which another worker may take over '
             'from a worker that has frozen. Notifications that the frozen '
             'worker had in flight are then sent twice, with the same '
             'message_id. The timeout of a driver must not exceed a third '
             'of lease_ttl.'),
    cfg.IntOpt(
        'max_backoff', default=30, min=1, max=3600,
        help='Maximum number of seconds between two delivery attempts while '
             'a broker is unavailable. The delay begins with one second and '
             'doubles with each failure.'),
    cfg.IntOpt(
        'max_attempts', default=100, min=1, max=10000,
        help='Number of failed delivery attempts after which a notification '
             'becomes a dead letter. An attempt is counted only if other '
             'notifications could be delivered at that time. The delay '
             'between attempts grows up to ten times max_backoff, so that a '
             'queue that is full for some hours does not cause dead '
             'letters.'),
    cfg.IntOpt(
        'max_age', default=7 * 24 * 3600, min=60, max=366 * 24 * 3600,
        help='Number of seconds in the outbox after which a notification '
             'becomes a dead letter; the default is 7 days. A dead letter '
             'stays in the outbox until "usermsg-manage outbox retry" or '
             '"usermsg-manage outbox drop": nothing else removes it.'),
]
