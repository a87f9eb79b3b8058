# SPDX-License-Identifier: Apache-2.0
"""``[relay]``: how notifications leave the outbox."""

from oslo_config import cfg

GROUP = cfg.OptGroup('relay', title='From the outbox to the brokers')

OPTS = [
    cfg.FloatOpt(
        'interval', default=1, min=0.05, max=60,
        help='How many seconds usermsg-worker waits before it looks again, '
             'when there was nothing to send.'),
    cfg.IntOpt(
        'batch_size', default=500, min=1, max=1000,
        help='The most notifications that are under way at a time, for '
             'each driver.'),
    cfg.IntOpt(
        'lease_ttl', default=60, min=30, max=3600,
        help='After how many seconds another worker may take over from one '
             'that has frozen. What that had under way is then sent twice, '
             'with the same message_id. A driver can wait for confirmations '
             'for a third of it at most.'),
    cfg.IntOpt(
        'max_backoff', default=30, min=1, max=3600,
        help='How many seconds pass, at most, between two attempts while a '
             'broker is away. It begins with one.'),
    cfg.IntOpt(
        'max_attempts', default=100, min=1, max=10000,
        help='After how many failures a notification is set aside, if others '
             'could be delivered meanwhile; while none can it is not '
             'counted. The pauses between them grow up to ten times '
             'max_backoff, so that a queue that is full for some hours sets '
             'nothing aside.'),
    cfg.IntOpt(
        'max_age', default=7 * 24 * 3600, min=60, max=366 * 24 * 3600,
        help='After how many seconds in the outbox a notification is set '
             'aside. It stays there until "usermsg-manage outbox retry" or '
             '"outbox drop": nothing else removes it.'),
]
