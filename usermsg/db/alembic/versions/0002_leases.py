# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Leases: what only one process may do at a time.

Revision ID: 0002
Revises: 0001
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0002'
down_revision = '0001'


# Written out rather than taken from the models: those go on changing, and
# what this revision makes doesn't.
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
