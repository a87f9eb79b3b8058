# SPDX-License-Identifier: Apache-2.0
"""The database of another service, from which messages are brought over.

It is only read, in a transaction that can do nothing else, a batch of rows
at a time. On MariaDB and PostgreSQL all batches show the same moment. On
SQLite each shows its own: a longer transaction would keep the service itself
from writing.
"""

import contextlib
import os
import pathlib
import re

from alembic.runtime import migration
import sqlalchemy as sa
from sqlalchemy import exc as sa_exception
from sqlalchemy import pool

from usermsg.db import engine as database
from usermsg.db import url as urls
from usermsg import exception
from usermsg import text

TABLE = 'messages'

#: In the words of MariaDB and PostgreSQL: this account may not read a table.
_DENIED = re.compile(r'\(1142,|InsufficientPrivilege')

#: Of texts of SQLite, and how to keep what isn't of it.
_ENCODING = ('utf-8', 'surrogateescape')

#: Seconds for which an SQLite file may be locked by the service that owns it,
#: unless the address says something else.
_BUSY_TIMEOUT = 30


class SourceDatabase:
    """The table of messages, while its database is open.

    :param kind: a subclass of :class:`usermsg.importer.conversion.Converter`
    :param any_revision: whether it may have one that isn't known
    :ivar revision: of the tables, as the service calls it; None if that
        can't be told
    """

    def __init__(self, connection, kind, any_revision):
        self._connection = connection
        self._kind = kind
        # Without types: what a driver makes of a value is looked at row by
        # row, and one that makes no sense spoils no batch.
        self._table = sa.table(TABLE, *map(sa.column, kind.columns))
        inspector = sa.inspect(connection)
        self.revision = self._revision()
        self._check_columns(inspector)
        if not any_revision:
            self._check_revision()

    def _revision(self):
        try:
            # PostgreSQL ends a transaction that meets an error.
            with self._connection.begin_nested():
                # More than one would be of branches, which no known one is.
                heads = migration.MigrationContext.configure(
                    self._connection).get_current_heads()
        except sa_exception.DBAPIError as error:
            if _DENIED.search(database.driver_message(error)):
                return None
            raise
        # Of any characters.
        return ', '.join(sorted(map(text.printable, heads))) or None

    def _check_revision(self):
        """Whether the table means what its columns say.

        A revision that isn't known may have changed what stands in them.
        """
        if self.revision is None:
            raise exception.SourceDatabaseError(
                f'It does not say its revision: its table "alembic_version" '
                f'is missing or empty, or this account may not read it. If '
                f'it is that of an older release of {self._kind.title}, '
                f'--any-revision goes on without.')
        if self.revision not in self._kind.revisions:
            raise exception.SourceDatabaseError(
                f'Its revision {self.revision} is none of '
                f'{self._kind.title} that this release knows. A newer '
                f'release of usermsg may; --any-revision goes on with this '
                f'one, as the columns of "{TABLE}" are the known ones.')

    def _check_columns(self, inspector):
        """Whether the table has those that are understood, and no others.

        One that isn't known may well say who may read a message.
        """
        if not inspector.has_table(TABLE):
            raise exception.SourceDatabaseError(
                f'It has no table "{TABLE}". Is it the database of '
                f'{self._kind.title}, made by "{self._kind.program} db '
                f'sync"?')
        found = {column['name'] for column in inspector.get_columns(TABLE)}
        missing = sorted(set(self._kind.columns) - found)
        if missing:
            raise exception.SourceDatabaseError(
                f'Its table "{TABLE}" is not that of {self._kind.title}: it '
                f'has no {", ".join(missing)}{self._at_revision()}.')
        unknown = sorted(found.difference(self._kind.columns,
                                          self._kind.others))
        if unknown:
            raise exception.SourceDatabaseError(
                f'Its table "{TABLE}" has columns that this release does '
                f'not know: {", ".join(unknown)}{self._at_revision()}. A '
                f'newer release of usermsg may.')

    def _at_revision(self):
        return f' (revision {self.revision})' if self.revision else ''

    def count(self):
        """How many rows there are."""
        return self._connection.scalar(
            sa.select(sa.func.count()).select_from(self._table))

    def batches(self, size):
        """All rows, in lists of at most ``size``, each once."""
        key = self._table.c.id
        query = sa.select(self._table).order_by(key).limit(size)
        rows = self._connection.execute(query).all()
        while rows:
            yield rows
            rows = self._connection.execute(
                query.where(key > _parameter(rows[-1].id))).all()


@contextlib.contextmanager
def connect(url, kind, any_revision=False):
    """An :class:`SourceDatabase`, for the length of a ``with`` block.

    :param url: of :func:`usermsg.db.url.parse_url`
    :param any_revision: see :class:`SourceDatabase`
    :raises usermsg.exception.SourceDatabaseError: it can't be reached or read,
        also later in the block, or its tables aren't those of the service
    """
    engine = _engine(url)
    try:
        try:
            connection = engine.connect()
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            # A parameter that the driver doesn't take, a file that holds no
            # certificate, or a module that it needs for the way in which the
            # server wants the password.
            raise exception.SourceDatabaseError(
                f'{database.driver_message(error)}.') from None
        with connection, connection.begin():
            yield SourceDatabase(connection, kind, any_revision)
    except sa_exception.DBAPIError as error:
        raise exception.SourceDatabaseError(
            f'{database.driver_message(error)}.') from None


def _engine(url):
    backend = url.get_backend_name()
    options = {}
    if backend == 'sqlite':
        url = _unchanging(url)
    else:
        url = urls.add_defaults(url)
        options['isolation_level'] = 'REPEATABLE READ'
        if backend != 'postgresql':
            options['connect_args'] = {
                'init_command': 'SET SESSION TRANSACTION READ ONLY'}
    engine = sa.create_engine(url, poolclass=pool.NullPool,
                              hide_parameters=True, **options)
    if backend == 'sqlite':
        sa.event.listen(engine, 'connect', _set_up_sqlite)
    elif backend == 'postgresql':
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _unchanging(url):
    """The address of a file, which is opened so that it stays as it is.

    The last connection that is closed moves the write-ahead log into the
    file, and the first one undoes what a journal says; one that may only
    read does neither. But it would leave an empty log behind where none was,
    which might not be the service's to write: there nothing can be moved.
    """
    path = url.database
    if not path or not os.path.isfile(path):  # SQLite would make one
        raise exception.SourceDatabaseError('There is no such file.')
    written = any(os.path.exists(f'{path}{end}') for end in (
        '-wal', '-journal'))
    return url.set(database=pathlib.Path(path).absolute().as_uri()).set(
        query={'timeout': str(_BUSY_TIMEOUT), **url.query, 'uri': 'true',
               'mode': 'ro' if written else 'rw'})


def _set_up_sqlite(connection, _record):
    connection.execute('PRAGMA query_only = ON').close()
    # The type of a column is no promise, nor is its encoding.
    connection.text_factory = lambda data: data.decode(*_ENCODING)


def _parameter(value):
    """A value of a row, to be compared with.

    SQLite takes no text that isn't UTF-8, though it may have given it.
    """
    try:
        if isinstance(value, str):
            value.encode()
        return value
    except UnicodeEncodeError:
        data = value.encode(*_ENCODING)
        return sa.cast(sa.literal(data, sa.LargeBinary), sa.Text)
