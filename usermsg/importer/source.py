# SPDX-License-Identifier: Apache-2.0
"""Source database of an import: the database of another service.

The database is only read, one batch of rows at a time, in a read-only
transaction. On MariaDB and PostgreSQL all batches see the same snapshot. On
SQLite each batch has its own: a longer transaction would keep the service
itself from writing.
"""

import contextlib
import os
import pathlib
import re

from alembic.runtime import migration
import sqlalchemy as sa
from sqlalchemy import exc as sa_exception
from sqlalchemy import pool

from usermsg.db import clock
from usermsg.db import engine as database
from usermsg.db import url as urls
from usermsg import exception
from usermsg import text

TABLE = 'messages'

#: Errors of MariaDB and PostgreSQL: this account may not read a table.
_DENIED = re.compile(r'\(1142,|InsufficientPrivilege')

#: Encoding of texts in SQLite, and the error handler that preserves other
#: bytes.
_ENCODING = ('utf-8', 'surrogateescape')

#: Seconds that a statement may take.
_TIMEOUT = 30

#: Seconds to wait while the service that owns an SQLite file has locked it,
#: unless the URL sets another timeout.
_BUSY_TIMEOUT = 30


class SourceDatabase:
    """Table of messages in an open source database.

    :param converter_class: a subclass of
        :class:`usermsg.importer.conversion.Converter`
    :param any_revision: accept an unsupported or missing revision
    :ivar revision: revision of the tables, as the service names it; None if
        it is unknown
    """

    def __init__(self, connection, converter_class, any_revision):
        self._connection = connection
        self._converter_class = converter_class
        # The columns have no types: each row's values are validated as the
        # driver returns them, so that an invalid one doesn't fail its batch.
        self._table = sa.table(
            TABLE, *map(sa.column, converter_class.columns))
        inspector = sa.inspect(connection)
        self.revision = self._read_revision()
        self._check_columns(inspector)
        if not any_revision:
            self._check_revision()

    def _read_revision(self):
        try:
            # PostgreSQL aborts a transaction on an error.
            with self._connection.begin_nested():
                # Several heads would mean branches, and no supported revision
                # has any.
                heads = migration.MigrationContext.configure(
                    self._connection).get_current_heads()
        except sa_exception.DBAPIError as error:
            if _DENIED.search(database.driver_message(error)):
                return None
            raise
        # A revision may contain any characters.
        return ', '.join(sorted(map(text.printable, heads))) or None

    def _check_revision(self):
        """Check that the revision is supported.

        An unsupported one may have changed the meaning of the columns.
        """
        if self.revision is None:
            raise exception.SourceDatabaseError(
                f'Its revision is unknown: its table "alembic_version" is '
                f'missing or empty, or this account may not read it. If the '
                f'database belongs to an older release of '
                f'{self._converter_class.title}, use --any-revision, or '
                f'any_revision in the configuration of the worker.')
        if self.revision not in self._converter_class.revisions:
            raise exception.SourceDatabaseError(
                f'Its revision {self.revision} is not a revision of '
                f'{self._converter_class.title} that this release supports. '
                f'A newer release of usermsg may support it. As the table '
                f'"{TABLE}" has the supported columns, --any-revision, or '
                f'any_revision in the configuration of the worker, imports '
                f'it nevertheless.')

    def _check_columns(self, inspector):
        """Check that the table has the supported columns, and no others.

        An unknown column may restrict the users who may read a message.
        """
        if not inspector.has_table(TABLE):
            raise exception.SourceDatabaseError(
                f'It has no table "{TABLE}". Is it the database of '
                f'{self._converter_class.title}, created by '
                f'"{self._converter_class.program} db sync"?')
        columns = {column['name'] for column in inspector.get_columns(TABLE)}
        missing = sorted(set(self._converter_class.columns) - columns)
        if missing:
            raise exception.SourceDatabaseError(
                f'Its table "{TABLE}" is not the table of '
                f'{self._converter_class.title}: it has no '
                f'{", ".join(missing)}{self._revision_suffix()}.')
        unknown = sorted(columns.difference(
            self._converter_class.columns,
            self._converter_class.ignored_columns))
        if unknown:
            raise exception.SourceDatabaseError(
                f'Its table "{TABLE}" has columns that this release does '
                f'not support: {", ".join(unknown)}'
                f'{self._revision_suffix()}. A newer release of usermsg may '
                f'support them.')

    def _revision_suffix(self):
        return f' (revision {self.revision})' if self.revision else ''

    def count(self):
        """Return the number of rows."""
        return self._connection.scalar(
            sa.select(sa.func.count()).select_from(self._table))

    def batches(self, size, since=None):
        """Yield rows, each once, in lists of at most ``size``.

        :param since: an aware datetime; only rows that were created or
            deleted then or later, None for all. No index of the services has
            these times, but all batches together read each row once, in the
            order of the primary key.
        """
        key = self._table.c.id
        query = sa.select(self._table).order_by(key).limit(size)
        if since is not None:
            time = sa.literal(clock.naive(since), sa.DateTime)
            query = query.where(sa.or_(*(
                sa.column(name) >= time
                for name in ('created_at', 'deleted_at'))))
        rows = self._connection.execute(query).all()
        while rows:
            yield rows
            rows = self._connection.execute(
                query.where(key > _build_parameter(rows[-1].id))).all()


@contextlib.contextmanager
def connect(url, converter_class, any_revision=False):
    """Open a :class:`SourceDatabase` for the length of a ``with`` block.

    :param url: the result of :func:`usermsg.db.url.parse_url`
    :param any_revision: see :class:`SourceDatabase`
    :raises usermsg.exception.SourceDatabaseError: the database can't be
        reached or read, also later in the block, or its tables aren't those
        of the service
    """
    engine = _create_engine(url)
    try:
        try:
            connection = engine.connect()
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            # The driver doesn't accept a parameter, a file contains no
            # certificate, or the driver lacks a module for the server's
            # password authentication.
            raise exception.SourceDatabaseError(
                f'{database.driver_message(error)}.') from None
        with connection, connection.begin():
            if url.get_backend_name() == 'postgresql':
                # MariaDB's driver has a timeout for reading a response.
                connection.execute(sa.text(
                    f"SET LOCAL statement_timeout = '{_TIMEOUT}s'"))
            yield SourceDatabase(connection, converter_class, any_revision)
    except sa_exception.DBAPIError as error:
        raise exception.SourceDatabaseError(
            f'{database.driver_message(error)}.') from None


def _create_engine(url):
    backend = url.get_backend_name()
    options = {}
    if backend == 'sqlite':
        url = _unmodified_file(url)
    else:
        # A standby is enough to read from.
        url = urls.add_defaults(
            url, 'target_session_attrs=any' if backend == 'postgresql' else '')
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


def _unmodified_file(url):
    """Return a URL that opens an SQLite file without changing it.

    The last connection that is closed moves the write-ahead log into the
    file, and the first one rolls back what a journal contains; a read-only
    connection does neither. But where there is no log, a read-only connection
    would leave an empty one behind, to which the service might have no write
    access. There the file is opened for writing, as nothing can be moved.
    """
    path = url.database
    if not path or not os.path.isfile(path):  # SQLite would create it
        raise exception.SourceDatabaseError('There is no such file.')
    has_log = any(os.path.exists(f'{path}{suffix}') for suffix in (
        '-wal', '-journal'))
    return url.set(database=pathlib.Path(path).absolute().as_uri()).set(
        query={'timeout': str(_BUSY_TIMEOUT), **url.query, 'uri': 'true',
               'mode': 'ro' if has_log else 'rw'})


def _set_up_sqlite(connection, _record):
    connection.execute('PRAGMA query_only = ON').close()
    # SQLite enforces neither the type nor the encoding of a column.
    connection.text_factory = lambda data: data.decode(*_ENCODING)


def _build_parameter(value):
    """Return a row's value as a parameter of a comparison.

    SQLite returns text that isn't UTF-8, but doesn't accept it.
    """
    try:
        if isinstance(value, str):
            value.encode()
        return value
    except UnicodeEncodeError:
        data = value.encode(*_ENCODING)
        return sa.cast(sa.literal(data, sa.LargeBinary), sa.Text)
