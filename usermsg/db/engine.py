# SPDX-License-Identifier: Apache-2.0
"""The database: one engine a process, transactions, and errors."""

import contextlib
import re
import sqlite3

from oslo_db import api as db_api
from oslo_db import exception as db_exception
from oslo_log import log
from sqlalchemy import exc as sa_exception

from usermsg.concurrency import per_process
from usermsg.db import connections
from usermsg.db import fork
from usermsg.db import url as urls
from usermsg import exception

LOG = log.getLogger(__name__)

# In the words of SQLite.
_NO_FILE = 'unable to open database file'
# In those of SQLite, MariaDB and PostgreSQL; oslo.db knows it only of some
# statements. MariaDB is told which index to use, and may lack that too.
_MISSING = re.compile(r'no such table|\(1146,|\(1176,|UndefinedTable')


class Database:
    """Lazy: connects on first use, and again in a process that was forked.

    :param conf: where ``[database]`` is read
    :param no_statement_timeout: let statements take longer than a request may
    :raises usermsg.exception.ConfigurationError: the address is missing or
        can't be understood, its driver isn't installed, or a file that it
        names can't be read
    """

    def __init__(self, conf, no_statement_timeout=False):
        self._conf = conf
        self._url = urls.completed(
            urls.parse_url(conf.database.connection),
            conf.database.connection_parameters, no_statement_timeout)
        # Of two that are made at once the one that loses has no connection.
        self._engines = per_process.PerProcess(
            lambda: connections.create_engine(
                self._url, conf.database, no_statement_timeout))
        self._forks = fork.Gate(self._let_go)
        self._write = db_api.wrap_db_retry(
            max_retries=5, retry_interval=0.05, max_retry_interval=1,
            inc_retry_interval=True, jitter=True, retry_on_deadlock=True,
            exception_checker=_is_locked)(self._write_once)

    @contextlib.contextmanager
    def without_statement_timeout(self):
        """The same database, for the length of a ``with`` block.

        It has connections of its own, on which MariaDB may take as long for
        an answer as it needs. They are closed at the end, and with them ends
        what MariaDB keeps for a connection.
        """
        other = Database(self._conf, no_statement_timeout=True)
        try:
            yield other
        finally:
            other.dispose()

    @property
    def dialect(self):
        """``sqlite``, ``mysql`` (MariaDB too) or ``postgresql``."""
        return self._url.get_backend_name()

    def engine(self):
        return self._engines.get()

    @contextlib.contextmanager
    def reader(self):
        """A connection to read from, for the length of a ``with`` block.

        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        with _translated(), self._connection() as connection:
            try:
                yield connection
            except connection.dialect.loaded_dbapi.Error as error:
                # Of a cursor of the driver's own, so nobody has looked
                # whether the connection can be used again.
                connection.invalidate(error)
                raise db_exception.DBError(error) from error

    @contextlib.contextmanager
    def _connection(self):
        with self._forks.inside():
            try:
                connection = self.engine().connect()
            except (OSError, TypeError, ValueError) as error:
                # A parameter in the address that the driver doesn't take, or
                # a file named there that holds no certificate.
                raise db_exception.DBConnectionError(error) from error
            except (db_exception.DBError, sa_exception.DBAPIError) as error:
                raise self._with_path(error) from error
            with connection:
                yield connection

    def _with_path(self, error):
        """The same error; SQLite doesn't say which file it can't open."""
        words = driver_message(error)
        if self.dialect != 'sqlite' or not words.endswith(_NO_FILE):
            return error
        return db_exception.DBConnectionError(sqlite3.OperationalError(
            f'{_NO_FILE} {self._url.database} ([database] connection)'))

    def write(self, work, transaction=True):
        """Run ``work(connection)`` in one transaction; return its result.

        It runs again when the database asks for that (a deadlock, a lock),
        so it must do nothing but write to the database. It must write before
        it reads: SQLite refuses a transaction that read first and then finds
        that somebody else has written.

        :param transaction: False for work that begins and commits its own
            transactions, all of it safe to repeat
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        with _translated():
            return self._write(work, transaction)

    def _write_once(self, work, transaction):
        with self._connection() as connection, (
                connection.begin() if transaction else
                contextlib.nullcontext()):
            return work(connection)

    def _let_go(self):
        # A child would inherit SQLite's belief to hold locks on the file,
        # which are its parent's alone. When that ends, it takes itself for
        # the last user and removes the write-ahead log, into which the child
        # then goes on committing what nobody else will ever see.
        if self.dialect == 'sqlite':
            self.dispose()

    def dispose(self):
        """Close the connections that nobody uses."""
        engine = self._engines.made()
        if engine is not None:
            engine.dispose()


@contextlib.contextmanager
def _translated():
    try:
        yield
    except (db_exception.DBDuplicateEntry, db_exception.DBDataError,
            db_exception.DBConstraintError,
            db_exception.DBReferenceError):
        raise  # says something about the data, not about the database
    except (db_exception.DBError, db_exception.CantStartEngineError,
            sa_exception.TimeoutError, sa_exception.DBAPIError) as error:
        words = driver_message(error)
        LOG.error('The database cannot be used: %s.%s', words,
                  ' Run "usermsg-manage db sync".'
                  if _MISSING.search(words) else '')
        raise exception.DatabaseUnavailable() from error


def driver_message(error):
    """What the driver said, in one line.

    Not what oslo.db and SQLAlchemy say, which holds the statement.
    """
    error = getattr(error, 'inner_exception', None) or error
    error = getattr(error, 'orig', None) or error
    return f'{type(error).__name__}: {" ".join(str(error).split())}'


def _is_locked(error):
    """Whether SQLite gave up waiting for another writer."""
    # What oslo.db doesn't know it leaves to SQLAlchemy.
    return (isinstance(error, (db_exception.DBError,
                               sa_exception.OperationalError)) and
            'database is locked' in str(error))
