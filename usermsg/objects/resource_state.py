# SPDX-License-Identifier: Apache-2.0
"""Every query on the last observed states of other services' resources."""

import collections
import datetime

import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import models
from usermsg.db import statement
from usermsg.listener import correlation

_TABLE = models.resource_states
_INSERT = statement.Insert(_TABLE)

#: Time for which a state is kept on which later decisions depend.
LIFETIME = datetime.timedelta(days=30)

#: Time for which other states are kept, against observations that arrive
#: late.
SHORT_LIFETIME = datetime.timedelta(days=1)


def read(db, keys):
    """Return the states of resources that have one.

    :param keys: :class:`usermsg.listener.correlation.StateKey` objects
    :returns: a dict from key to
        :class:`usermsg.listener.correlation.State`
    """
    states = {}
    with db.reader() as connection:
        for conditions in _conditions(keys):
            for row in connection.execute(sa.select(_TABLE).where(
                    *conditions)):
                states[correlation.StateKey(
                    row.correlation, row.publisher_id, row.resource)] = (
                    correlation.State(row.status, clock.aware(row.since),
                                      clock.aware(row.observed_at)))
    return states


def replace(connection, states, now, is_lasting):
    """Store the states of resources instead of the previous ones.

    Only the holder of a shard's lease writes the states of its resources.

    :param states: a dict as :func:`read` returns
    :param now: current time, an aware datetime
    :param is_lasting: function of a key and a state: True if later decisions
        depend on the state
    """
    for conditions in _conditions(states):
        connection.execute(_TABLE.delete().where(*conditions))
    if states:
        _INSERT.execute(connection, [models.ResourceStateRow(
            correlation=key.correlation,
            publisher_id=key.publisher_id,
            resource=key.resource,
            status=state.status,
            since=clock.naive(state.since),
            observed_at=clock.naive(state.observed_at),
            expires_at=clock.naive(now) + (
                LIFETIME if is_lasting(key, state) else SHORT_LIFETIME))
            for key, state in sorted(states.items(),
                                     key=lambda item: item[0])])


def _conditions(keys):
    """Yield the conditions of statements, a list for each.

    For tuples of columns SQLite would scan the whole table.
    """
    resources = collections.defaultdict(list)
    for key in sorted(keys):
        resources[key.correlation, key.publisher_id].append(key.resource)
    for (name, publisher_id), names in resources.items():
        yield [_TABLE.c.correlation == name,
               _TABLE.c.publisher_id == publisher_id,
               _TABLE.c.resource.in_(names)]
