# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage outbox``, and the backlog in other commands."""

import json
import signal
import subprocess
import sys
import time

from usermsg.db import migration
from usermsg.objects import outbox
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import outbox_samples
from usermsg.tests.fixtures import upgrade

entry = outbox_samples.entry

DRIVERS = {'driver': 'rabbit'}


class CommandMixin:

    def prepare(self, **groups):
        groups.setdefault('oslo_messaging_notifications', DRIVERS)
        self.db = self.runtime(**groups).db
        self.config = str(self.home / 'usermsg.conf')

    def insert(self, *entries):
        outbox_samples.insert(self.db, entries)

    def stored_ids(self):
        return [(entry.id, entry.driver)
                for entry in outbox_samples.stored(self.db)]

    def manage(self, *arguments, status=0, errors=''):
        """Run a command; return its output."""
        process = commands.manage(*arguments, config=self.config)
        self.assertEqual((status, errors),
                         (process.returncode, process.stderr), process.stdout)
        self.assertNotIn(outbox_samples.SECRET, process.stdout)
        return process.stdout

    def json(self, *arguments, **expected):
        return json.loads(self.manage(*arguments, '-f', 'json', **expected))


class TestOutbox(CommandMixin, databases.TestCase):

    def test_dead_letters_are_listed_retried_and_dropped(self):
        self.prepare(reaper={'batch_delay': 0})
        first = entry(1)
        failed = entry(2, set_aside=1, attempts=10, reason='Too large.')
        other = entry(3, driver='qpid', set_aside=1, event_type='image.send')
        self.insert(first, failed, other)
        self.assertEqual([
            {'Id': failed.id, 'Driver': 'rabbit', 'Event type': 'image.upload',
             'Priority': 'INFO', 'Subject': 'image-2', 'State': 'dead letter',
             'Attempts': 10, 'Queued': '2026-01-31T12:00:02+00:00',
             'Due': None, 'Reason': 'Too large.'}],
            self.json('outbox', 'list', '--dead-letters',
                      '--driver', 'rabbit'))

        # Ordered by driver and event type.
        self.assertEqual(
            '1 image.send for qpid\n1 image.upload for rabbit\n'
            '2 notifications would be retried.\n',
            self.manage('outbox', 'retry', '--dead-letters', '--dry-run',
                        errors='Driver qpid is not configured, so its '
                               'notifications stay in the outbox.\n'))
        self.assertEqual(
            '1 notifications will be retried.\n',
            self.manage('outbox', 'retry', '--id', first.id, failed.id,
                        '--dead-letters'))
        [row] = self.json('outbox', 'list', '--id', failed.id)
        self.assertEqual(('pending', 0, None), (
            row['State'], row['Attempts'], row['Reason']))

        self.assertEqual('1 notifications have been dropped.\n', self.manage(
            'outbox', 'drop', '--driver', 'qpid', '--yes'))
        self.assertEqual([(first.id, 'rabbit'), (failed.id, 'rabbit')],
                         self.stored_ids())
        self.manage('outbox', 'drop', '--all', '--yes')
        self.assertEqual([], self.stored_ids())

    def test_backlog_in_stats_and_upgrade_check(self):
        self.prepare(tables=False)
        migration.sync(self.db)
        self.assertEqual(
            [{'Driver': 'rabbit', 'Configured': 'yes', 'Pending': 0,
              'Dead letters': 0, 'Oldest pending since': None}],
            self.json('stats', '--by', 'driver'))
        self.insert(entry(1), entry(2, set_aside=1),
                    *[entry(number, driver='pigeon') for number in range(3)])
        self.assertEqual(
            [{'Driver': 'pigeon', 'Configured': 'no', 'Pending': 3,
              'Dead letters': 0,
              'Oldest pending since': '2026-01-31T12:00:00+00:00'},
             {'Driver': 'rabbit', 'Configured': 'yes', 'Pending': 1,
              'Dead letters': 1,
              'Oldest pending since': '2026-01-31T12:00:01+00:00'}],
            self.json('stats', '--by', 'driver'))
        result = upgrade.run_check(self.config)
        self.assertEqual(upgrade.WARNING, result.codes[-1])
        for text in ('pigeon: 3 pending since 2026-01-31T12:00:00+00:00. ',
                     'rabbit: 1 pending since 2026-01-31T12:00:01+00:00, '
                     '1 dead letters. ',
                     '"usermsg-manage outbox drop --driver pigeon" removes',
                     'for rabbit have been pending for more than an hour',
                     'outbox list --dead-letters'):
            self.assertIn(text, result.details['Outbox'])


class TestInterruption(CommandMixin, base.TestCase):

    def test_interrupted_drop_continues_when_run_again(self):
        self.prepare(reaper={'batch_delay': 0.2})
        self.insert(*[entry(number) for number in range(5000)])
        process = subprocess.Popen(
            [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file',
             self.config, 'outbox', 'drop', '--all', '--yes'], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        end = time.monotonic() + 120
        while len(self.stored_ids()) > 5000 - outbox.BATCH:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        remaining = len(self.stored_ids())
        self.assertEqual((130, ''), (process.returncode, errors))
        self.assertEqual(0, remaining % outbox.BATCH)
        self.assertGreater(remaining, 0)
        self.assertIn(f'Interrupted after {5000 - remaining:,} of about 5,000 '
                      f'notifications. The same command continues', output)
        self.prepare(reaper={'batch_delay': 0}, tables=False)
        self.assertEqual(
            f'{remaining:,} notifications have been dropped.\n',
            self.manage('outbox', 'drop', '--all', '--yes')
            .splitlines(keepends=True)[-1])


class TestInput(CommandMixin, base.TestCase):

    def setUp(self):
        super().setUp()
        self.prepare()
        self.entries = [entry(number) for number in range(5)]
        self.insert(*self.entries)

    def test_list_over_limit_prints_a_hint(self):
        rows = self.json(
            'outbox', 'list', '--limit', '4',
            errors='Only 4 notifications are shown: increase --limit, or see '
                   '"usermsg-manage stats --by driver".\n')
        self.assertEqual([entry.id for entry in self.entries[:4]],
                         [row['Id'] for row in rows])
        table = self.manage('outbox', 'list', '--limit', '5')
        self.assertIn(f'| {self.entries[4].id} | rabbit | image.upload |',
                      table)
        self.assertNotIn('None', table)

    def test_empty_results_print_a_hint(self):
        self.assertEqual([], self.json(
            'outbox', 'list', '--driver', 'pigeon',
            errors='No notification in the outbox matches.\n'))
        self.manage('outbox', 'drop', '--all', '--yes')
        self.assertEqual([], self.json(
            'outbox', 'list', errors='The outbox is empty.\n'))
        self.assertEqual([], self.json(
            'stats', errors='No messages match.\n'))
        self.config = self.config_file()
        self.assertEqual([], self.json(
            'stats', '--by', 'driver',
            errors='The outbox is empty, and no driver is configured.\n'))

    def test_contradictory_options_are_rejected_by_name(self):
        for arguments, errors in (
                (['drop', '--all'], '--yes: is required, as dropped '
                 'notifications cannot be restored; --dry-run shows which '
                 'would be dropped.\n'),
                (['drop', '--yes'], '--all: is required to select all '
                 'notifications; otherwise use the filters that --help '
                 'lists.\n'),
                (['retry'], '--all: is required to select all notifications; '
                 'otherwise use the filters that --help lists.\n'),
                (['drop', '--yes', '--all', '--event-type', 'x'],
                 '--all: cannot be used with --event-type.\n'),
                (['retry', '--since', '1h', '--before', '2h'],
                 '--since: must be before --before.\n'),
                (['retry', '--id', *map(str, range(1001))],
                 '--id: accepts at most 1,000 ids.\n')):
            self.manage('outbox', *arguments, status=1, errors=errors)
        self.assertEqual(5, len(self.stored_ids()))

    def test_malformed_option_values_are_rejected_by_name(self):
        for option, value in (
                ('--id', 'x' * 37), ('--driver', 'ä'), ('--limit', '0'),
                ('--since', 'yesterday'), ('--event-type', '')):
            process = commands.manage('outbox', 'list', option, value,
                                      config=self.config)
            self.assertEqual(2, process.returncode, process)
            self.assertIn(f'argument {option}: ', process.stderr)
            self.assertNotIn('Traceback', process.stderr)

    def test_stats_by_driver_rejects_filters(self):
        for option in ('--since', '--project'):
            self.manage('stats', '--by', 'driver', option, '2026-01-31',
                        status=1, errors=f'{option}: cannot be used with '
                                         f'--by driver.\n')

    def test_missing_tables_are_reported_in_one_line(self):
        config = self.config_file('other.conf', database={
            'connection': self.sqlite_url('other.sqlite')})
        end = commands.manage('outbox', 'list', config=config)
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertRegex(end.stderr, '^The database cannot be used: .*\n$')
