# SPDX-License-Identifier: Apache-2.0
"""Positions of periodic imports from the databases of other services.

Revision ID: 0008
Revises: 0007
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0008'
down_revision = '0007'


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
        'import_positions',
        sa.Column('source', _ascii(64), nullable=False),
        sa.Column('read_until', _time(), nullable=False),
        sa.PrimaryKeyConstraint('source', name='import_positions_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
