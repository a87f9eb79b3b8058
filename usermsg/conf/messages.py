# SPDX-License-Identifier: Apache-2.0
"""``[messages]``: recording and retention of messages."""

import re

from oslo_config import cfg
from oslo_config import types

GROUP = cfg.OptGroup('messages', title='Recording and retention of messages')


class Rate(types.Float):
    """Messages a second: 0, which is no limit, or a number in a range."""

    MIN, MAX = 0.001, 1_000_000

    def __init__(self):
        super().__init__(min=0, max=self.MAX)

    def __call__(self, value):
        rate = super().__call__(value)
        # None is an empty text. A comparison with NaN is always false.
        if rate is None or not (rate == 0 or rate >= self.MIN):
            raise ValueError(f'Should be 0, or a number from {self.MIN} to '
                             f'{self.MAX}')
        return rate


class Rates(types.Dict):
    """Project id -> rate."""

    def __init__(self):
        super().__init__(Rate())

    def __call__(self, value):
        rates = super().__call__(value)
        for project_id in rates:
            # "a,b:1" would be the rate of a project "a,b".
            if not re.fullmatch(r'[!-+\--~]{1,64}', project_id):
                raise ValueError(f'{project_id!r} is not a project id')
        return rates


def merge_rates(maps):
    """Return the rates of all lines of an option as one dict.

    :param maps: dicts of :class:`Rates`, or None
    :raises ValueError: a project has more than one rate
    """
    merged = {}
    for rates in maps or ():
        for project_id, rate in rates.items():
            if project_id in merged:
                raise ValueError(f'the project {project_id!r} has more than '
                                 f'one rate')
            merged[project_id] = rate
    return merged


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
    cfg.Opt(
        'record_rate', type=Rate(), default=50.0,
        help='Number of messages a second that a caller can record for a '
             'project; 0 is no limit. Over HTTP the caller is the user of '
             'the token, and a request over the rate gets status 429. In the '
             'library the process is the caller, and a message over the '
             'rate is counted but not stored. Each process counts '
             'separately.'),
    cfg.IntOpt(
        'record_burst', default=5000, min=1000, max=1_000_000,
        help='Number of messages that a caller can record at once for a '
             'project before record_rate limits it. At least the largest '
             'batch of a request, 1000.'),
    cfg.MultiOpt(
        'record_rates', item_type=Rates(),
        help='Rates of single projects that replace record_rate: '
             'PROJECT:RATE, separated by commas. 0 is no limit. The option '
             'can be repeated, also in several files; each project must have '
             'one rate.'),
    cfg.Opt(
        'record_rate_per_caller', type=Rate(), default=1000.0,
        help='Number of messages a second that a caller can record for all '
             'projects together; 0 is no limit. With less than about ten '
             'times record_rate, a few projects with many messages can use '
             'it up. A request over HTTP that is refused counts as well: as '
             'one message for each 64 KiB of its body.'),
    cfg.IntOpt(
        'record_burst_per_caller', default=20_000, min=1000, max=10_000_000,
        help='Number of messages that a caller can record at once for all '
             'projects together before record_rate_per_caller limits it.'),
    cfg.FloatOpt(
        'record_timeout', default=5.0, min=0.1, max=300,
        help='Maximum number of seconds that a service which records a '
             'message through the library waits for the database, or over '
             'the bus for RabbitMQ. After '
             'that, the failure is logged and counted, and the service '
             'continues without the message.'),
]
