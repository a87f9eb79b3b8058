# SPDX-License-Identifier: Apache-2.0
"""Read marks: positions up to which users have read a project's messages.

Revision ID: 0010
Revises: 0009
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0010'
down_revision = '0009'


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
        'read_marks',
        sa.Column('project_id', _ascii(64), nullable=False),
        sa.Column('user_id', _ascii(64), nullable=False),
        sa.Column('message_id', _ascii(36), nullable=False),
        sa.Column('expires_at', _time(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'user_id',
                                name='read_marks_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('read_marks_user_id_idx', 'read_marks',
                    ['user_id', 'project_id'])
    op.create_index('read_marks_expires_at_idx', 'read_marks',
                    ['expires_at'])
