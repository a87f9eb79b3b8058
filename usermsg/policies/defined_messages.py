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
"""Rules for the catalogue: what may be said is no secret within a cloud."""

from oslo_policy import policy

GET_ALL = 'defined_message:get_all'
GET = 'defined_message:get'

_ANYBODY = 'role:admin or role:reader or role:service'


def list_rules():
    return [
        policy.DocumentedRuleDefault(
            GET_ALL, _ANYBODY,
            description='List the messages that the catalogue permits.',
            operations=[
                {'method': 'GET', 'path': '/v3/defined-messages'},
                {'method': 'GET',
                 'path': '/v3/{project_id}/defined-messages'}],
            scope_types=['project']),
        policy.DocumentedRuleDefault(
            GET, _ANYBODY,
            description='Show a message that the catalogue permits.',
            operations=[
                {'method': 'GET', 'path': '/v3/defined-messages/{event_id}'},
                {'method': 'GET',
                 'path': '/v3/{project_id}/defined-messages/{event_id}'}],
            scope_types=['project']),
    ]
