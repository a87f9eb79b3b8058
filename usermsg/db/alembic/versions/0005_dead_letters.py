# SPDX-License-Identifier: Apache-2.0
"""Dead letters of the listener.

Revision ID: 0005
Revises: 0004
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0005'
down_revision = '0004'


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
        'dead_letters',
        sa.Column('id', _ascii(36), nullable=False),
        sa.Column('digest', _ascii(64), nullable=False),
        sa.Column('transport', _ascii(64), nullable=False),
        sa.Column('publisher_id', _ascii(255), nullable=True),
        sa.Column('event_type', _ascii(255), nullable=True),
        sa.Column('reason', _ascii(255), nullable=False),
        sa.Column('body', _long_text(), nullable=False),
        sa.Column('received_at', _time(), nullable=False),
        sa.Column('expires_at', _time(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='dead_letters_pkey'),
        sa.UniqueConstraint('digest', name='dead_letters_digest_key'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('dead_letters_expires_at_idx', 'dead_letters',
                    ['expires_at'])
