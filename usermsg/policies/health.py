# SPDX-License-Identifier: Apache-2.0
"""The rule for the details of a health check.

The availability alone needs no rule: load balancers request it without a
token.
"""

from usermsg.policies import rule

DETAIL = 'healthcheck:detail'


def list_rules():
    return [
        rule.make(DETAIL, 'role:admin',
                  'Show the details of a health check: the database '
                  'dialect, its latency and the version of its schema.',
                  'GET', '/healthcheck')]
