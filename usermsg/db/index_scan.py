# SPDX-License-Identifier: Apache-2.0
"""Steps along an index, so that no statement goes through a whole table."""

import collections
import dataclasses

import sqlalchemy as sa

#: Entries of an index that one statement looks at.
STEP = 10_000


def force_index(query, table, index):
    """MariaDB walks an index in the order of a query only if it is told to.

    Otherwise it looks up the project and then sorts all that it owns.
    """
    for dialect in ('mysql', 'mariadb'):
        query = query.with_hint(table, f'FORCE INDEX ({index})', dialect)
    return query


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a table, and the index by which they are found.

    :param column: of the table; rows go in its order
    :param index: its name; begins with the columns of ``conditions``, and
        then has ``column``
    :param conditions: on columns of the index
    :param only: further conditions, which the index need not hold
    """

    column: sa.Column
    index: str
    conditions: tuple = ()
    only: tuple = ()

    @property
    def table(self):
        return self.column.table

    def select(self, *columns):
        """The SELECT of all that the index leads to."""
        return force_index(sa.select(*columns).select_from(self.table),
                           self.table, self.index).where(*self.conditions)

    def steps(self, db):
        """Cut the rows into ranges of the column.

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
        """Count the rows by values of columns.

        :returns: an iterator of counters of tuples, to be added up
        """
        for step in self.steps(db):
            with db.reader() as connection:
                yield collections.Counter({
                    tuple(values): number for *values, number in
                    connection.execute(
                        self.select(*columns, sa.func.count())
                        .where(*step, *self.only).group_by(*columns))})

    def count(self, db):
        """Count the rows, in numbers to be added up."""
        for counter in self.count_by(db):
            yield counter.total()
