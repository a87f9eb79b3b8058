# SPDX-License-Identifier: Apache-2.0
"""Whether the service can do its work now, which is whether its database can.

However many ask, and whatever state the database is in, the answer costs
little and comes soon: it is kept for a second, and one thread at most waits
for the database. Only bounded_call.py knows that drivers may wait for ever.
"""

import dataclasses
import time

from oslo_log import log
import sqlalchemy

from usermsg.concurrency import bounded_call
from usermsg.concurrency import cached_call
from usermsg.db import migration
from usermsg import exception

LOG = log.getLogger(__name__)

#: Seconds that an answer is good for.
CACHE_TTL = 1

#: Seconds that the database has.
TIMEOUT = 2


@dataclasses.dataclass(frozen=True)
class DatabaseState:
    """What the database had to say.

    :param failure: None if all is well; ``timeout``, ``connection`` or
        ``error``
    :param latency: seconds from asking for a connection to the answer; None
        if there was none
    :param revision: of the schema; None if it has none, or wasn't seen
    """

    failure: str | None
    latency: float | None = None
    revision: str | None = None


class DatabaseHealth:
    """Asks a database how it is. Safe to share between threads, and to fork.

    :param database: a :class:`usermsg.db.engine.Database`
    """

    def __init__(self, database, ttl=CACHE_TTL, timeout=TIMEOUT):
        self._database = database
        self._cached = cached_call.CachedCall(
            self._ask, _failed, ttl, timeout, name='usermsg-health')

    def state(self):
        """A :class:`DatabaseState`, a second old at most."""
        return self._cached.get()

    def _ask(self):
        failure = 'connection'
        try:
            began = time.monotonic()
            with self._database.reader() as connection:
                failure = 'error'
                connection.scalar(sqlalchemy.select(1))
                latency = time.monotonic() - began
                # Also, because SQLite looks at no file for the above.
                return DatabaseState(
                    None, latency, migration.revision_of(connection))
        except exception.DatabaseUnavailable:  # has been logged
            return DatabaseState(failure)


def _failed(error, _before):
    if isinstance(error, bounded_call.CallTimeout):
        LOG.error('The database does not answer.')
        return DatabaseState('timeout')
    LOG.exception('The database cannot be asked.')
    return DatabaseState('error')
