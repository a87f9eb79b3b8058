# SPDX-License-Identifier: Apache-2.0
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
