# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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
