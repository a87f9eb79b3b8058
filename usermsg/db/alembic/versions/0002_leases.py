# SPDX-License-Identifier: Apache-2.0
"""Leases: mutual exclusion between processes of all hosts.

Revision ID: 0002
Revises: 0001
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0002'
down_revision = '0001'


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
        'leases',
        sa.Column('name', _ascii(64), nullable=False),
        sa.Column('owner', _ascii(255), nullable=False),
        sa.Column('until', _time(), nullable=False),
        sa.PrimaryKeyConstraint('name', name='leases_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
