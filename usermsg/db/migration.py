# SPDX-License-Identifier: Apache-2.0
"""The schema's version, and how to bring it up to date."""

import pathlib
import time

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy as sa

from usermsg.db import engine
from usermsg import exception

_SCRIPTS = pathlib.Path(__file__).with_name('alembic')


def _config(connection=None, report=None):
    config = alembic.config.Config()
    config.set_main_option('script_location', str(_SCRIPTS))
    config.attributes.update(connection=connection, report=report)
    return config


def _scripts():
    return alembic.script.ScriptDirectory.from_config(_config())


def head():
    """The revision that this code needs."""
    return _scripts().get_current_head()


def is_known(revision):
    """Whether this code can upgrade from a revision; None is no schema."""
    return revision is None or revision in {
        script.revision for script in _scripts().walk_revisions()}


def version(database: engine.Database):
    """The revision of the database; None if it has no schema yet."""
    with database.reader() as connection:
        return revision_of(connection)


def revision_of(connection):
    return alembic.migration.MigrationContext.configure(
        connection).get_current_revision()


def sync(database: engine.Database, timeout=25, report=None):
    """Upgrade to the newest revision. Safe to repeat, and to run twice.

    It takes as long as it needs once it has begun.

    :param timeout: whole seconds to wait until no other process upgrades,
        and for a table that others use
    :param report: called with a line for each step that takes long on large
        tables, before it begins
    :returns: the revision before and the one after
    :raises usermsg.exception.DatabaseUnavailable: not now; without a cause
        if another process is at it for too long
    """
    with database.without_statement_timeout() as own:
        before = own.write(
            lambda connection: _upgrade(connection, timeout, report),
            # An index of PostgreSQL can't be built in one without stopping
            # all who write.
            transaction=False)
        return before, version(own)


def _upgrade(connection, timeout, report):
    _LOCKS[connection.dialect.name](connection, timeout)
    before = revision_of(connection)
    if connection.dialect.name != 'sqlite':
        # Else alembic would take this transaction for that of all revisions,
        # which it is only where the lock is the transaction's.
        connection.commit()
    alembic.command.upgrade(_config(connection, before and report), 'head')
    connection.commit()
    return before


# Each waits until no other process upgrades the same database.

def _lock_postgresql(connection, timeout):
    # Of the session, as there are several transactions. It ends with the
    # connection.
    lock = sa.select(sa.func.pg_try_advisory_lock(_LOCK))
    end = time.monotonic() + timeout
    while not connection.scalar(lock):
        # An upgrade that builds an index waits for older transactions.
        connection.rollback()
        if time.monotonic() > end:
            raise exception.DatabaseUnavailable()
        time.sleep(0.1)
    for setting in (
            # A large table takes longer than any request may, also if an
            # operator's connections have a limit.
            ('statement_timeout', '0'), ('transaction_timeout', '0'),
            # Who waits for a table makes all others wait who come later.
            ('lock_timeout', f'{timeout}s'),
            # Else the server would go on after this process was killed, with
            # the lock.
            ('client_connection_check_interval', '1s')):
        connection.execute(_SET, dict(zip(('name', 'value'), setting)))


#: Not every release has all settings.
_SET = sa.text('SELECT set_config(name, :value, false) FROM pg_settings '
               'WHERE name = :name')


def _lock_mariadb(connection, timeout):
    # Of the server, not of the database. It ends with the connection: it
    # outlives the transaction, and each change of a table ends that.
    name = sa.func.concat('usermsg.', sa.func.md5(sa.func.database()))
    if not connection.scalar(sa.select(sa.func.get_lock(name, timeout))):
        raise exception.DatabaseUnavailable()
    # A table that others use is waited for again some five times, as after
    # any deadlock, and meanwhile nobody waits behind this one. A large one
    # takes longer than any statement may.
    connection.execute(sa.text(
        f'SET lock_wait_timeout = {max(timeout // 5, 1)}, '
        f'max_statement_time = 0'))


def _lock_sqlite(connection, _patience):
    # The lock of a writer, for the transaction, before anything is read. It
    # is waited for as in any transaction.
    connection.execute(sa.text('PRAGMA user_version = 0'))


_LOCKS = {'sqlite': _lock_sqlite, 'mysql': _lock_mariadb,
          'mariadb': _lock_mariadb, 'postgresql': _lock_postgresql}

#: Any number that nobody else would lock.
_LOCK = 0x757365726d7367
