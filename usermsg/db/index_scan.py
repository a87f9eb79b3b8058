# SPDX-License-Identifier: Apache-2.0
"""Range scans in steps, so that no statement reads a whole table."""

import collections
import dataclasses

import sqlalchemy as sa

#: Index entries that one statement reads at most.
STEP = 10_000


def force_index(query, table, index):
    """Make MariaDB scan an index in the order of the query.

    Without the hint it finds the project's rows and then sorts all of them.
    """
    for dialect in ('mysql', 'mariadb'):
        query = query.with_hint(table, f'FORCE INDEX ({index})', dialect)
    return query


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a table, and the index that finds them.

    :param column: of the table; rows are in its order
    :param index: name of an index on the columns of ``conditions``, followed
        by ``column``
    :param conditions: on columns of the index
    :param filters: further conditions, on columns that the index may lack
    """

    column: sa.Column
    index: str
    conditions: tuple = ()
    filters: tuple = ()

    @property
    def table(self):
        return self.column.table

    def select(self, *columns):
        """Return the SELECT of all rows of the index range, unfiltered."""
        return force_index(sa.select(*columns).select_from(self.table),
                           self.table, self.index).where(*self.conditions)

    def steps(self, db):
        """Split the rows into ranges of the column.

        :returns: an iterator of lists of conditions
        """
        low = []
        while True:
            with db.reader() as connection:
                high = connection.scalar(
                    self.select(self.column).where(*low)
                    .order_by(self.column).limit(1).offset(STEP - 1))
            if high is None:
                yield low
                return
            yield [*low, self.column <= high]
            low = [self.column > high]

    def count_by(self, db, *columns):
        """Count the rows by the values of columns.

        :returns: an iterator of counters of tuples, one for each step; their
            sum is the result
        """
        for step in self.steps(db):
            with db.reader() as connection:
                yield collections.Counter({
                    tuple(values): number for *values, number in
                    connection.execute(
                        self.select(*columns, sa.func.count())
                        .where(*step, *self.filters).group_by(*columns))})

    def count(self, db):
        """Yield the number of rows of each step."""
        for counter in self.count_by(db):
            yield counter.total()
