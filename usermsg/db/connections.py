# SPDX-License-Identifier: Apache-2.0
"""Connections: their pool and settings, for each kind of database."""

import contextlib
import os
import sqlite3

from oslo_db.sqlalchemy import engines
import sqlalchemy as sa
from sqlalchemy import exc as sa_exception
from sqlalchemy import pool

_OPTIONS = ('mysql_sql_mode', 'mysql_wsrep_sync_wait',
            'connection_recycle_time', 'connection_debug', 'connection_trace',
            'sqlite_synchronous')
_POOL_OPTIONS = ('max_pool_size', 'max_overflow', 'pool_timeout')

# Each list query walks an index in the order of its page and ends when the
# page is full. PostgreSQL can't be told so for a query. By itself it expects
# a few rows only where filters say much the same (an event has one type and
# one level), and then reads and sorts a whole project, or the whole table,
# for one page. Or it goes through the table from its newest row, where a
# project has many rows, even if all of them are old. To sort a few rows that
# it expects is as cheap to it as to find them in their order, and there may be
# many.
_INDEX_WALKS = ('enable_seqscan=off', 'enable_bitmapscan=off',
                'enable_sort=off',
                'max_parallel_workers_per_gather=0',
                'seq_page_cost=0', 'random_page_cost=0')

#: Of PostgreSQL, in milliseconds; unless an operator sets it with "options".
_STATEMENT_TIMEOUT = 'statement_timeout=30000'

#: Of MariaDB: the part of read_timeout after which it gives up a statement.
#: By itself it goes on with what no client waits for any more.
_OF_READ_TIMEOUT = 0.9


def create_engine(url, options, no_statement_timeout=False):
    """An engine that has no connection yet.

    :param url: of :func:`usermsg.db.url.completed`
    :param options: of ``[database]``
    :param no_statement_timeout: let the server work on what takes longer than a request
        may
    """
    dialect = url.get_backend_name()
    # For SQLite oslo.db has a pool that doesn't take them.
    names = _OPTIONS + (() if dialect == 'sqlite' else _POOL_OPTIONS)
    engine = engines.create_engine(
        url,
        # It would try for minutes before it says that there is no database;
        # a request or a recording service can't wait that long.
        max_retries=0,
        # It would end each use of a connection with time.sleep(0), for the
        # sake of eventlet.
        thread_checkin=False,
        **{name: options[name] for name in names})
    # Parameters are users' data; an error message ends up in logs.
    engine.hide_parameters = True
    if dialect == 'sqlite':
        if isinstance(engine.pool, pool.NullPool):
            _keep_connections(engine, options)
        sa.event.listen(engine, 'connect', _set_up_sqlite)
    elif dialect == 'postgresql':
        settings = list(_INDEX_WALKS)
        if not no_statement_timeout and 'statement_timeout' not in str(
                url.query.get('options')):
            settings.append(_STATEMENT_TIMEOUT)
        _set_at_connect(engine, settings)
    elif 'read_timeout' in url.query and (
            'max_statement_time' not in str(url.query.get('init_command'))):
        seconds = _OF_READ_TIMEOUT * float(url.query['read_timeout'])
        _set_at_connect(engine, [f'SESSION max_statement_time={seconds}'])
    return engine


def _set_at_connect(engine, settings):
    # Not as a parameter of the connection: a pool of connections in front of
    # the server may refuse it.
    @sa.event.listens_for(engine, 'connect')
    def set_up(connection, _record):
        with connection.cursor() as cursor:
            cursor.execute(';'.join(f'SET {setting}' for setting in settings))
        connection.commit()


def _keep_connections(engine, options):
    # oslo.db opens the file anew each time, as SQLAlchemy did long ago; that
    # takes longer than most of our queries.
    each_time = engine.pool
    engine.pool = pool.QueuePool(
        each_time._creator, dialect=engine.dialect,
        _dispatch=each_time.dispatch, use_lifo=True,
        pool_size=options.max_pool_size, max_overflow=options.max_overflow,
        timeout=options.pool_timeout or 30)

    # A connection to a file that was deleted or replaced still works, and
    # what it writes is lost.
    @sa.event.listens_for(engine, 'connect')
    def remember_file(connection, record):
        # After this there is a file for certain.
        path = connection.execute('PRAGMA database_list').fetchone()[2]
        connection.execute('PRAGMA user_version').close()
        record.info['path'] = path
        record.info['file'] = _file(path)

    @sa.event.listens_for(engine, 'checkout')
    def check_file(_connection, record, _proxy):
        if record.info['file'] != _file(record.info['path']):
            raise sa_exception.DisconnectionError(
                'The file of the database was replaced.')


def _file(path):
    """What tells a file from one that takes its place; None if none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_up_sqlite(connection, _record):
    # With a write-ahead log readers and the writer don't stop each other.
    # NORMAL then risks no corruption; a power cut, though not a crash of
    # this process, may undo the last transactions.
    # The file remembers it. While others use the file it can't be changed:
    # then they, or a later connection, have changed it or will.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = NORMAL')
