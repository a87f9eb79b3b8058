# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage outbox`` and what else shows it, as operators run them."""

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


class Commands:

    def prepare(self, **groups):
        groups.setdefault('oslo_messaging_notifications', DRIVERS)
        self.db = self.runtime(**groups).db
        self.config = str(self.home / 'usermsg.conf')

    def insert(self, *entries):
        outbox_samples.insert(self.db, entries)

    def left(self):
        return [(each.id, each.driver)
                for each in outbox_samples.stored(self.db)]

    def manage(self, *arguments, status=0, errors=''):
        """Run it; returns what it wrote."""
        end = commands.manage(*arguments, config=self.config)
        self.assertEqual((status, errors), (end.returncode, end.stderr),
                         end.stdout)
        self.assertNotIn(outbox_samples.SECRET, end.stdout)
        return end.stdout

    def json(self, *arguments, **expected):
        return json.loads(self.manage(*arguments, '-f', 'json', **expected))


class TestOutbox(Commands, databases.TestCase):

    def test_what_was_set_aside_is_shown_tried_again_and_dropped(self):
        self.prepare(reaper={'batch_delay': 0})
        first = entry(1)
        aside = entry(2, set_aside=1, attempts=10, reason='Too large.')
        other = entry(3, driver='qpid', set_aside=1, event_type='image.send')
        self.insert(first, aside, other)
        self.assertEqual([
            {'Id': aside.id, 'Driver': 'rabbit', 'Event type': 'image.upload',
             'Priority': 'INFO', 'Subject': 'image-2', 'State': 'set aside',
             'Attempts': 10, 'Queued': '2026-01-31T12:00:02+00:00',
             'Due': None, 'Reason': 'Too large.'}],
            self.json('outbox', 'list', '--set-aside', '--driver', 'rabbit'))

        # The order is that of the names.
        self.assertEqual(
            '1 image.send for qpid\n1 image.upload for rabbit\n'
            '2 notifications would be tried again.\n',
            self.manage('outbox', 'retry', '--set-aside', '--dry-run',
                        errors='qpid is not configured, so those for it stay '
                               'where they are.\n'))
        self.assertEqual(
            '1 notifications will be tried again.\n',
            self.manage('outbox', 'retry', '--id', first.id, aside.id,
                        '--set-aside'))
        [shown] = self.json('outbox', 'list', '--id', aside.id)
        self.assertEqual(('waiting', 0, None), (
            shown['State'], shown['Attempts'], shown['Reason']))

        self.assertEqual('1 notifications have been dropped.\n', self.manage(
            'outbox', 'drop', '--driver', 'qpid', '--yes'))
        self.assertEqual([(first.id, 'rabbit'), (aside.id, 'rabbit')],
                         self.left())
        self.manage('outbox', 'drop', '--all', '--yes')
        self.assertEqual([], self.left())

    def test_the_backlog_is_told_by_stats_and_by_upgrade(self):
        self.prepare(tables=False)
        migration.sync(self.db)
        self.assertEqual(
            [{'Driver': 'rabbit', 'Configured': 'yes', 'Waiting': 0,
              'Set aside': 0, 'Oldest waits since': None}],
            self.json('stats', '--by', 'driver'))
        self.insert(entry(1), entry(2, set_aside=1),
                    *[entry(number, driver='pigeon') for number in range(3)])
        self.assertEqual(
            [{'Driver': 'pigeon', 'Configured': 'no', 'Waiting': 3,
              'Set aside': 0,
              'Oldest waits since': '2026-01-31T12:00:00+00:00'},
             {'Driver': 'rabbit', 'Configured': 'yes', 'Waiting': 1,
              'Set aside': 1,
              'Oldest waits since': '2026-01-31T12:00:01+00:00'}],
            self.json('stats', '--by', 'driver'))
        outcome = upgrade.checked(self.config)
        self.assertEqual(upgrade.WARNING, outcome.codes[-1])
        for words in ('pigeon: 3 waiting since 2026-01-31T12:00:00+00:00. ',
                      'rabbit: 1 waiting since 2026-01-31T12:00:01+00:00, '
                      '1 set aside. ',
                      '"usermsg-manage outbox drop --driver pigeon" forgets',
                      'waiting for rabbit for more than an hour',
                      'outbox list --set-aside'):
            self.assertIn(words, outcome.details['Outbox'])


class TestInterruption(Commands, base.TestCase):

    def test_drop_ends_after_a_batch_and_goes_on_when_run_again(self):
        self.prepare(reaper={'batch_delay': 0.2})
        self.insert(*[entry(number) for number in range(5000)])
        process = subprocess.Popen(
            [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file',
             self.config, 'outbox', 'drop', '--all', '--yes'], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        end = time.monotonic() + 120
        while len(self.left()) > 5000 - outbox.BATCH:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        left = len(self.left())
        self.assertEqual((130, ''), (process.returncode, errors))
        self.assertEqual(0, left % outbox.BATCH)
        self.assertGreater(left, 0)
        self.assertIn(f'Interrupted after {5000 - left:,} of about 5,000 '
                      f'notifications. The same command goes on', output)
        self.prepare(reaper={'batch_delay': 0}, tables=False)
        self.assertEqual(
            f'{left:,} notifications have been dropped.\n',
            self.manage('outbox', 'drop', '--all', '--yes')
            .splitlines(keepends=True)[-1])


class TestInput(Commands, base.TestCase):

    def setUp(self):
        super().setUp()
        self.prepare()
        self.entries = [entry(number) for number in range(5)]
        self.insert(*self.entries)

    def test_what_is_not_shown_is_hinted_at(self):
        found = self.json(
            'outbox', 'list', '--limit', '4',
            errors='There are more than these 4: see --limit, or '
                   '"usermsg-manage stats --by driver".\n')
        self.assertEqual([each.id for each in self.entries[:4]],
                         [each['Id'] for each in found])
        table = self.manage('outbox', 'list', '--limit', '5')
        self.assertIn(f'| {self.entries[4].id} | rabbit | image.upload |',
                      table)
        self.assertNotIn('None', table)

    def test_that_there_is_nothing_is_said(self):
        self.assertEqual([], self.json(
            'outbox', 'list', '--driver', 'pigeon',
            errors='Nothing in the outbox is like that.\n'))
        self.manage('outbox', 'drop', '--all', '--yes')
        self.assertEqual([], self.json(
            'outbox', 'list', errors='Nothing is in the outbox.\n'))
        self.assertEqual([], self.json(
            'stats', errors='There are no such messages.\n'))
        self.config = self.config_file()
        self.assertEqual([], self.json(
            'stats', '--by', 'driver',
            errors='Nothing is in the outbox, and no driver is '
                   'configured.\n'))

    def test_what_cannot_be_is_named_by_its_option(self):
        for arguments, errors in (
                (['drop', '--all'], '--yes: is needed to drop notifications '
                 'for good; --dry-run shows which they would be.\n'),
                (['drop', '--yes'], '--all: is needed to mean all of them; '
                 'otherwise say which, as --help explains.\n'),
                (['retry'], '--all: is needed to mean all of them; otherwise '
                 'say which, as --help explains.\n'),
                (['drop', '--yes', '--all', '--event-type', 'x'],
                 '--all: cannot be used with --event-type.\n'),
                (['retry', '--since', '1h', '--before', '2h'],
                 '--since: must be before --before.\n'),
                (['retry', '--id', *map(str, range(1001))],
                 '--id: there can be no more than 1,000 at a time.\n')):
            self.manage('outbox', *arguments, status=1, errors=errors)
        self.assertEqual(5, len(self.left()))

    def test_so_is_what_cannot_be_parsed(self):
        for option, value in (
                ('--id', 'x' * 37), ('--driver', 'ä'), ('--limit', '0'),
                ('--since', 'yesterday'), ('--event-type', '')):
            end = commands.manage('outbox', 'list', option, value,
                                  config=self.config)
            self.assertEqual(2, end.returncode, end)
            self.assertIn(f'argument {option}: ', end.stderr)
            self.assertNotIn('Traceback', end.stderr)

    def test_stats_by_driver_are_of_all(self):
        for option in ('--since', '--project'):
            self.manage('stats', '--by', 'driver', option, '2026-01-31',
                        status=1, errors=f'{option}: cannot be used with '
                                         f'--by driver.\n')

    def test_a_database_without_tables_is_said_in_one_line(self):
        config = self.config_file('other.conf', database={
            'connection': self.sqlite_url('other.sqlite')})
        end = commands.manage('outbox', 'list', config=config)
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertRegex(end.stderr, '^The database cannot be used: .*\n$')
