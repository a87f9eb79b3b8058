# SPDX-License-Identifier: Apache-2.0
"""Statements that are made once and asked often.

To build a SELECT, to look its text up and to turn each row into SQLAlchemy's
own takes longer than SQLite takes to answer. Here the text is made once for
each dialect, and the rows are the driver's. On MariaDB, PostgreSQL and SQLite
that is a quarter more pages of 10 messages a second, and a tenth or more of
single messages; on PostgreSQL a sixth more batches of 100 are stored.
"""

import datetime
import itertools

from usermsg.db import clock


class Select:
    """A SELECT of SQLAlchemy's with named parameters.

    :param element: what SQLAlchemy can compile; each value that changes is a
        ``bindparam``, and is text or a number
    """

    def __init__(self, element):
        self._element = element
        self._prepared = {}

    def rows(self, connection, values):
        """All rows for a dict of values: tuples as the driver gives them.

        :param connection: of :meth:`usermsg.db.engine.Database.reader`
        """
        # With a cursor of the driver's: nothing begins a transaction, which
        # for one SELECT takes longer than the SELECT.
        cursor = connection.connection.cursor()
        try:
            cursor.execute(*self.prepare(connection.dialect, values))
            return cursor.fetchall()
        finally:
            cursor.close()

    def prepare(self, dialect, values):
        """The text and the parameters that the driver gets."""
        try:
            text, names, fixed = self._prepared[
                dialect.name, dialect.paramstyle]
        except KeyError:
            compiled = self._element.compile(dialect=dialect)
            # The values that the statement itself holds, and in which order
            # the driver wants all of them; by name if in none.
            text, names, fixed = self._prepared[
                dialect.name, dialect.paramstyle] = (
                str(compiled), compiled.positiontup, compiled.params)
        values = {**fixed, **values}
        if names is None:
            return text, values
        return text, tuple([values[name] for name in names])


class Insert:
    """An INSERT of any number of whole rows, in one statement.

    :param table: of SQLAlchemy
    """

    def __init__(self, table):
        # Names of ours alone.
        self._head = (f'INSERT INTO {table.name} '  # nosec B608
                      f'({", ".join(table.c.keys())}) VALUES ')
        self._width = len(table.c)

    def execute(self, connection, rows):
        """Insert tuples of the values of all columns, in their order."""
        dialect = connection.dialect
        mark = '?' if dialect.paramstyle == 'qmark' else '%s'
        values = itertools.chain.from_iterable(rows)
        if dialect.name == 'sqlite':
            values = map(_text_of, values)
        row = f'({", ".join([mark] * self._width)})'
        connection.exec_driver_sql(
            self._head + ', '.join([row] * len(rows)), tuple(values))


def time_of(value):
    """A time of a row, which is UTC without a zone or text, with its zone."""
    if isinstance(value, str):
        return datetime.datetime.fromisoformat(value + '+00:00')
    return clock.aware(value)


def _text_of(value):
    # SQLite has no type for times; SQLAlchemy writes them like this.
    if isinstance(value, datetime.datetime):
        return value.isoformat(' ', 'microseconds')
    return value
