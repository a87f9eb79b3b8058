# SPDX-License-Identifier: Apache-2.0
"""The rule for what a health check tells.

Whether the service is available needs no rule: load balancers ask for it
without a token.
"""

from oslo_policy import policy

DETAIL = 'healthcheck:detail'


def list_rules():
    return [
        policy.DocumentedRuleDefault(
            DETAIL, 'role:admin',
            description='See the single checks in a health check: the kind of '
                        'database, its latency and the version of its schema.',
            operations=[{'method': 'GET', 'path': '/healthcheck'}],
            scope_types=['project']),
    ]
