# SPDX-License-Identifier: Apache-2.0
"""Messages and their source keys.

Revision ID: 0001
Revises:
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None


# Written out rather than imported from the models: those will change, and
# the result of this revision must not.
def _ascii(length):
    return sa.String(length).with_variant(
        sa.String(length, collation='C'), 'postgresql').with_variant(
        mysql.VARCHAR(length, charset='ascii', collation='ascii_bin'),
        'mysql', 'mariadb')


def _time():
    return sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'messages',
        sa.Column('id', _ascii(36), nullable=False),
        sa.Column('prefix', _ascii(32), nullable=False),
        sa.Column('project_id', _ascii(64), nullable=False),
        sa.Column('user_id', _ascii(64), nullable=True),
        sa.Column('request_id', _ascii(64), nullable=True),
        sa.Column('resource_type', _ascii(64), nullable=True),
        sa.Column('resource_uuid', _ascii(255), nullable=True),
        sa.Column('event_id', _ascii(255), nullable=False),
        sa.Column('action_id', _ascii(3), nullable=True),
        sa.Column('detail_id', _ascii(3), nullable=True),
        sa.Column('message_level', _ascii(16), nullable=False),
        sa.Column('created_at', _time(), nullable=False),
        sa.Column('expires_at', _time(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='messages_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('messages_project_id_idx', 'messages',
                    ['project_id', 'id'])
    op.create_index('messages_project_prefix_id_idx', 'messages',
                    ['project_id', 'prefix', 'id'])
    op.create_index('messages_resource_uuid_id_idx', 'messages',
                    ['resource_uuid', 'id'])
    op.create_index('messages_request_id_idx', 'messages', ['request_id'])
    op.create_index('messages_expires_at_idx', 'messages', ['expires_at'])
    op.create_table(
        'source_keys',
        sa.Column('project_id', _ascii(64), nullable=False),
        sa.Column('source_id', _ascii(255), nullable=False),
        sa.Column('message_id', _ascii(36), nullable=False),
        sa.Column('digest', _ascii(64), nullable=False),
        sa.Column('expires_at', _time(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'source_id',
                                name='source_keys_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('source_keys_expires_at_idx', 'source_keys',
                    ['expires_at'])
