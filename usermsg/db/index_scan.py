# SPDX-License-Identifier: Apache-2.0
"""Steps along an index, so that no statement goes through a whole table."""

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


def steps(db, column, index, conditions=()):
    """Cut the rows that meet the conditions into ranges of a column.

    :param index: its name; begins with the columns of the conditions, and
        then has the column
    :returns: an iterator of lists of conditions, each with one range
    """
    low = []
    while True:
        with db.reader() as connection:
            high = connection.scalar(force_index(
                sa.select(column), column.table, index)
                .where(*conditions, *low)
                .order_by(column).limit(1).offset(STEP - 1))
        if high is None:
            yield [*conditions, *low]
            return
        yield [*conditions, *low, column <= high]
        low = [column > high]


def counts(db, column, index, conditions=(), only=()):
    """How many rows meet the conditions, in numbers that add up to it.

    :param only: further conditions, which the index need not hold
    """
    for each in steps(db, column, index, conditions):
        with db.reader() as connection:
            yield connection.scalar(force_index(
                sa.select(sa.func.count()).select_from(column.table),
                column.table, index).where(*each, *only))
