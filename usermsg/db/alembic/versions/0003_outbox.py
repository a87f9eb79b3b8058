# SPDX-License-Identifier: Apache-2.0
"""The outbox: notifications that are not delivered yet.

Revision ID: 0003
Revises: 0002
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0003'
down_revision = '0002'


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


def _long_text():
    return sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'outbox',
        sa.Column('id', _ascii(36), nullable=False),
        sa.Column('driver', _ascii(64), nullable=False),
        sa.Column('shard', sa.SmallInteger(), nullable=False),
        sa.Column('set_aside', sa.SmallInteger(), nullable=False),
        sa.Column('event_type', _ascii(64), nullable=False),
        sa.Column('priority', _ascii(16), nullable=False),
        sa.Column('publisher_id', _ascii(255), nullable=False),
        sa.Column('subject', _ascii(255), nullable=False),
        sa.Column('occurred_at', _time(), nullable=False),
        sa.Column('content', _long_text(), nullable=False),
        sa.Column('queued_at', _time(), nullable=False),
        sa.Column('attempts', sa.SmallInteger(), nullable=False),
        sa.Column('due_at', _time(), nullable=True),
        sa.Column('reason', sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint('id', 'driver', name='outbox_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('outbox_relay_idx', 'outbox',
                    ['set_aside', 'driver', 'shard', 'id'])
