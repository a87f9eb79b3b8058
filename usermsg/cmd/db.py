# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage db``"""

import signal

from cliff import command

from usermsg.db import engine
from usermsg.db import migration
from usermsg import exception


def unusable_reason(error):
    """What a DatabaseUnavailable is about, in one line for an operator."""
    return 'The database cannot be used: ' + (
        engine.driver_message(error.__cause__) if error.__cause__ else
        'another process is upgrading it. Try again when that is done.')


def comparison(version):
    """What a revision of the database means to this code, in sentences."""
    head = migration.head()
    if version == head:
        return f'The database is up to date: {head}.'
    advice = ('Run "usermsg-manage db sync".'
              if migration.is_known(version) else
              'A newer release has upgraded it.')
    found = f'is at {version}' if version else 'has no tables yet'
    return f'The database {found}, this release needs {head}. {advice}'


class Command(command.Command):
    """A command that says itself why the database can't be used."""

    def run(self, parsed_args):
        try:
            return super().run(parsed_args)
        except exception.DatabaseUnavailable as error:
            raise RuntimeError(unusable_reason(error)) from error

    def say(self, line):
        print(line, file=self.app.stdout, flush=True)


class Sync(Command):
    """Create the tables, or bring them up to date. Safe to repeat."""

    def take_action(self, parsed_args):
        # Python would notice Ctrl-C only when the server has answered, which
        # may take hours. There is nothing to tidy up.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        before, after = migration.sync(engine.Database(self.app.conf),
                                       report=self.say)
        if before == after:
            self.say(f'The database is at {after} already.')
        elif before:
            self.say(f'The database went from {before} to {after}.')
        else:
            self.say(f'The database had no tables yet, and is at {after} '
                     f'now.')


class Version(Command):
    """Print the revision of the database's tables."""

    def take_action(self, parsed_args):
        version = migration.version(engine.Database(self.app.conf))
        self.say(version or 'no tables yet')


class Check(Command):
    """Tell whether the tables are up to date; the exit status is 1 if not."""

    def take_action(self, parsed_args):
        version = migration.version(engine.Database(self.app.conf))
        self.say(comparison(version))
        return 0 if version == migration.head() else 1
