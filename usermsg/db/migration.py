# SPDX-License-Identifier: Apache-2.0
"""Schema revisions, and upgrades of the schema."""

import pathlib
import time

import alembic.command
import alembic.config
import alembic.script
import sqlalchemy as sa

from usermsg.db import engine
from usermsg.db import revision
from usermsg import exception

_SCRIPTS = pathlib.Path(__file__).with_name('alembic')


def _config(connection=None, report=None):
    config = alembic.config.Config()
    config.set_main_option('script_location', str(_SCRIPTS))
    config.attributes.update(connection=connection, report=report)
    return config


def _scripts():
    return alembic.script.ScriptDirectory.from_config(_config())


def is_known(before):
    """Return True if this code can upgrade from a revision.

    :param before: None is a database without a schema
    """
    return before is None or before in {
        script.revision for script in _scripts().walk_revisions()}


def version(database: engine.Database):
    """Return the revision of the database; None without a schema."""
    with database.reader() as connection:
        return revision.read(connection)


def sync(database: engine.Database, timeout=25, report=None):
    """Upgrade to the newest revision. Idempotent, and safe to run in parallel.

    Once it has begun, an upgrade has no time limit.

    :param timeout: whole seconds to wait for another process that upgrades,
        and for a table that other transactions use
    :param report: called with a line before each step that takes long on
        large tables
    :returns: the revision before and the one after
    :raises usermsg.exception.DatabaseUnavailable: the database is
        unavailable; without a cause if another process upgrades for longer
        than the timeout
    """
    with database.without_statement_timeout() as unlimited:
        before = unlimited.write(
            lambda connection: _upgrade(connection, timeout, report),
            # Within a transaction PostgreSQL can't build an index without
            # blocking all writers.
            transaction=False)
        return before, version(unlimited)


def _upgrade(connection, timeout, report):
    _LOCKS[connection.dialect.name](connection, timeout)
    before = revision.read(connection)
    if connection.dialect.name != 'sqlite':
        # Otherwise alembic would run all revisions in this transaction, which
        # is right only for SQLite, where the transaction holds the lock.
        connection.commit()
    alembic.command.upgrade(_config(connection, before and report), 'head')
    connection.commit()
    return before


# Each of these waits until no other process upgrades the same database.

def _lock_postgresql(connection, timeout):
    # A session-level lock, as there are several transactions. It is released
    # with the connection.
    lock = sa.select(sa.func.pg_try_advisory_lock(_LOCK))
    end = time.monotonic() + timeout
    while not connection.scalar(lock):
        # An upgrade that builds an index waits for older transactions, such
        # as this one.
        connection.rollback()
        if time.monotonic() > end:
            raise exception.DatabaseUnavailable()
        time.sleep(0.1)
    for setting in (
            # A large table takes longer than any request may, even where the
            # operator has configured a limit.
            ('statement_timeout', '0'), ('transaction_timeout', '0'),
            # A statement that waits for a table blocks all later ones.
            ('lock_timeout', f'{timeout}s'),
            # Otherwise the server would continue, and hold the lock, after
            # this process was killed.
            ('client_connection_check_interval', '1s')):
        connection.execute(_SET, dict(zip(('name', 'value'), setting)))


#: Not every release of PostgreSQL has all of these settings.
_SET = sa.text('SELECT set_config(name, :value, false) FROM pg_settings '
               'WHERE name = :name')


def _lock_mariadb(connection, timeout):
    # A lock of the server, not of the database. It is released with the
    # connection, not with the transaction, which each DDL statement commits.
    name = sa.func.concat('usermsg.', sa.func.md5(sa.func.database()))
    if not connection.scalar(sa.select(sa.func.get_lock(name, timeout))):
        raise exception.DatabaseUnavailable()
    # The wait for a table that others use is repeated some five times, as
    # after any deadlock, and in between no statement waits behind this one. A
    # large table takes longer than any statement may.
    connection.execute(sa.text(
        f'SET lock_wait_timeout = {max(timeout // 5, 1)}, '
        f'max_statement_time = 0'))


def _lock_sqlite(connection, _timeout):
    # The write lock, for the transaction, before anything is read. The wait
    # for it is that of any transaction.
    connection.execute(sa.text('PRAGMA user_version = 0'))


_LOCKS = {'sqlite': _lock_sqlite, 'mysql': _lock_mariadb,
          'mariadb': _lock_mariadb, 'postgresql': _lock_postgresql}

#: Key of the advisory lock: an arbitrary number, unlikely to be used by
#: other programs.
_LOCK = 0x757365726d7367
