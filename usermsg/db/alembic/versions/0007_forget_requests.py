# SPDX-License-Identifier: Apache-2.0
"""Requests to remove all that refers to a deleted project or user.

Revision ID: 0007
Revises: 0006
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0007'
down_revision = '0006'


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
        'forget_requests',
        sa.Column('kind', _ascii(16), nullable=False),
        sa.Column('id', _ascii(64), nullable=False),
        sa.Column('requested_at', _time(), nullable=False),
        sa.Column('carried_out_at', _time(), nullable=True),
        sa.PrimaryKeyConstraint('kind', 'id', name='forget_requests_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
