# SPDX-License-Identifier: Apache-2.0
"""The database: one engine a process, transactions, and what can fail."""

import contextlib
import os
import re
import sqlite3

from oslo_db import api as db_api
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
from oslo_log import log
import sqlalchemy
from sqlalchemy import exc as sa_exception
from sqlalchemy import pool

from usermsg.db import fork
from usermsg.db import url as urls
from usermsg import exception

LOG = log.getLogger(__name__)

# Each list query walks an index in the order of its page and ends when the
# page is full. PostgreSQL can't be told so for a query. By itself it expects
# a few rows only where filters say much the same (an event has one type and
# one level), and then reads and sorts a whole project, or the whole table,
# for one page. Or it goes through the table from its newest row, where a
# project has many rows, even if all of them are old.
_INDEX_WALKS = ('enable_seqscan=off', 'enable_bitmapscan=off',
                'max_parallel_workers_per_gather=0',
                'seq_page_cost=0', 'random_page_cost=0')

#: Milliseconds; unless an operator sets it with "options".
_STATEMENT_TIMEOUT = 'statement_timeout=30000'


# In the words of SQLite.
_NO_FILE = 'unable to open database file'
# In those of SQLite, MariaDB and PostgreSQL; oslo.db knows it only of some
# statements.
_MISSING_TABLE = re.compile(r'no such table|\(1146,|UndefinedTable')


class Database:
    """Lazy: connects on first use, and again in a process that was forked.

    :param conf: where ``[database]`` is read
    :raises usermsg.exception.ConfigurationError: the address is missing or
        can't be understood, its driver isn't installed, or a file that it
        names can't be read
    """

    def __init__(self, conf):
        self._conf = conf
        self._options = dict(conf.database)
        self._url = urls.usable_url(self._options['connection'])
        # It would end each use of a connection with time.sleep(0), for the
        # sake of eventlet.
        self._options['thread_checkin'] = False
        # oslo.db would try for minutes before it says that there is no
        # database; a request or a recording service can't wait that long.
        self._options['max_retries'] = 0
        configured = self._options['connection_parameters']
        urls.check_files(urls.split_parameters(configured),
                         '[database] connection_parameters')
        self._options['connection_parameters'] = urls.parameters(
            self._url, configured)
        # oslo.db hands it to a pool that doesn't take it.
        self._pool_timeout = self._options.pop('pool_timeout', None) if (
            self.dialect == 'sqlite') else None
        self._engine = None
        self._pid = None
        self._inherited = []
        self._forks = fork.Gate(self._let_go)
        self._write = db_api.wrap_db_retry(
            max_retries=5, retry_interval=0.05, max_retry_interval=1,
            inc_retry_interval=True, jitter=True, retry_on_deadlock=True,
            exception_checker=_is_locked)(self._write_once)

    @contextlib.contextmanager
    def patient(self):
        """The same database, for the length of a ``with`` block.

        It has connections of its own, on which MariaDB may take as long for
        an answer as it needs. They are closed at the end, and with them ends
        what MariaDB keeps for a connection.
        """
        other = Database(self._conf)
        other._wait_for_answers()
        try:
            yield other
        finally:
            other.dispose()

    def _wait_for_answers(self):
        # Nobody answers but who was asked, so there is nothing to read
        # before a statement ends.
        url = self._url.difference_update_query(['read_timeout'])
        self._options.update(
            connection=url.render_as_string(hide_password=False),
            connection_parameters='&'.join(
                part for part in
                self._options['connection_parameters'].split('&')
                if part.partition('=')[0] != 'read_timeout'))

    @property
    def dialect(self):
        """``sqlite``, ``mysql`` (MariaDB too) or ``postgresql``."""
        return self._url.get_backend_name()

    def engine(self):
        if self._engine is None or self._pid != os.getpid():
            if self._engine is not None:
                # Forked. The connections belong to the parent: using or even
                # closing them here would end them there, so they are kept.
                self._inherited.append(self._engine)
            # Two threads may come here at once. An engine that loses has no
            # connection yet; a lock could be held by a thread that the fork
            # left behind.
            engine = self._create_engine()
            self._engine, self._pid = engine, os.getpid()
            return engine
        return self._engine

    def _create_engine(self):
        facade = enginefacade.transaction_context()
        facade.configure(**self._options)
        facade.append_on_engine_create(self._set_up_engine)
        return facade.writer.get_engine()

    def _set_up_engine(self, engine):
        # Parameters are users' data; an error message ends up in logs.
        engine.hide_parameters = True
        if engine.dialect.name == 'sqlite':
            if isinstance(engine.pool, pool.NullPool):
                self._keep_connections(engine)
            sqlalchemy.event.listen(engine, 'connect', _set_up_sqlite)
        elif engine.dialect.name == 'postgresql':
            settings = list(_INDEX_WALKS)
            if 'statement_timeout' not in str(
                    engine.url.query.get('options')):
                settings.append(_STATEMENT_TIMEOUT)
            sqlalchemy.event.listen(
                engine, 'connect',
                lambda connection, _record: _set_up_postgresql(connection,
                                                               settings))

    def _keep_connections(self, engine):
        # oslo.db opens the file anew each time, as SQLAlchemy did long ago;
        # that takes longer than most of our queries.
        each_time = engine.pool
        engine.pool = pool.QueuePool(
            each_time._creator, dialect=engine.dialect,
            _dispatch=each_time.dispatch, use_lifo=True,
            pool_size=self._options['max_pool_size'],
            max_overflow=self._options['max_overflow'],
            timeout=self._pool_timeout or 30)

        # A connection to a file that was deleted or replaced still works,
        # and what it writes is lost.
        @sqlalchemy.event.listens_for(engine, 'connect')
        def remember_file(connection, record):
            # After this there is a file for certain.
            path = connection.execute('PRAGMA database_list').fetchone()[2]
            connection.execute('PRAGMA user_version').close()
            record.info['path'] = path
            record.info['file'] = _file(path)

        @sqlalchemy.event.listens_for(engine, 'checkout')
        def check_file(_connection, record, _proxy):
            if record.info['file'] != _file(record.info['path']):
                raise sa_exception.DisconnectionError(
                    'The file of the database was replaced.')

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
        words = driver_words(error)
        if self.dialect != 'sqlite' or not words.endswith(_NO_FILE):
            return error
        return db_exception.DBConnectionError(sqlite3.OperationalError(
            f'{_NO_FILE} {self._url.database} ([database] connection)'))

    def write(self, work):
        """Run ``work(connection)`` in one transaction; return its result.

        It runs again when the database asks for that (a deadlock, a lock),
        so it must do nothing but write to the database. It must write before
        it reads: SQLite refuses a transaction that read first and then finds
        that somebody else has written.

        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        with _translated():
            return self._write(work)

    def _write_once(self, work):
        with self._connection() as connection, connection.begin():
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
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()


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
        words = driver_words(error)
        LOG.error('The database cannot be used: %s.%s', words,
                  ' Run "usermsg-manage db sync".'
                  if _MISSING_TABLE.search(words) else '')
        raise exception.DatabaseUnavailable() from error


def driver_words(error):
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


def _set_up_postgresql(connection, settings):
    # Not as a parameter of the connection: a pool of connections in front of
    # the server may refuse it.
    with connection.cursor() as cursor:
        cursor.execute(';'.join(f'SET {setting}' for setting in settings))
    connection.commit()
