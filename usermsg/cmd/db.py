# SPDX-License-Identifier: Apache-2.0
"""Commands ``usermsg-manage db``."""

import signal

from cliff import command

from usermsg.db import engine
from usermsg.db import migration
from usermsg.db import revision
from usermsg import exception


def unusable_reason(error):
    """Return the cause of a DatabaseUnavailable, in one line."""
    return 'The database cannot be used: ' + (
        engine.driver_message(error.__cause__) if error.__cause__ else
        'another process is upgrading it. Try again after the upgrade.')


def compare_with_head(version):
    """Return sentences that compare a database revision with the code's."""
    head = revision.HEAD
    if version == head:
        return f'The database is up to date: {head}.'
    advice = ('Run "usermsg-manage db sync".'
              if migration.is_known(version) else
              'A newer release has upgraded it.')
    state = f'is at {version}' if version else 'has no tables yet'
    return f'The database {state}, this release needs {head}. {advice}'


class Command(command.Command):
    """Command that prints the reason if the database can't be used."""

    def run(self, parsed_args):
        try:
            return super().run(parsed_args)
        except exception.DatabaseUnavailable as error:
            raise RuntimeError(unusable_reason(error)) from error

    def say(self, line):
        print(line, file=self.app.stdout, flush=True)


class Sync(Command):
    """Create or upgrade the tables. Safe to repeat."""

    def take_action(self, parsed_args):
        # Python would handle Ctrl-C only after the server's response, which
        # may take hours. The default action is fine: there is nothing to clean
        # up.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        before, after = migration.sync(engine.Database(self.app.conf),
                                       report=self.say)
        if before == after:
            self.say(f'The database is already at {after}.')
        elif before:
            self.say(f'The database was upgraded from {before} to {after}.')
        else:
            self.say(f'The tables were created; the database is at {after}.')


class Version(Command):
    """Print the revision of the database's tables."""

    def take_action(self, parsed_args):
        version = migration.version(engine.Database(self.app.conf))
        self.say(version or 'no tables yet')


class Check(Command):
    """Check that the tables are up to date; the exit status is 1 if not."""

    def take_action(self, parsed_args):
        version = migration.version(engine.Database(self.app.conf))
        self.say(compare_with_head(version))
        return 0 if version == revision.HEAD else 1
