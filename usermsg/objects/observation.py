# SPDX-License-Identifier: Apache-2.0
"""Every query on the observations of the listener.

A row contains ids, constants of the catalogue and statuses that a correlation
lists: no other text of a notification is stored.
"""

import collections
import dataclasses
import datetime
import threading
import time
import zlib

import orjson
from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.catalogue import catalogue
from usermsg.db import clock as db_clock
from usermsg.db import index_scan
from usermsg.db import models
from usermsg.db import statement
from usermsg import exception
from usermsg.listener import correlation
from usermsg.listener import decisions
from usermsg.listener import failure_key
from usermsg import validation

_TABLE = models.observations
_INSERT = statement.Insert(_TABLE)

#: Number of shards. Observations that can meet are in one shard.
SHARDS = 32

#: Maximum number of rows of a shard, and of the table. Processes that store
#: at the same time can exceed them by what they store in LIMIT_TTL seconds.
SHARD_LIMIT, LIMIT = 100_000, 1_000_000

#: Seconds for which the numbers of rows are cached: counting them reads an
#: index of the whole table.
LIMIT_TTL = 5

#: Time after which an observation without a decision is removed.
LIFETIME = datetime.timedelta(days=1)

#: Maximum number of rows that one statement inserts or reads.
BATCH = 500

#: Attempts to store a batch while other processes store the same
#: observations.
_ATTEMPTS = 5

#: Indexes that begin with shard and kind.
_BY_OBSERVED_AT = 'observations_correlator_idx'
_BY_ARRIVED_AT = 'observations_arrived_at_idx'

_SHARDS = sa.union_all(*(
    sa.select(sa.literal_column(str(number), sa.SmallInteger()).label('shard'))
    for number in range(SHARDS))).subquery('shards')


class _StoredAlready(Exception):
    """An observation of a transaction is stored already."""


class Writer:
    """Writer of observations, bounded in number. Thread-safe.

    :param get_correlations: function that returns the
        :class:`usermsg.listener.correlation.Correlations` in force
    :param metrics: a :class:`usermsg.metrics.registry.Metrics`
    :param clock: function that returns the time in seconds, for the cache of
        the numbers of rows
    """

    def __init__(self, get_correlations, metrics, clock=time.monotonic,
                 shard_limit=SHARD_LIMIT, limit=LIMIT):
        self._get_correlations = get_correlations
        self._metrics = metrics
        self._clock = clock
        self._shard_limit = shard_limit
        self._limit = limit
        self._lock = threading.Lock()
        self._numbers = collections.Counter()
        self._counted_at = None

    def store(self, db, observations):
        """Store observations, those that are stored already excepted.

        Invalid observations and those over the limits are dropped and
        counted.

        :param observations: :class:`usermsg.listener.decisions.Observation`
            objects
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable; a part may have been stored
        """
        rows = self._to_rows(observations)
        for first in range(0, len(rows), BATCH):
            self._store_batch(db, rows[first:first + BATCH])

    def store_together(self, db, observations, record):
        """Store observations in the transaction of another function.

        One transaction takes half the time of two.

        :param record: function of work, which it calls with a connection
            first in its transaction
        :returns: False if one of the observations is stored already; then
            nothing was stored
        :raises usermsg.exception.DatabaseUnavailable: see :meth:`store`;
            nothing was stored
        """
        rows, kept = self._to_rows(observations), []
        self._update_numbers(db)

        def work(connection):
            try:
                kept[:] = self._insert(connection, db.dialect, rows)
            except db_exception.DBDuplicateEntry as error:
                # Distinguishes them from duplicates of the other function.
                raise _StoredAlready() from error

        try:
            record(work)
        except _StoredAlready:
            return False
        self._count(rows, kept)
        return True

    def _to_rows(self, observations):
        correlations = self._get_correlations()
        rows = {}
        for observation in observations:
            try:
                row = _to_row(observation, correlations)
            except exception.InvalidInput:
                self._drop(1, 'invalid')
            else:
                rows.setdefault(row.ident, row)
        # Always in the same order, so that two batches can't deadlock.
        return sorted(rows.values())

    def _store_batch(self, db, rows):
        self._update_numbers(db)
        new = rows
        for attempt in range(_ATTEMPTS):
            try:
                kept = db.write(lambda connection: self._insert(
                    connection, db.dialect, new)) if new else []
            except db_exception.DBDuplicateEntry:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                self._count(new, kept)
                return
            # Only now, because few are delivered again. In a transaction of
            # its own: it sees what other processes have stored meanwhile.
            with db.reader() as connection:
                stored = set(connection.scalars(
                    sa.select(_TABLE.c.ident).where(
                        _TABLE.c.ident.in_([row.ident for row in rows]))))
            new = [row for row in rows if row.ident not in stored]

    def _insert(self, connection, dialect, rows):
        """Insert those rows that are within the limits; return them."""
        kept = self._within_limits(rows)
        if kept:
            now = connection.scalar(sa.select(db_clock.now(dialect)))
            _INSERT.execute(connection, [
                row._replace(arrived_at=now, expires_at=now + LIFETIME)
                for row in kept])
        return kept

    def _update_numbers(self, db):
        with self._lock:
            if (self._counted_at is None or
                    self._clock() - self._counted_at >= LIMIT_TTL):
                self._numbers = count_by_shard(db)
                self._counted_at = self._clock()

    def _within_limits(self, rows):
        with self._lock:
            numbers = self._numbers.copy()
        kept, total = [], numbers.total()
        for row in rows:
            if (numbers[row.shard] < self._shard_limit and
                    total < self._limit):
                kept.append(row)
                numbers[row.shard] += 1
                total += 1
        return kept

    def _count(self, rows, kept):
        with self._lock:
            self._numbers.update(row.shard for row in kept)
        self._drop(len(rows) - len(kept), 'full')

    def _drop(self, number, reason):
        if number:
            self._metrics.observations_dropped.inc(number, (reason,))


def shard_of(scope):
    """Return the number of the shard of a scope, a string."""
    return zlib.crc32(scope.encode()) % SHARDS


def _to_row(observation, correlations):
    """Return the row of an observation, without arrived_at and expires_at.

    :raises usermsg.exception.InvalidInput: it can't be stored, or its
        correlation doesn't exist
    """
    if observation.correlation not in correlations.names:
        raise exception.InvalidInput('correlation', 'does not exist.')
    _check(observation)
    status, failure = observation.status, observation.failure
    if status is not None:
        status = correlations[observation.correlation].listed_status(status)
    return models.ObservationRow(
        ident=observation.ident,
        shard=shard_of(correlations.scope(observation)),
        kind=observation.kind,
        correlation=observation.correlation,
        rule=observation.rule,
        publisher_id=observation.publisher_id,
        resource=observation.resource_uuid,
        project_id=failure and failure.project_id,
        observed_at=db_clock.naive(observation.observed_at),
        arrived_at=None,
        expires_at=None,
        claimed=0,
        content=orjson.dumps({
            'status': status, 'cause': observation.cause,
            'failure': failure}).decode())


def _check(observation):
    """:raises usermsg.exception.InvalidInput: names the attribute"""
    validation.identifier('ident', observation.ident, 64)
    validation.identifier('rule', observation.rule, 128)
    validation.identifier('publisher_id', observation.publisher_id, 255)
    validation.optional_identifier(
        'resource_uuid', observation.resource_uuid, validation.RESOURCE_UUID)
    validation.optional_identifier('cause', observation.cause, 64)
    failure = observation.failure
    if observation.kind == correlation.STATE:
        validation.identifier('resource_uuid', observation.resource_uuid,
                              validation.RESOURCE_UUID)
    if failure is None and observation.kind not in (
            correlation.STATE, correlation.CAUSE):
        raise exception.InvalidInput('failure', 'is required.')
    if failure is not None:
        for name, value, length in (
                ('project_id', failure.project_id, validation.PROJECT_ID),
                ('key', failure.key, 200)):
            validation.identifier(name, value, length)
        for name, value, length in (
                ('user_id', failure.user_id, validation.USER_ID),
                ('request_id', failure.request_id, validation.REQUEST_ID),
                ('resource_uuid', failure.resource_uuid,
                 validation.RESOURCE_UUID)):
            validation.optional_identifier(name, value, length)


def _load_failure(values):
    return decisions.Failure(**{
        **values, 'event': catalogue.ResolvedEvent(**values['event']),
        'occurred_at': datetime.datetime.fromisoformat(
            values['occurred_at'])})


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """Observation of a row.

    :param arrived_at: by the clock of the database, an aware datetime
    """

    observation: decisions.Observation
    arrived_at: datetime.datetime
    is_claimed: bool

    @classmethod
    def from_row(cls, row):
        content = orjson.loads(row.content)
        return cls(
            decisions.Observation(
                rule=row.rule, correlation=row.correlation, kind=row.kind,
                ident=row.ident, publisher_id=row.publisher_id,
                observed_at=db_clock.aware(row.observed_at),
                resource_uuid=row.resource, status=content['status'],
                cause=content['cause'],
                failure=content['failure'] and _load_failure(
                    content['failure'])),
            db_clock.aware(row.arrived_at), bool(row.claimed))


def count_by_shard(db):
    """Return a counter of the rows of each shard."""
    with db.reader() as connection:
        return collections.Counter(dict(connection.execute(
            sa.select(_TABLE.c.shard, sa.func.count())
            .group_by(_TABLE.c.shard)).all()))


def due_shards(db, due_before, removed_before, names):
    """Return the numbers of the shards that the correlator must read.

    :param due_before: arrival of observations that are due, an aware datetime
    :param removed_before: the same of causes that can be removed
    :param names: of the correlations
    """
    due_before, removed_before = map(
        db_clock.naive, (due_before, removed_before))
    with db.reader() as connection:
        return sorted(connection.scalars(
            sa.select(_SHARDS.c.shard).where(sa.or_(
                _first_arrival(correlation.STATE, names) <= due_before,
                _first_arrival(correlation.FAILURE, names) <= due_before,
                _first_arrival(correlation.CAUSE, names) <= removed_before))))


def _first_arrival(kind, names):
    """Return a subquery: it reads one row of each shard, not the table."""
    return index_scan.force_index(
        sa.select(_TABLE.c.arrived_at), _TABLE, _BY_ARRIVED_AT).where(
        _TABLE.c.shard == _SHARDS.c.shard, _TABLE.c.kind == kind,
        _TABLE.c.correlation.in_(names)).order_by(
        _TABLE.c.arrived_at).limit(1).scalar_subquery()


def undecided(db, shard, names, limit):
    """Return the oldest states and failures of a shard, by observed_at.

    :param names: of the correlations
    :returns: a list of :class:`Stored`
    """
    # For each kind in the order of the index. For both, a backlog would be
    # read and sorted again for each page.
    return sorted(
        (stored for kind in (correlation.STATE, correlation.FAILURE)
         for stored in _read(db, shard, kind, names, limit=limit)),
        key=lambda stored: (stored.observation.observed_at,
                            stored.observation.ident))[:limit]


def causes(db, shard, names, since, until):
    """Return the causes of a shard in a range of observed_at, inclusive."""
    stored, after = [], _TABLE.c.observed_at >= db_clock.naive(since)
    while True:
        page = _read(
            db, shard, correlation.CAUSE, names,
            _TABLE.c.observed_at <= db_clock.naive(until), after, limit=BATCH)
        stored += page
        if len(page) < BATCH:
            return stored
        last = page[-1].observation
        time = db_clock.naive(last.observed_at)
        # The first condition is that of the index.
        after = sa.and_(
            _TABLE.c.observed_at >= time,
            sa.or_(_TABLE.c.observed_at > time,
                   _TABLE.c.ident > last.ident))


def waiting(db, failures):
    """Return the observations that wait for failures.

    :param failures: :class:`usermsg.listener.decisions.Observation` objects
        of that kind
    :returns: a list of :class:`Stored`
    """
    idents = sorted({
        failure_key.waiting_ident(kind, item.correlation, item.failure.key)
        for item in failures for kind in correlation.WAITING})
    stored = []
    for first in range(0, len(idents), BATCH):
        with db.reader() as connection:
            stored += [
                Stored.from_row(models.ObservationRow._make(row))
                for row in connection.execute(sa.select(_TABLE).where(
                    _TABLE.c.ident.in_(idents[first:first + BATCH])))]
    return stored


def removable_causes(db, shard, arrived_before, observed_before):
    """Return the idents of causes that no later decision can use.

    :param arrived_before: an aware datetime
    :param observed_before: an aware datetime; None for no limit
    :returns: a list of at most BATCH idents
    """
    conditions = [_TABLE.c.arrived_at <= db_clock.naive(arrived_before)]
    if observed_before is not None:
        conditions.append(
            _TABLE.c.observed_at < db_clock.naive(observed_before))
    with db.reader() as connection:
        return connection.scalars(
            index_scan.force_index(
                sa.select(_TABLE.c.ident), _TABLE, _BY_ARRIVED_AT).where(
                _TABLE.c.shard == shard, _TABLE.c.kind == correlation.CAUSE,
                *conditions)
            .order_by(_TABLE.c.arrived_at).limit(BATCH)).all()


def _read(db, shard, kind, names, *conditions, limit):
    with db.reader() as connection:
        return [Stored.from_row(models.ObservationRow._make(row))
                for row in connection.execute(
                    index_scan.force_index(
                        sa.select(_TABLE), _TABLE, _BY_OBSERVED_AT).where(
                        _TABLE.c.shard == shard, _TABLE.c.kind == kind,
                        _TABLE.c.correlation.in_(names), *conditions)
                    .order_by(_TABLE.c.observed_at, _TABLE.c.ident)
                    .limit(limit))]


def claim(connection, idents):
    """Mark causes as claimed by a failure."""
    _execute(connection, _TABLE.update().values(claimed=1), idents)


def delete(connection, idents):
    _execute(connection, _TABLE.delete(), idents)


def _execute(connection, query, idents):
    idents = sorted(idents)
    for first in range(0, len(idents), BATCH):
        connection.execute(query.where(
            _TABLE.c.ident.in_(idents[first:first + BATCH])))
