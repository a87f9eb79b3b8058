# SPDX-License-Identifier: Apache-2.0
"""Statements that are compiled once and executed often.

Building a SELECT, looking up its compiled text and converting each row to
SQLAlchemy's row class takes longer than SQLite takes to execute it. Here the
text is compiled once for each dialect, and the rows are the driver's tuples,
in which times are datetimes in UTC without a zone.
On MariaDB, PostgreSQL and SQLite that gives a quarter more pages of 10
messages a second, and a tenth or more of single messages; on PostgreSQL a
sixth more batches of 100 messages are stored.
"""

import datetime
import itertools

import sqlalchemy as sa


class Select:
    """SELECT with named parameters.

    :param element: a SQLAlchemy statement; each value that varies is a
        ``bindparam``, and is a string or a number. Its columns of times are
        not NULL.
    """

    def __init__(self, element):
        self._element = element
        self._times = [
            number for number, column in enumerate(element.selected_columns)
            if isinstance(column.type, sa.DateTime)]
        self._prepared = {}

    def rows(self, connection, dialect, values):
        """Return all rows for a dict of values: tuples of the driver.

        :param connection: of the driver
        :param dialect: SQLAlchemy's, of that driver
        """
        cursor = connection.cursor()
        try:
            cursor.execute(*self.prepare(dialect, values))
            rows = cursor.fetchall()
        finally:
            cursor.close()
        if rows and self._times and dialect.name == 'sqlite':
            return self._with_times(rows)
        return rows

    def _with_times(self, rows):
        # SQLite has no type for times. By columns, because a new tuple for
        # each row takes longer.
        columns = list(zip(*rows))
        for number in self._times:
            columns[number] = map(
                datetime.datetime.fromisoformat, columns[number])
        return list(zip(*columns))

    def prepare(self, dialect, values):
        """Return the text and the parameters for the driver."""
        try:
            text, names, constants = self._prepared[
                dialect.name, dialect.paramstyle]
        except KeyError:
            compiled = self._element.compile(dialect=dialect)
            # The constants of the statement, and the order of the parameters;
            # None if the driver takes them by name.
            text, names, constants = self._prepared[
                dialect.name, dialect.paramstyle] = (
                str(compiled), compiled.positiontup, compiled.params)
        values = {**constants, **values}
        if names is None:
            return text, values
        return text, tuple([values[name] for name in names])


class Insert:
    """INSERT of any number of whole rows, in one statement.

    :param table: a SQLAlchemy table
    """

    def __init__(self, table):
        # Only names from the models, none from users.
        self._head = (f'INSERT INTO {table.name} '  # nosec B608
                      f'({", ".join(table.c.keys())}) VALUES ')
        self._width = len(table.c)

    def execute(self, connection, rows):
        """Insert tuples of the values of all columns, in their order."""
        dialect = connection.dialect
        mark = '?' if dialect.paramstyle == 'qmark' else '%s'
        values = itertools.chain.from_iterable(rows)
        if dialect.name == 'sqlite':
            values = map(_to_sqlite, values)
        row = f'({", ".join([mark] * self._width)})'
        connection.exec_driver_sql(
            self._head + ', '.join([row] * len(rows)), tuple(values))


def _to_sqlite(value):
    # SQLite has no type for times; this is the format of SQLAlchemy.
    if isinstance(value, datetime.datetime):
        return value.isoformat(' ', 'microseconds')
    return value
