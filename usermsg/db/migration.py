# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""The schema's version, and how to bring it up to date."""

import contextlib
import pathlib

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy as sa

from usermsg import db
from usermsg import exception

_SCRIPTS = pathlib.Path(__file__).with_name('alembic')


def _config(connection=None):
    config = alembic.config.Config()
    config.set_main_option('script_location', str(_SCRIPTS))
    config.attributes['connection'] = connection
    return config


def _scripts():
    return alembic.script.ScriptDirectory.from_config(_config())


def head():
    """The revision that this code needs."""
    return _scripts().get_current_head()


def is_known(revision):
    """Whether this code can upgrade from a revision; None is no schema."""
    return revision is None or revision in {
        script.revision for script in _scripts().walk_revisions()}


def version(database: db.Database):
    """The revision of the database; None if it has no schema yet."""
    with database.reader() as connection:
        return revision_of(connection)


def revision_of(connection):
    return alembic.migration.MigrationContext.configure(
        connection).get_current_revision()


def sync(database: db.Database):
    """Upgrade to the newest revision. Safe to repeat, and to run twice.

    :returns: the revision before and the one after
    :raises usermsg.exception.DatabaseUnavailable: not now, or another
        process is at it for too long
    """
    before = database.write(_upgrade)
    return before, version(database)


def _upgrade(connection):
    with _alone(connection):
        before = revision_of(connection)
        alembic.command.upgrade(_config(connection), 'head')
        return before


@contextlib.contextmanager
def _alone(connection):
    """Wait until no other process upgrades the same database."""
    if connection.dialect.name == 'postgresql':
        # Until the end of the transaction.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        # A large table takes longer than any request may.
        connection.execute(sa.text('SET LOCAL statement_timeout = 0'))
        yield
    elif connection.dialect.name in ('mysql', 'mariadb'):
        # Of the server, not of the database; and it outlives a transaction.
        name = sa.func.concat('usermsg.', sa.func.md5(sa.func.database()))
        if not connection.scalar(sa.select(sa.func.get_lock(name, 25))):
            raise exception.DatabaseUnavailable()
        try:
            yield
            # What the next one reads must be there when it is let in.
            connection.exec_driver_sql('COMMIT')
        finally:
            connection.execute(sa.select(sa.func.release_lock(name)))
    else:
        # The lock of a writer, for the transaction, before anything is read.
        connection.execute(sa.text('PRAGMA user_version = 0'))
        yield


#: Any number that nobody else would lock.
_LOCK = 0x757365726d7367
