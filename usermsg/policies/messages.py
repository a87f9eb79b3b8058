# SPDX-License-Identifier: Apache-2.0
"""Rules for messages.

The personas are those of OpenStack's secure role-based access control:
*reader* reads the messages of its project, *member* also deletes them, *admin*
does both in all projects. *service*, the role of other services' accounts,
only records messages. The names of the rules are those of block storage,
because operators know them.
"""

from usermsg.policies import rule

CREATE = 'message:create'
GET_ALL = 'message:get_all'
GET = 'message:get'
GET_SUMMARY = 'message:get_summary'
GET_READ_MARK = 'message:get_read_mark'
UPDATE_READ_MARK = 'message:update_read_mark'
DELETE = 'message:delete'
READ_ALL_PROJECTS = 'message:read_all_projects'
DELETE_ALL_PROJECTS = 'message:delete_all_projects'

# Each is one flat string: oslo.policy resolves references between rules on
# every request, and that costs more than the comparison itself.
_ADMIN = 'role:admin'
_SERVICE = 'role:admin or role:service'
_PROJECT_READER = 'role:admin or (role:reader and project_id:%(project_id)s)'
_PROJECT_MEMBER = 'role:admin or (role:member and project_id:%(project_id)s)'

COLLECTION = ('/v3/messages', '/v3/{project_id}/messages')
ELEMENT = ('/v3/messages/{message_id}',
           '/v3/{project_id}/messages/{message_id}')
SUMMARY = ('/v3/messages/summary', '/v3/{project_id}/messages/summary')
READ_MARK = ('/v3/messages/read-mark', '/v3/{project_id}/messages/read-mark')


def list_rules():
    return [
        rule.make(CREATE, _SERVICE,
                  'Record messages, for users of any project.',
                  'POST', *COLLECTION),
        rule.make(GET_ALL, _PROJECT_READER,
                  'List the messages of a project.', 'GET', *COLLECTION),
        rule.make(GET, _PROJECT_READER,
                  'Show a message of a project.', 'GET', *ELEMENT),
        rule.make(GET_SUMMARY, _PROJECT_READER,
                  'Show the numbers of messages of a project.',
                  'GET', *SUMMARY),
        rule.make(GET_READ_MARK, _PROJECT_READER,
                  'Show the position up to which the user has read the '
                  'messages of the project.', 'GET', *READ_MARK),
        rule.make(UPDATE_READ_MARK, _PROJECT_READER,
                  'Change this position. It concerns no other user, so '
                  'readers may.', 'PUT', *READ_MARK),
        rule.make(DELETE, _PROJECT_MEMBER,
                  'Delete a message of a project.', 'DELETE', *ELEMENT),
        rule.make(READ_ALL_PROJECTS, _ADMIN,
                  'List, show and count messages of every project. Needed '
                  'in addition to the rule for the operation itself.',
                  'GET', *COLLECTION, *ELEMENT, *SUMMARY),
        rule.make(DELETE_ALL_PROJECTS, _ADMIN,
                  'Delete messages of every project. Needed in addition to '
                  'the rule for the operation itself.', 'DELETE', *ELEMENT),
    ]
