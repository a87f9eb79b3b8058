# SPDX-License-Identifier: Apache-2.0
"""Health of the service, which is the health of its database.

For any number of clients and in any state of the database, the check is
cheap and fast: its result is cached for one second, and at most one thread
waits for the database. That drivers may block indefinitely is handled in
bounded_call.py alone.
"""

import dataclasses
import time

from oslo_log import log
import sqlalchemy

from usermsg.concurrency import bounded_call
from usermsg.concurrency import cached_call
from usermsg.db import revision
from usermsg import exception

LOG = log.getLogger(__name__)

#: Number of seconds for which a result is cached.
CACHE_TTL = 1

#: Maximum number of seconds to wait for the database.
TIMEOUT = 2


@dataclasses.dataclass(frozen=True)
class DatabaseState:
    """Result of a health check.

    :param failure: None if the database is usable; otherwise ``timeout``,
        ``connection`` or ``error``
    :param latency: seconds from the request for a connection to the response
        of the database; None without a response
    :param revision: revision of the schema; None if the schema has none, or
        without a response
    """

    failure: str | None
    latency: float | None = None
    revision: str | None = None


class DatabaseHealth:
    """Health check of a database. Thread-safe and fork-safe.

    :param database: a :class:`usermsg.db.engine.Database`
    """

    def __init__(self, database, ttl=CACHE_TTL, timeout=TIMEOUT):
        self._database = database
        self._cached = cached_call.CachedCall(
            self._check, _fail, ttl, timeout, name='usermsg-health')

    def state(self):
        """Return a :class:`DatabaseState`, at most ``ttl`` seconds old."""
        return self._cached.get()

    def _check(self):
        failure = 'connection'
        try:
            began = time.monotonic()
            with self._database.reader() as connection:
                failure = 'error'
                connection.scalar(sqlalchemy.select(1))
                latency = time.monotonic() - began
                # The revision is also part of the check, because SQLite
                # does not read the file for the statement above.
                return DatabaseState(
                    None, latency, revision.read(connection))
        except exception.DatabaseUnavailable:  # already logged
            return DatabaseState(failure)


def _fail(error, _previous):
    if isinstance(error, bounded_call.CallTimeout):
        LOG.error('The database did not respond in time.')
        return DatabaseState('timeout')
    LOG.exception('The health of the database could not be checked.')
    return DatabaseState('error')
