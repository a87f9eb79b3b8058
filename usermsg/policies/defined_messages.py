# SPDX-License-Identifier: Apache-2.0
"""Rules for the catalogue, which every user of a cloud may read."""

from usermsg.policies import rule

GET_ALL = 'defined_message:get_all'
GET = 'defined_message:get'

COLLECTION = '/v3/defined-messages', '/v3/{project_id}/defined-messages'
ELEMENT = ('/v3/defined-messages/{event_id}',
           '/v3/{project_id}/defined-messages/{event_id}')

_ANY_USER = 'role:admin or role:reader or role:service'


def list_rules():
    return [
        rule.make(GET_ALL, _ANY_USER,
                  'List the messages that the catalogue permits.',
                  'GET', *COLLECTION),
        rule.make(GET, _ANY_USER,
                  'Show a message that the catalogue permits.',
                  'GET', *ELEMENT),
    ]
