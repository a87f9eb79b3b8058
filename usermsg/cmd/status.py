# SPDX-License-Identifier: Apache-2.0
"""``usermsg-status``: checks before this release serves requests.

The checks are independent: the result of one doesn't prevent another. None
changes anything, and each statement reads a bounded part of the database.
"""

import functools
import logging
import sys

from usermsg.concurrency import backend

backend.use_threads()

from oslo_upgradecheck import common_checks  # noqa: E402
from oslo_upgradecheck import upgradecheck  # noqa: E402

from usermsg.catalogue import loader  # noqa: E402
from usermsg.cmd import connectivity  # noqa: E402
from usermsg.cmd import db as db_command  # noqa: E402
from usermsg.cmd import streams  # noqa: E402
from usermsg import config  # noqa: E402
from usermsg.db import clock  # noqa: E402
from usermsg.db import engine  # noqa: E402
from usermsg.db import migration  # noqa: E402
from usermsg.db import revision  # noqa: E402
from usermsg import exception  # noqa: E402
from usermsg.notifications.drivers import loader as driver_loader  # noqa: E402
from usermsg.objects import message  # noqa: E402
from usermsg.objects import outbox  # noqa: E402
from usermsg.outbox import relay  # noqa: E402
from usermsg.outbox import writer  # noqa: E402
from usermsg import policy  # noqa: E402

#: Number of the newest messages that are checked. Their events are not
#: indexed, and a table may contain millions.
NEWEST = 10000

#: Maximum number of unknown events, or of warnings about the policy, that are
#: listed.
MAX_LISTED = 10

#: Seconds after which a pending notification is a problem.
MAX_PENDING_SECONDS = 3600

#: Roles of which Keystone's default policy requires one to validate tokens.
_VALIDATING_ROLES = {'admin', 'service'}

#: Exit status if no check was run; the codes of a check are 0, 1 and 2.
NOT_CHECKED = 255


_success, _warning, _failure = (
    functools.partial(upgradecheck.Result, code) for code in (
        upgradecheck.Code.SUCCESS, upgradecheck.Code.WARNING,
        upgradecheck.Code.FAILURE))


_NO_DATABASE = (exception.ConfigurationError, exception.DatabaseUnavailable)


class Checks(upgradecheck.UpgradeCommands):

    #: Set after the command line is parsed.
    conf = None

    @functools.cached_property
    def database(self):
        return engine.Database(self.conf)

    def _check(self, check):
        """Run a check; an invalid configuration is a failure of the check."""
        try:
            return check(self)
        except exception.ConfigurationError as error:
            return _failure(str(error))

    def _database_driver(self):
        self.database.check_server()
        return _success(self.database.dialect)

    def _schema(self):
        try:
            version = migration.version(self.database)
        except exception.DatabaseUnavailable as error:
            return _failure(db_command.unusable_reason(error))
        text = db_command.compare_with_head(version)
        if version == revision.HEAD:
            return _success(text)
        # Releases add to the tables first and remove later, so that the
        # previous release continues to work during the upgrade of a cloud.
        return (_failure if migration.is_known(version) else _warning)(text)

    def _catalogue(self):
        catalogue = loader.load(self.conf.catalogue.overlay_dir)
        try:
            rows, stored = message.newest_event_ids(self.database, NEWEST)
        except _NO_DATABASE:
            return _warning(
                'The catalogue is valid. The stored messages were not checked '
                'for unknown events, because the database cannot be used.')
        missing = sorted(event_id for event_id in stored
                         if event_id not in catalogue.resolved_events)
        if not missing:
            return _success(f'The catalogue is valid and defines all events '
                            f'of the newest {rows} messages.')
        more = len(missing) - MAX_LISTED
        return _warning(
            f'The catalogue lacks events of the newest {rows} messages: '
            f'{", ".join(missing[:MAX_LISTED])}'
            f'{f" and {more} more" if more > 0 else ""}. These messages are '
            'shown with a general text. Check that this host has all '
            'plug-ins and overlays.')

    def _endpoint(self):
        options = self.conf.api
        if options.public_endpoint or options.trust_host_header:
            return _success('The address in links is configured.')
        return _warning(
            'Neither [api] public_endpoint nor trust_host_header is set: the '
            'API does not start under a WSGI server, nor does usermsg-api on '
            'an address that other machines can reach. Set public_endpoint '
            'to the URL at which users reach the service. A host without the '
            'API needs neither.')

    def _policy(self):
        policy.Policy(self.conf)
        upgrade_warnings = list(
            policy.unsupported_check_warnings(policy.read_files(self.conf)))
        result = common_checks.check_policy_json(self, self.conf)
        if upgrade_warnings and result.code == upgradecheck.Code.SUCCESS:
            return _warning(' '.join(upgrade_warnings[:MAX_LISTED]))
        return result

    def _keystone(self):
        if self.conf.api.auth_strategy != 'keystone':
            return _success('Tokens are not validated, as [api] '
                            'auth_strategy is not keystone.')
        if not connectivity.has_account(self.conf):
            return _warning(
                '[keystone_authtoken] contains no account: the API does not '
                'start. A host without the API needs none.')
        try:
            roles = connectivity.fetch_roles(self.conf)
        except connectivity.Unavailable as error:
            return _failure(
                'Keystone did not validate a token of the account in '
                f'[keystone_authtoken]: {error}.')
        if not _VALIDATING_ROLES.intersection(roles):
            return _warning(
                'The account in [keystone_authtoken] has neither the role '
                'service nor admin, one of which Keystone requires by default '
                'to validate the tokens of users.')
        return _success('Keystone has validated a token of the account in '
                        '[keystone_authtoken].')

    def _notification_drivers(self):
        drivers = relay.load_drivers(self.conf)
        try:
            problems = [
                f'{name}: does not report failed deliveries, so '
                'notifications that its broker does not accept are lost. Use '
                '"rabbit", which sends the same messages.'
                for name, driver in drivers.items()
                if not driver_loader.reports_failures(driver)]
            problems += [
                f'{name}: no transport_url is set, so localhost:5672 is '
                'used.' for name, driver in drivers.items()
                if driver_loader.lacks_transport_url(self.conf, driver)]
            problems += [
                f'{name}: {warning}' for name, driver in drivers.items()
                if hasattr(driver, 'upgrade_warnings')
                for warning in driver.upgrade_warnings()]
        finally:
            driver_loader.close(drivers)
        if problems:
            return _warning(' '.join(problems))
        return _success(', '.join(drivers) or 'No driver is configured.')

    def _brokers(self):
        problems, drivers = [], {}
        try:
            drivers = relay.load_drivers(self.conf)
        except exception.ConfigurationError:
            problems.append('The brokers of the notification drivers were not '
                            'checked, because the drivers cannot be used.')
        try:
            results = connectivity.probe_brokers(self.conf, drivers)
        finally:
            driver_loader.close(drivers)
        problems += [f'{name}: {address}: {reason}.'
                     for name, address, reason in results if reason]
        available = [f'{name}: {address} accepts connections.'
                     for name, address, reason in results if not reason]
        return (_warning if problems else _success)(
            ' '.join([*problems, *available]) or
            'Neither a driver nor the listener uses a broker.')

    def _outbox(self):
        try:
            backlogs = outbox.backlog(self.database)
            now = clock.read(self.database)
        except _NO_DATABASE:
            return _warning('The outbox was not checked, because the '
                            'database cannot be used.')
        configured = writer.configured_drivers(self.conf)
        details, problems = [], []
        for name, backlog in backlogs.items():
            text = f'{name}: {backlog.pending:,} pending'
            if backlog.oldest:
                text += (f' since '
                         f'{backlog.oldest.isoformat(timespec="seconds")}')
            if backlog.dead_letters:
                text += f', {backlog.dead_letters:,} dead letters'
                problems.append(
                    '"usermsg-manage outbox list --dead-letters" shows the '
                    'reasons of the dead letters.')
            details.append(f'{text}.')
            if name not in configured:
                problems.append(
                    f'Driver {name} is not configured, so its notifications '
                    f'are not delivered: "usermsg-manage outbox drop --driver '
                    f'{name}" removes them.')
            elif (backlog.oldest and (now - backlog.oldest).total_seconds() >
                  MAX_PENDING_SECONDS):
                problems.append(
                    f'Some notifications for {name} have been pending for '
                    'more than an hour: check that usermsg-worker is running, '
                    'and its log.')
        return (_warning if problems else _success)(
            ' '.join([*details, *dict.fromkeys(problems)]) or
            'The outbox is empty.')

    _upgrade_checks = (
        ('Database driver', (_check, {'check': _database_driver})),
        ('Schema', (_check, {'check': _schema})),
        ('Endpoint', (_check, {'check': _endpoint})),
        ('Catalogue', (_check, {'check': _catalogue})),
        ('Policy', (_check, {'check': _policy})),
        ('Keystone', (_check, {'check': _keystone})),
        ('Notification drivers', (_check, {'check': _notification_drivers})),
        ('Brokers', (_check, {'check': _brokers})),
        ('Outbox', (_check, {'check': _outbox})),
    )


def main(argv=None):
    # The results contain the errors; the libraries would log tracebacks of
    # them.
    logging.disable()
    streams.escape_unencodable(sys.stdout, sys.stderr)
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
    # The library accepts any word instead of "check".
    subcommand = checks.conf.command.check
    if subcommand != 'check':
        print(f'usermsg-status: unknown command "upgrade {subcommand}"; use '
              '"upgrade check".', file=sys.stderr)
        return NOT_CHECKED
    # The library reads --json from this variable. Its main() would set it,
    # but would read the configuration without the checks of usermsg.config.
    upgradecheck.CONF = checks.conf
    return upgradecheck.run(checks.conf)


if __name__ == '__main__':
    sys.exit(main())
