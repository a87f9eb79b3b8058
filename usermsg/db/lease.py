# SPDX-License-Identifier: Apache-2.0
"""Leases: what only one process of all hosts may do at a time.

A lease is a row that says who may act, and until when. All times in it are
the database's (:mod:`usermsg.db.clock`): hosts whose clocks disagree agree
about it all the same. With a cluster of databases that each have a clock of
their own, those must not differ by as much as a lease lasts.
"""

import os
import secrets

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import models
from usermsg import host

_TABLE = models.leases


class Lost(Exception):
    """The lease ran out, and may be somebody else's by now."""


class Lease:
    """A claim to the lease of a name. Each object is an owner of its own.

    :param db: a :class:`usermsg.db.engine.Database`
    :param name: of what only one may do
    :param seconds: how long it lasts, unless it is renewed; a whole number
    """

    def __init__(self, db, name, seconds):
        self._db = db
        self._name = name
        self._seconds = seconds
        # Host and process are for whoever looks; the rest makes it unique,
        # also where a process is started again under the same number.
        self.owner = f'{host.name()}:{os.getpid()}:{secrets.token_hex(8)}'

    def acquire(self):
        """Take it, if it is free, has run out or is already ours.

        :returns: whether it is ours now
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        if self._db.write(self._take):
            return True
        if self.holder() is not None:
            return False
        try:
            self._db.write(lambda connection: connection.execute(
                _TABLE.insert().values(name=self._name, owner=self.owner,
                                       until=self._time(self._seconds))))
        except db_exception.DBDuplicateEntry:
            return False  # somebody was quicker
        return True

    def _take(self, connection):
        return connection.execute(
            _TABLE.update()
            .where(_TABLE.c.name == self._name,
                   (_TABLE.c.owner == self.owner) |
                   (_TABLE.c.until <= self._time()))
            .values(owner=self.owner, until=self._time(self._seconds))
        ).rowcount == 1

    def renew(self, seconds=None):
        """Keep it for longer, from now on.

        :param seconds: other than usual
        :raises Lost: it isn't ours any more
        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        self._db.write(lambda connection: self.guard(connection, seconds))

    def guard(self, connection, seconds=None):
        """The first statement of a transaction that needs the lease.

        It renews the lease, and thereby locks its row: until the transaction
        has ended nobody else can take it. Who froze for so long that the
        lease ran out learns it here, before anything is done.

        :raises Lost: it isn't ours any more
        """
        self._bound_freeze(connection)
        if connection.execute(
                _TABLE.update()
                .where(_TABLE.c.name == self._name,
                       _TABLE.c.owner == self.owner,
                       _TABLE.c.until > self._time())
                .values(until=self._time(seconds or self._seconds))
        ).rowcount != 1:
            raise Lost(f'the lease "{self._name}" has run out')

    def _bound_freeze(self, connection):
        """Let the database end this transaction if this process freezes.

        Otherwise its locks would stay for as long as the server believes in
        the connection, which can be hours. (With SQLite nothing helps, but
        then all that use it are on one host.)
        """
        if connection.dialect.name == 'postgresql':
            connection.execute(sa.select(sa.func.set_config(
                'idle_in_transaction_session_timeout',
                f'{self._seconds}s', True)))
        elif getattr(connection.dialect, 'is_mariadb', False):
            connection.execute(
                sa.text('SET SESSION idle_write_transaction_timeout = :time'),
                {'time': self._seconds})

    def release(self):
        """Let others take it at once. Harmless if it isn't ours.

        :raises usermsg.exception.DatabaseUnavailable: not now
        """
        self._db.write(self.end)

    def end(self, connection):
        """Let others take it when the transaction has ended."""
        connection.execute(
            _TABLE.update()
            .where(_TABLE.c.name == self._name,
                   _TABLE.c.owner == self.owner)
            .values(until=self._time()))

    def holder(self):
        """Who has it, or had it last; None if nobody ever did."""
        with self._db.reader() as connection:
            return connection.scalar(
                sa.select(_TABLE.c.owner).where(_TABLE.c.name == self._name))

    def _time(self, later=0):
        return clock.now(self._db.dialect, later)
