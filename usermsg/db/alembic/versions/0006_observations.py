# SPDX-License-Identifier: Apache-2.0
"""Observations of the listener, and states of other services' resources.

Revision ID: 0006
Revises: 0005
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0006'
down_revision = '0005'


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
        'observations',
        sa.Column('ident', _ascii(64), nullable=False),
        sa.Column('shard', sa.SmallInteger(), nullable=False),
        sa.Column('kind', _ascii(16), nullable=False),
        sa.Column('correlation', _ascii(64), nullable=False),
        sa.Column('rule', _ascii(128), nullable=False),
        sa.Column('publisher_id', _ascii(255), nullable=False),
        sa.Column('resource', _ascii(255), nullable=True),
        sa.Column('project_id', _ascii(64), nullable=True),
        sa.Column('observed_at', _time(), nullable=False),
        sa.Column('arrived_at', _time(), nullable=False),
        sa.Column('expires_at', _time(), nullable=False),
        sa.Column('claimed', sa.SmallInteger(), nullable=False),
        sa.Column('content', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('ident', name='observations_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('observations_correlator_idx', 'observations',
                    ['shard', 'kind', 'observed_at'])
    op.create_index('observations_arrived_at_idx', 'observations',
                    ['shard', 'kind', 'arrived_at'])
    op.create_index('observations_expires_at_idx', 'observations',
                    ['expires_at'])
    op.create_table(
        'resource_states',
        sa.Column('correlation', _ascii(64), nullable=False),
        sa.Column('publisher_id', _ascii(255), nullable=False),
        sa.Column('resource', _ascii(255), nullable=False),
        sa.Column('status', _ascii(64), nullable=False),
        sa.Column('since', _time(), nullable=False),
        sa.Column('observed_at', _time(), nullable=False),
        sa.Column('expires_at', _time(), nullable=False),
        sa.PrimaryKeyConstraint('correlation', 'publisher_id', 'resource',
                                name='resource_states_pkey'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4')
    op.create_index('resource_states_expires_at_idx', 'resource_states',
                    ['expires_at'])
