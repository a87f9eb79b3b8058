# SPDX-License-Identifier: Apache-2.0
"""Index creation on tables that stay readable and writable meanwhile.

Called in a revision. An interrupted build is safe to repeat.
"""

from alembic import context
from alembic import op
import sqlalchemy as sa


def create(name, table, columns):
    """Create an index, unless an earlier attempt completed it."""
    if report := context.config.attributes['report']:
        report(f'Building the index {name} of {table}.')
    _CREATE[op.get_context().dialect.name](name, table, columns)


def _create_sqlite(name, table, columns):
    op.create_index(name, table, columns)


def _create_mariadb(name, table, columns):
    # With LOCK = NONE the statement fails rather than block other clients.
    op.execute(f'CREATE INDEX IF NOT EXISTS {name} '
               f'ON {table} ({", ".join(columns)}) '
               f'ALGORITHM = INPLACE LOCK = NONE')


def _create_postgresql(name, table, columns):
    with op.get_context().autocommit_block():
        limit = op.get_bind().scalar(sa.text('SHOW lock_timeout'))
        # CREATE INDEX CONCURRENTLY waits for older transactions, and blocks
        # no other statement.
        op.execute('SET lock_timeout = 0')
        # An interrupted attempt leaves an invalid index.
        if op.get_bind().scalar(_INVALID, {'name': name}):
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True,
                        if_not_exists=True)
        op.execute(f"SET lock_timeout = '{limit}'")


_INVALID = sa.text(
    'SELECT true FROM pg_index '
    'WHERE indexrelid = to_regclass(:name) AND NOT indisvalid')

_CREATE = {'sqlite': _create_sqlite, 'mysql': _create_mariadb,
           'mariadb': _create_mariadb, 'postgresql': _create_postgresql}
