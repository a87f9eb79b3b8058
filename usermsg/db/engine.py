# SPDX-License-Identifier: Apache-2.0
"""The database: one engine per process, transactions, and errors."""

import collections
import contextlib
import re
import sqlite3
import sys
import time

from oslo_db import api as db_api
from oslo_db import exception as db_exception
from oslo_log import log
import sqlalchemy as sa
from sqlalchemy import exc as sa_exception

from usermsg.concurrency import per_process
from usermsg.db import connections
from usermsg.db import fork
from usermsg.db import hosts
from usermsg.db import url as urls
from usermsg import exception

LOG = log.getLogger(__name__)

#: Seconds after which a connection that is kept for SELECTs is not used for
#: another one before it was in the pool.
KEPT = 1

# SQLite's error text.
_NO_FILE = 'unable to open database file'
# Errors of SQLite, MariaDB and PostgreSQL; oslo.db recognizes them for some
# statements only. On MariaDB the index of a hint may be missing, too.
_MISSING = re.compile(r'no such table|\(1146,|\(1176,|UndefinedTable')


class Database:
    """Database that connects on first use, and again in a forked process.

    :param conf: with the options of ``[database]``
    :param no_statement_timeout: for statements that take longer than a
        request may
    :raises usermsg.exception.ConfigurationError: the URL is missing or
        malformed, its driver isn't installed, or a file that it names can't
        be read
    """

    def __init__(self, conf, no_statement_timeout=False):
        self._conf = conf
        self._url = urls.add_defaults(
            urls.parse_url(conf.database.connection),
            conf.database.connection_parameters, no_statement_timeout)
        # If two threads create one at once, the one that is discarded has no
        # connection.
        self._engines = per_process.PerProcess(
            lambda: self._create_engine(no_statement_timeout))
        self._kept = per_process.PerProcess(collections.deque)
        self._forks = fork.Gate(self._release_for_fork)
        self._lost_at = 0
        self._is_failing = False
        self._write = db_api.wrap_db_retry(
            max_retries=5, retry_interval=0.05, max_retry_interval=1,
            inc_retry_interval=True, jitter=True, retry_on_deadlock=True,
            exception_checker=_may_be_repeated)(self._write_on_usable_host)

    def _create_engine(self, no_statement_timeout):
        engine = connections.create_engine(
            self._url, self._conf.database, no_statement_timeout)

        @sa.event.listens_for(engine, 'invalidate')
        def store_time(_connection, _record, _error):
            self._lost_at = time.monotonic()

        return engine

    @contextlib.contextmanager
    def without_statement_timeout(self):
        """Yield the same database without a statement timeout.

        It has connections of its own, on which MariaDB may take as long as it
        needs. They are closed at the end of the block, which also releases
        what MariaDB holds for a connection.
        """
        database = Database(self._conf, no_statement_timeout=True)
        try:
            yield database
        finally:
            database.dispose()

    @property
    def dialect(self):
        """``sqlite``, ``mysql`` (MariaDB too) or ``postgresql``."""
        return self._url.get_backend_name()

    def engine(self):
        return self._engines.get()

    def check_server(self):
        """Check that the server is supported, if it responds within seconds.

        :raises usermsg.exception.ConfigurationError: it is not supported
        """
        connections.check_server(self._url)

    @contextlib.contextmanager
    def reader(self):
        """Yield a connection of SQLAlchemy for SELECTs.

        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        with self._report_errors(), self._connection() as connection:
            # The block can't be repeated, as select() is.
            connections.test(connection)
            yield connection

    def select(self, query, values):
        """Return all rows of one SELECT, in one round trip.

        Neither a transaction nor a connection object of SQLAlchemy is made,
        which take longer than the SELECT. If the connection is lost it is
        repeated once, with another one.

        :param query: a :class:`usermsg.db.statement.Select`
        :param values: of its parameters, a dict
        :returns: see :meth:`usermsg.db.statement.Select.rows`
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        with self._report_errors(), self._forks:
            try:
                return self._select(query, values)
            except _StaleConnection:
                return self._select(query, values)

    def _select(self, query, values):
        engine = self.engine()
        dialect, pool = engine.dialect, engine.pool
        kept = self._kept.get()
        connection, since = self._take(engine, kept)
        used_at = None
        try:
            rows = query.rows(connection, dialect, values)
            used_at = time.monotonic()
            return rows
        except dialect.loaded_dbapi.Error as error:
            stale = dialect.is_disconnect(
                error, connection.dbapi_connection, None)
            if stale:
                # Connections that were opened before are not used any more,
                # as after an error of a transaction. A new pool would leave
                # those of other threads open in this one.
                pool._invalidate(connection, error)
            else:
                connection.invalidate(error)
            raise (_StaleConnection if stale else db_exception.DBError)(
                error) from error
        finally:
            if (used_at is not None and pool is engine.pool and
                    connections.may_keep(pool, len(kept))):
                kept.append((connection, since, used_at))
            else:
                connection.close()

    def _take(self, engine, kept):
        """Return a connection for a SELECT, and when it left the pool.

        To take it out of the pool and to put it back takes longer than most
        SELECTs. So it is kept for further ones, until :data:`KEPT` seconds
        have passed, because the pool renews old connections, or until another
        connection was lost, as it may be lost, too. A transaction returns one
        to the pool first, from which it takes its own.
        """
        now = time.monotonic()
        while kept:
            try:
                connection, since, used_at = kept.pop()
            except IndexError:
                break  # another thread took it
            if max(self._lost_at, now - KEPT) < since:
                return connection, since
            connections.release(connection, used_at)
        return self._connect(engine.raw_connection), now

    @contextlib.contextmanager
    def _connection(self):
        with self._forks:
            _release(self._kept.get(), 1)
            with self._connect(self.engine().connect) as connection:
                yield connection

    def _connect(self, connect):
        """Return the result of a method of the engine."""
        try:
            return connect()
        except (OSError, TypeError, ValueError) as error:
            # The URL has a parameter that the driver doesn't support, or
            # names a file that contains no certificate.
            raise db_exception.DBConnectionError(error) from error
        except (db_exception.DBError, sa_exception.DBAPIError) as error:
            raise self._add_path(error) from error
        except self.engine().dialect.loaded_dbapi.Error as error:
            raise self._add_path(
                db_exception.DBConnectionError(error)) from error

    def _add_path(self, error):
        """Add the path to SQLite's error for a file that it can't open."""
        message = driver_message(error)
        if self.dialect != 'sqlite' or not message.endswith(_NO_FILE):
            return error
        return db_exception.DBConnectionError(sqlite3.OperationalError(
            f'{_NO_FILE} {self._url.database} ([database] connection)'))

    def write(self, work, transaction=True):
        """Run ``work(connection)`` in one transaction; return its result.

        It is repeated after a deadlock or a lock timeout, if the connection
        was lost before, and on another host if the first one refused a
        statement, so it must have no effects but writes to the database. It
        must write before it reads: SQLite rejects a transaction that has read
        first if another process has written meanwhile.

        :param transaction: False for work that begins and commits its own
            transactions, all of it idempotent
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        with self._report_errors():
            return self._write(work, transaction)

    def _write_on_usable_host(self, work, transaction):
        try:
            return self._write_once(work, transaction)
        except db_exception.DBConnectionError as error:
            if not hosts.is_refusal(_driver_error(error)):
                raise
        # Nothing was committed, and the connections to that host are closed.
        return self._write_once(work, transaction)

    def _write_once(self, work, transaction):
        with self._connection() as connection:
            with _detect_stale(connection):
                begun = connection.begin() if transaction else (
                    contextlib.nullcontext())
            with begun, _detect_stale(connection):
                return work(connection)

    def _release_for_fork(self):
        # A child would inherit SQLite's record of file locks, which belong to
        # its parent alone. When that record is closed, SQLite takes itself
        # for the last user and removes the write-ahead log, to which the
        # child then goes on committing transactions that no other process
        # will ever see.
        if self.dialect == 'sqlite':
            self.dispose()

    @contextlib.contextmanager
    def _report_errors(self):
        """Log that the database fails, and that it works again."""
        try:
            yield
        except (db_exception.DBDuplicateEntry, db_exception.DBDataError,
                db_exception.DBConstraintError,
                db_exception.DBReferenceError):
            raise  # errors of the data, not of the database
        except (db_exception.DBError, db_exception.CantStartEngineError,
                sa_exception.TimeoutError, sa_exception.DBAPIError) as error:
            self._is_failing = True
            message = driver_message(error)
            LOG.error('The database cannot be used: %s.%s', message,
                      ' Run "usermsg-manage db sync".'
                      if _MISSING.search(message) else '')
            raise exception.DatabaseUnavailable() from error
        if self._is_failing:
            self._is_failing = False
            LOG.warning('The database can be used again.')

    def dispose(self):
        """Close the connections that are not in use."""
        engine = self._engines.peek()
        if engine is not None:
            _release(self._kept.get())
            engine.dispose()


def _release(kept, number=sys.maxsize):
    """Return connections that were kept for SELECTs to the pool."""
    while kept and number:
        with contextlib.suppress(IndexError):  # another thread took it
            connection, _since, used_at = kept.pop()
            connections.release(connection, used_at)
        number -= 1


def driver_message(error):
    """Return the driver's error message, in one line.

    Not that of oslo.db or SQLAlchemy, which contains the statement.
    """
    error = _driver_error(error)
    return f'{type(error).__name__}: {" ".join(str(error).split())}'


def _driver_error(error):
    """Return the driver's error in one of oslo.db or SQLAlchemy."""
    error = getattr(error, 'inner_exception', None) or error
    return getattr(error, 'orig', None) or error


class _StaleConnection(db_exception.DBConnectionError):
    """Connection that was lost before its first statement."""


@contextlib.contextmanager
def _detect_stale(connection):
    driver_connection = connection.connection.dbapi_connection
    try:
        yield
    except db_exception.DBConnectionError as error:
        if connections.has_begun(driver_connection):
            raise
        raise _StaleConnection(error.inner_exception) from error


def _may_be_repeated(error):
    """Return True for further errors after which a transaction is repeated.

    These are a stale connection, unless it was refused, and that SQLite timed
    out waiting for another writer.
    """
    if isinstance(error, _StaleConnection):
        return not hosts.is_refusal(_driver_error(error))
    # An error that oslo.db doesn't translate is SQLAlchemy's.
    return (
        isinstance(error, (db_exception.DBError,
                           sa_exception.OperationalError)) and
        'database is locked' in str(error))
