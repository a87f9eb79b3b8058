# SPDX-License-Identifier: Apache-2.0
"""Indexes of a project's messages by resource and by request.

Without them a project's list scanned the messages of all projects for a
resource or a request. The older indexes stay, for lists of all projects.

Revision ID: 0004
Revises: 0003
"""

from usermsg.db.alembic import online_index

revision = '0004'
down_revision = '0003'


def upgrade():
    online_index.create('messages_project_resource_idx', 'messages',
                        ['project_id', 'resource_uuid', 'id'])
    online_index.create('messages_project_request_idx', 'messages',
                        ['project_id', 'request_id', 'id'])
