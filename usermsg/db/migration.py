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

import pathlib

import alembic.command
import alembic.config
import alembic.migration
import alembic.script

from usermsg import db

_SCRIPTS = pathlib.Path(__file__).with_name('alembic')


def _config(connection=None):
    config = alembic.config.Config()
    config.set_main_option('script_location', str(_SCRIPTS))
    config.attributes['connection'] = connection
    return config


def head():
    """The revision that this code needs."""
    return alembic.script.ScriptDirectory.from_config(
        _config()).get_current_head()


def version(database: db.Database):
    """The revision of the database; None if it has no schema yet."""
    with database.reader() as connection:
        return alembic.migration.MigrationContext.configure(
            connection).get_current_revision()


def sync(database: db.Database):
    """Upgrade to the newest revision. Safe to repeat.

    :returns: the revision before and the one after
    """
    before = version(database)
    database.write(
        lambda connection: alembic.command.upgrade(_config(connection),
                                                   'head'))
    return before, version(database)
