# SPDX-License-Identifier: Apache-2.0
"""Connection pool and connection settings, for each kind of database."""

import contextlib
import os
import sqlite3
import time

from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import engines
import sqlalchemy as sa
from sqlalchemy import exc as sa_exception
from sqlalchemy import pool

from usermsg.db import hosts
from usermsg import exception

_OPTIONS = ('mysql_sql_mode', 'connection_recycle_time', 'connection_debug',
            'connection_trace', 'sqlite_synchronous')
_POOL_OPTIONS = ('max_pool_size', 'max_overflow', 'pool_timeout')

# Each list query scans an index in the order of its page and ends when the
# page is full. PostgreSQL has no hint for that. By default, where filters are
# correlated (an event has one resource type and one level), it underestimates
# the rows, and then reads and sorts a whole project, or the whole table, for
# one page. Or it scans the table backwards from its newest row, where a
# project has many rows, even if all of them are old. Sorting the few rows
# that it expects seems as cheap to it as finding them in order, and there may
# be many.
_INDEX_SCANS = ('enable_seqscan=off', 'enable_bitmapscan=off',
                'enable_sort=off',
                'max_parallel_workers_per_gather=0',
                'seq_page_cost=0', 'random_page_cost=0',
                # A sort that can't be avoided has such a cost here that
                # PostgreSQL would compile the query each time.
                'jit=off')

#: For PostgreSQL, in milliseconds; unless the operator sets it in "options".
_STATEMENT_TIMEOUT = 'statement_timeout=30000'

#: Statements before which a Galera node applies what other nodes have
#: committed: SELECT (1), so that a message is found as soon as it is recorded,
#: and UPDATE and DELETE (2), so that it can be deleted.
_WSREP_SYNC_WAIT = 3
_UNKNOWN_VARIABLE = 1193

#: Lowest version of MariaDB: it has idle_write_transaction_timeout. DELETE ...
#: RETURNING, which notifications of deletions need, is older. MySQL has
#: neither.
_LOWEST_MARIADB = (10, 3)

#: Seconds for which a process that starts waits for the database, twice.
_PROBE_TIMEOUT = '4'

#: Statement timeout of MariaDB, as a fraction of read_timeout. By default
#: the server continues a statement whose client has timed out.
_STATEMENT_TIMEOUT_FRACTION = 0.9

#: Seconds after which a connection that wasn't used is tested before its next
#: use: a firewall may have dropped it, and the server closed it.
_IDLE = 1

#: Bit of the state of a session that MariaDB sends with results.
_IN_TRANSACTION = 1

#: Key with which oslo.db marks a connection to SQLite in a transaction.
_OSLO_DB_MARK = 'in_transaction'

#: psycopg2.extensions.STATUS_BEGIN.
_BEGUN = 2


def create_engine(url, options, no_statement_timeout=False):
    """Create an engine, without a connection yet.

    Its connections are in autocommit mode until SQLAlchemy begins a
    transaction.

    :param url: of :func:`usermsg.db.url.add_defaults`
    :param options: of ``[database]``
    :param no_statement_timeout: for statements that take longer than a
        request may
    """
    dialect = url.get_backend_name()
    # oslo.db's pool for SQLite doesn't accept the options of a pool.
    names = _OPTIONS + (() if dialect == 'sqlite' else _POOL_OPTIONS)
    engine = engines.create_engine(
        url,
        # oslo.db would retry for minutes before it reports that there is no
        # database; a request or a recording service can't wait that long.
        max_retries=0,
        # oslo.db would end each use of a connection with time.sleep(0), for
        # eventlet.
        thread_checkin=False,
        **{name: options[name] for name in names})
    # Parameters are users' data, and error messages are logged.
    engine.hide_parameters = True
    hosts.lose_unusable(engine)
    if dialect == 'sqlite':
        if isinstance(engine.pool, pool.NullPool):
            _use_queue_pool(engine, options)
        sa.event.listen(engine, 'connect', _set_up_sqlite)
        sa.event.listen(engine, 'begin', _begin_sqlite, insert=True)
        return engine
    if dialect == 'postgresql':
        settings = list(_INDEX_SCANS)
        if not no_statement_timeout and 'statement_timeout' not in str(
                url.query.get('options')):
            settings.append(_STATEMENT_TIMEOUT)
        _set_at_connect(engine, settings)
        _use_autocommit_of_postgresql(engine)
    else:
        _connect_in_turn(engine, url)
        _refuse_mysql(engine)
        _wait_for_other_nodes(engine, options.mysql_wsrep_sync_wait)
        if 'read_timeout' in url.query and (
                'max_statement_time' not in
                str(url.query.get('init_command'))):
            seconds = (_STATEMENT_TIMEOUT_FRACTION *
                       float(url.query['read_timeout']))
            _set_at_connect(engine, [f'SESSION max_statement_time={seconds}'])
        _use_autocommit_of_mariadb(engine)
    # oslo.db has each connection tested before each use, which is a round
    # trip.
    engine.pool._pre_ping = False
    _Tests(engine.dialect).listen(engine)
    return engine


def check_server(url):
    """Check that the server is supported, if it responds within seconds.

    The connection is closed: forked processes would share it.

    :param url: of :func:`usermsg.db.url.add_defaults`
    :raises usermsg.exception.ConfigurationError: it is MySQL, or a MariaDB
        that is too old
    """
    if url.get_backend_name() != 'mysql':
        return
    engine = sa.create_engine(url.update_query_dict(dict.fromkeys(
        ('connect_timeout', 'read_timeout'), _PROBE_TIMEOUT)),
        poolclass=pool.NullPool)
    _connect_in_turn(engine, url)
    # Errors are reported when the database is used. The version is known even
    # if SQLAlchemy, which expects settings of MySQL in it, fails after that.
    with contextlib.suppress(
            sa_exception.SQLAlchemyError, OSError, TypeError, ValueError):
        engine.connect().close()
    if engine.dialect.server_version_info and (
            reason := _unsupported_reason(engine.dialect)):
        raise exception.ConfigurationError(f'{reason}.')


def _connect_in_turn(engine, url):
    # Other drivers of MariaDB connect to one host.
    if url.get_driver_name() == 'pymysql' and 'unix_socket' not in url.query:
        hosts.connect_in_turn(engine, url)


def _unsupported_reason(dialect):
    """Return the reason to refuse a server, or None.

    :param dialect: that of an engine which has been connected
    """
    version = dialect.server_version_info
    if dialect.is_mariadb and version >= _LOWEST_MARIADB:
        return None
    return (f'[database] connection: the server is '
            f'{"MariaDB" if dialect.is_mariadb else "MySQL"} '
            f'{".".join(map(str, version))}, which is not supported; use '
            f'MariaDB {".".join(map(str, _LOWEST_MARIADB))} or later, or '
            f'PostgreSQL')


def _refuse_mysql(engine):
    # Before the settings below, which MySQL would refuse with an error that
    # doesn't name the reason. The dialect is initialized with the first
    # connection, before this.
    @sa.event.listens_for(engine, 'connect')
    def check(_connection, _record):
        if reason := _unsupported_reason(engine.dialect):
            raise db_exception.DBConnectionError(
                exception.ConfigurationError(reason))


def _wait_for_other_nodes(engine, configured):
    mask = _WSREP_SYNC_WAIT if configured is None else configured

    @sa.event.listens_for(engine, 'connect')
    def set_up(connection, _record):
        with connection.cursor() as cursor:
            try:
                cursor.execute(f'SET SESSION wsrep_sync_wait={mask:d}')
            except engine.dialect.loaded_dbapi.OperationalError as error:
                # MariaDB can be built without Galera.
                if error.args[0] != _UNKNOWN_VARIABLE:
                    raise


def _set_at_connect(engine, settings):
    # Not as a connection parameter: a connection pooler in front of the
    # server may reject it.
    @sa.event.listens_for(engine, 'connect')
    def set_up(connection, _record):
        with connection.cursor() as cursor:
            cursor.execute(';'.join(f'SET {setting}' for setting in settings))
        connection.commit()


def _use_autocommit_of_postgresql(engine):
    # The driver begins a transaction with the first statement, unless it is
    # in autocommit mode; changing that isn't a round trip.
    @sa.event.listens_for(engine, 'begin')
    def begin(connection):
        if not _is_autocommit(connection):
            connection.connection.dbapi_connection.autocommit = False

    @sa.event.listens_for(engine, 'connect')
    @sa.event.listens_for(engine, 'checkin')
    def set_autocommit(connection, _record):
        if connection is not None and not connection.closed:
            connection.autocommit = True


def _use_autocommit_of_mariadb(engine):
    # The mode is a setting of the session, and changing it a round trip. So
    # it is changed once, and each transaction begins with a statement.
    @sa.event.listens_for(engine, 'begin')
    def begin(connection):
        if not _is_autocommit(connection):
            connection.exec_driver_sql('BEGIN')

    @sa.event.listens_for(engine, 'connect')
    @sa.event.listens_for(engine, 'checkin')
    def set_autocommit(connection, _record):
        # The driver compares it to the mode that it knows.
        if connection is not None and connection.open:
            connection.autocommit(True)

    # The pool would send ROLLBACK after each use.
    engine.pool._reset_on_return = None

    @sa.event.listens_for(engine, 'reset')
    def end_transaction(connection, _record, _state):
        if has_begun(connection):
            connection.rollback()


def _is_autocommit(connection):
    """Return True if SQLAlchemy is to begin no transactions."""
    return connection.get_execution_options().get(
        'isolation_level') == 'AUTOCOMMIT'


def has_begun(connection):
    """Return True if a transaction has begun, or if that isn't known.

    :param connection: of the driver, which may be lost
    """
    if hasattr(connection, 'server_status'):  # MariaDB
        return bool(connection.server_status & _IN_TRANSACTION)
    return getattr(connection, 'status', _BEGUN) == _BEGUN


def test(connection):
    """Replace the connection of the driver if it is lost.

    :param connection: of SQLAlchemy
    """
    dialect = connection.dialect
    try:
        dialect.do_ping(connection.connection.dbapi_connection)
    except dialect.loaded_dbapi.Error as error:
        connection.invalidate(error)


def may_keep(connection_pool, kept):
    """Return True if a connection may stay outside of the pool while unused.

    No more connections are unused than the pool would keep open, and the pool
    has another one, or can open it, for the next transaction.

    :param kept: number of other connections that are kept so
    """
    if not isinstance(connection_pool, pool.QueuePool):
        return False
    available = connection_pool.checkedin()
    return kept + available < connection_pool.size() and (
        available > 0 or connection_pool._max_overflow < 0 or
        connection_pool.overflow() < connection_pool._max_overflow)


def release(connection, used_at):
    """Return a connection to the pool after a time in which it was not used.

    :param connection: of a pool
    :param used_at: monotonic time of its last use
    """
    connection.info['released_at'] = used_at
    connection.close()


class _Tests:
    """Tests of connections that the server may have closed, before their use.

    Others are not tested: a statement that fails because its connection was
    closed meanwhile is repeated. After one was lost, all that were used
    before are tested, so that the next attempt finds one that works.

    :param dialect: that of the engine
    """

    def __init__(self, dialect):
        self._dialect = dialect
        self._lost_at = 0

    def listen(self, engine):
        sa.event.listen(engine, 'checkin', self._store_time)
        sa.event.listen(engine, 'checkout', self._test)
        sa.event.listen(engine, 'invalidate', self._suspect_others)

    def _store_time(self, _connection, record):
        info = record.info
        info['used_at'] = info.pop('released_at', None) or time.monotonic()

    def _suspect_others(self, _connection, _record, _error):
        self._lost_at = time.monotonic()

    def _test(self, connection, record, _proxy):
        used_at = record.info.get('used_at')
        # A new connection was not used yet.
        if used_at is None or used_at > max(
                self._lost_at, time.monotonic() - _IDLE):
            return
        try:
            self._dialect.do_ping(connection)
        except self._dialect.loaded_dbapi.Error as error:
            raise sa_exception.InvalidatePoolError() from error


def _use_queue_pool(engine, options):
    # oslo.db opens the file for each use, as early versions of SQLAlchemy
    # did; that takes longer than most queries.
    null_pool = engine.pool
    engine.pool = pool.QueuePool(
        null_pool._creator, dialect=engine.dialect,
        _dispatch=null_pool.dispatch, use_lifo=True,
        pool_size=options.max_pool_size, max_overflow=options.max_overflow,
        timeout=options.pool_timeout or 30)

    # A connection to a file that was deleted or replaced still works, and
    # everything that it writes is lost.
    @sa.event.listens_for(engine, 'connect')
    def store_file_id(connection, record):
        # The PRAGMA creates the file if it doesn't exist yet.
        path = connection.execute('PRAGMA database_list').fetchone()[2]
        connection.execute('PRAGMA user_version').close()
        record.info['path'] = path
        record.info['file_id'] = _file_id(path)

    @sa.event.listens_for(engine, 'checkout')
    def check_file_id(_connection, record, _proxy):
        if record.info['file_id'] != _file_id(record.info['path']):
            raise sa_exception.DisconnectionError(
                'The database file was replaced.')


def _file_id(path):
    """Return device and inode of a file; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_up_sqlite(connection, _record):
    # With a write-ahead log readers and the writer don't block each other.
    # With NORMAL nothing can be corrupted; a power failure, though not a
    # crash of this process, may undo the last transactions.
    # The mode is stored in the file, and can't be changed while other
    # processes use it: then one of them, or a later connection, sets it.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = NORMAL')


def _begin_sqlite(connection):
    # Before oslo.db, which has SQLAlchemy execute it: that takes longer than
    # to insert a message. No file is touched yet, so it can't fail.
    if _OSLO_DB_MARK not in connection.info:
        connection.connection.dbapi_connection.execute('BEGIN')
        connection.info[_OSLO_DB_MARK] = True
