# SPDX-License-Identifier: Apache-2.0
"""Leases: mutual exclusion between processes of all hosts.

A lease is a row with its owner and an expiry time. All times in it are the
database's (:mod:`usermsg.db.clock`), so that hosts whose clocks differ agree
on it. In a cluster of databases that each have their own clock, these must
differ by less than the duration of a lease.
"""

import os
import secrets

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import clock
from usermsg.db import models
from usermsg import host

_TABLE = models.leases


class LeaseLost(Exception):
    """The lease has expired; another owner may hold it."""


class Lease:
    """Lease of a name. Each object is an owner of its own.

    :param db: a :class:`usermsg.db.engine.Database`
    :param name: of the task that only one process may do
    :param seconds: duration until it expires, unless renewed; an integer
    """

    def __init__(self, db, name, seconds):
        self._db = db
        self._name = name
        self._seconds = seconds
        # Host and process id are for operators; the random part makes it
        # unique, also where a new process gets the same process id.
        self.owner = f'{host.name()}:{os.getpid()}:{secrets.token_hex(8)}'

    def acquire(self):
        """Take the lease if it is free, has expired or is held already.

        :returns: True if this object holds it now
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
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
            return False  # another process was faster
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
        """Extend the lease, counted from now.

        :param seconds: instead of the usual duration
        :raises LeaseLost: it has expired
        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        self._db.write(lambda connection: self.guard(connection, seconds))

    def guard(self, connection, seconds=None):
        """Renew the lease, as the first statement of a transaction.

        That locks the row of the lease: no other process can take it before
        the transaction ends. A process that was frozen until the lease
        expired fails here, before it changes anything.

        :raises LeaseLost: it has expired
        """
        self._bound_freeze(connection)
        if connection.execute(
                _TABLE.update()
                .where(_TABLE.c.name == self._name,
                       _TABLE.c.owner == self.owner,
                       _TABLE.c.until > self._time())
                .values(until=self._time(seconds or self._seconds))
        ).rowcount != 1:
            raise LeaseLost(f'the lease "{self._name}" has expired')

    def _bound_freeze(self, connection):
        """Let the database end this transaction if this process freezes.

        Otherwise its locks would last until the server detects the dead
        connection, which can take hours. (SQLite has no such setting, but
        there all processes are on one host.)
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
        """Expire the lease now. No effect if another owner holds it.

        :raises usermsg.exception.DatabaseUnavailable: the database is
            unavailable
        """
        self._db.write(self.end)

    def end(self, connection):
        """Expire the lease when the transaction commits."""
        connection.execute(
            _TABLE.update()
            .where(_TABLE.c.name == self._name,
                   _TABLE.c.owner == self.owner)
            .values(until=self._time()))

    def holder(self):
        """Return the current or last owner; None if there was none yet."""
        with self._db.reader() as connection:
            return connection.scalar(
                sa.select(_TABLE.c.owner).where(_TABLE.c.name == self._name))

    def _time(self, offset=0):
        return clock.now(self._db.dialect, offset)
