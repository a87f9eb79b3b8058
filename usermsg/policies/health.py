# SPDX-License-Identifier: Apache-2.0
"""The rule for what a health check tells.

Whether the service is available needs no rule: load balancers ask for it
without a token.
"""

from usermsg.policies import rule

DETAIL = 'healthcheck:detail'


def list_rules():
    return [
        rule.make(DETAIL, 'role:admin',
                  'See the single checks in a health check: the kind of '
                  'database, its latency and the version of its schema.',
                  'GET', '/healthcheck')]
