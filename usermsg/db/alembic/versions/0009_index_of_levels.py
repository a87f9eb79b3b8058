# SPDX-License-Identifier: Apache-2.0
"""Index of a project's messages by level.

Summaries count the newest messages of each level. Without the index they
would examine all messages of a project to find the last error.

Revision ID: 0009
Revises: 0008
"""

from usermsg.db.alembic import online_index

revision = '0009'
down_revision = '0008'


def upgrade():
    online_index.create('messages_project_level_idx', 'messages',
                        ['project_id', 'message_level', 'id'])
