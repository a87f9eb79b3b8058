# SPDX-License-Identifier: Apache-2.0
"""``usermsg-status``: whether this release can serve, before it does.

Each check stands alone: what one finds keeps no other from being run. None
changes anything, and each statement looks at a bounded part of the database.
"""

import functools
import logging
import sys

from usermsg.concurrency import backend

backend.use_threads()

from oslo_upgradecheck import common_checks  # noqa: E402
from oslo_upgradecheck import upgradecheck  # noqa: E402

from usermsg.catalogue import loader  # noqa: E402
from usermsg.cmd import db as db_command  # noqa: E402
from usermsg import config  # noqa: E402
from usermsg.db import clock  # noqa: E402
from usermsg.db import engine  # noqa: E402
from usermsg.db import migration  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg.notifications.drivers import loader as driver_loader  # noqa: E402
from usermsg.objects import message  # noqa: E402
from usermsg.objects import outbox  # noqa: E402
from usermsg.outbox import relay  # noqa: E402
from usermsg.outbox import writer  # noqa: E402
from usermsg import policy  # noqa: E402

#: How many of the newest messages are looked at. There is no index on their
#: events, and a table may hold millions.
NEWEST = 10000

#: How many unknown events, or checks of the policy, are named.
NAMED = 10

#: Seconds after which a notification has been waiting for long.
LONG = 3600

#: For what ends before a check begins; the codes of a check are 0, 1 and 2.
NOT_CHECKED = 255


_success, _warning, _failure = (
    functools.partial(upgradecheck.Result, code) for code in (
        upgradecheck.Code.SUCCESS, upgradecheck.Code.WARNING,
        upgradecheck.Code.FAILURE))


_NO_DATABASE = (exception.ConfigurationError, exception.DatabaseUnavailable)


class Checks(upgradecheck.UpgradeCommands):

    #: Set when the command line was read.
    conf = None

    @functools.cached_property
    def database(self):
        return engine.Database(self.conf)

    def _check(self, check):
        """Run a check; what it raises says what an operator has to mend."""
        try:
            return check(self)
        except exception.ConfigurationError as error:
            return _failure(str(error))

    def _database_driver(self):
        return _success(self.database.dialect)

    def _schema(self):
        try:
            version = migration.version(self.database)
        except exception.DatabaseUnavailable as error:
            return _failure(db_command.unusable_reason(error))
        words = db_command.comparison(version)
        if version == migration.head():
            return _success(words)
        # Releases add to the tables first and remove later, so that the one
        # before can go on while a cloud is upgraded.
        return (_failure if migration.is_known(version) else _warning)(words)

    def _catalogue(self):
        known = loader.load(self.conf.catalogue.overlay_dir)
        unknown = _warning('It is valid. Whether it holds the events of the '
                           'stored messages could not be looked up.')
        try:
            rows, stored = message.newest_event_ids(self.database, NEWEST)
        except _NO_DATABASE:
            return unknown
        missing = sorted(event_id for event_id in stored
                         if event_id not in known.resolved_events)
        if not missing:
            return _success(f'It is valid and holds all events of the newest '
                            f'{rows} messages.')
        more = len(missing) - NAMED
        return _warning(
            f'It lacks events of the newest {rows} messages: '
            f'{", ".join(missing[:NAMED])}'
            f'{f" and {more} more" if more > 0 else ""}. Such messages are '
            'shown with a general text. Is a plug-in or an overlay missing '
            'on this host?')

    def _policy(self):
        policy.Policy(self.conf)
        upgrade_warnings = list(policy.upgrade_warnings(policy.read_files(self.conf)))
        result = common_checks.check_policy_json(self, self.conf)
        if upgrade_warnings and result.code == upgradecheck.Code.SUCCESS:
            return _warning(' '.join(upgrade_warnings[:NAMED]))
        return result

    def _notification_drivers(self):
        drivers = relay.load_drivers(self.conf)
        try:
            problems = [
                f'{name}: does not say when it could not deliver, so what '
                'its broker does not take is lost. Use "rabbit", whose '
                'messages are the same.'
                for name, driver in drivers.items()
                if not driver_loader.reports_failures(driver)]
            problems += [
                f'{name}: no transport_url is set, so localhost:5672 is '
                'asked.' for name, driver in drivers.items()
                if driver_loader.lacks_transport_url(self.conf, driver)]
            problems += [
                f'{name}: {doubt}' for name, driver in drivers.items()
                if hasattr(driver, 'upgrade_warnings') for doubt in driver.upgrade_warnings()]
        finally:
            driver_loader.close(drivers)
        if problems:
            return _warning(' '.join(problems))
        return _success(', '.join(drivers) or 'None is configured.')

    def _outbox(self):
        try:
            found = outbox.backlog(self.database)
            now = clock.read(self.database)
        except _NO_DATABASE:
            return _warning('It could not be looked into.')
        configured = writer.configured_drivers(self.conf)
        details, problems = [], []
        for name, backlog in found.items():
            words = f'{name}: {backlog.waiting:,} waiting'
            if backlog.oldest:
                words += (f' since '
                          f'{backlog.oldest.isoformat(timespec="seconds")}')
            if backlog.set_aside:
                words += f', {backlog.set_aside:,} set aside'
                problems.append(
                    'See "usermsg-manage outbox list --set-aside" for why '
                    'some were set aside.')
            details.append(f'{words}.')
            if name not in configured:
                problems.append(
                    f'Nothing delivers those for {name}, which is not '
                    f'configured: "usermsg-manage outbox drop --driver '
                    f'{name}" forgets them.')
            elif backlog.oldest and (
                    now - backlog.oldest).total_seconds() > LONG:
                problems.append(
                    f'Some have been waiting for {name} for more than an '
                    'hour: does usermsg-worker run, and what does its log '
                    'say?')
        return (_warning if problems else _success)(
            ' '.join([*details, *dict.fromkeys(problems)]) or
            'Nothing waits.')

    _upgrade_checks = (
        ('Database driver', (_check, {'check': _database_driver})),
        ('Schema', (_check, {'check': _schema})),
        ('Catalogue', (_check, {'check': _catalogue})),
        ('Policy', (_check, {'check': _policy})),
        ('Notification drivers', (_check, {'check': _notification_drivers})),
        ('Outbox', (_check, {'check': _outbox})),
    )


def main(argv=None):
    # The results say it; what libraries log about it are tracebacks.
    logging.disable()
    checks = Checks()
    try:
        checks.conf = config.load_config(
            sys.argv[1:] if argv is None else argv,
            register=lambda conf: upgradecheck.register_cli_options(
                conf, checks))
    except exception.ConfigurationError as error:
        print(f'usermsg-status cannot check anything: {error}',
              file=sys.stderr)
        return NOT_CHECKED
    # The library would take any word for "check".
    given = checks.conf.command.check
    if given != 'check':
        print(f'usermsg-status: there is no command "upgrade {given}"; there '
              'is "upgrade check".', file=sys.stderr)
        return NOT_CHECKED
    # Where the library looks for --json; its own main would set it, but
    # reads the configuration without our checks.
    upgradecheck.CONF = checks.conf
    return upgradecheck.run(checks.conf)


if __name__ == '__main__':
    sys.exit(main())
