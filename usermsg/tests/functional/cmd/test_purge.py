# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage purge`` and ``stats`` as commands."""

from concurrent import futures
import datetime
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import sqlalchemy as sa

from usermsg.db import models
from usermsg.message import api as message_api
from usermsg.objects import statistics
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import samples

DAY = expiry.DAY
PURGE = (sys.executable, '-m', 'usermsg.cmd.manage', '--config-file')


class TestCase(databases.TestCase):

    options = {}

    def setUp(self):
        super().setUp()
        self.db = self.runtime(reaper=self.options).db
        self.config = str(self.home / 'usermsg.conf')

    def ids(self):
        return [row['id'] for row in samples.stored(self.db)]

    def insert(self, *groups):
        samples.insert(self.db, sum(groups, []))

    def manage(self, *arguments, status=0, errors=''):
        """Run a command; return its output."""
        process = commands.manage(*arguments, config=self.config)
        self.assertEqual(status, process.returncode, process)
        if status == 0:
            self.assertEqual(errors, process.stderr)
            return process.stdout
        return process.stdout + process.stderr


class TestPurge(TestCase):

    options = {'batch_delay': 0, 'batch_size': 100}

    def test_purge_removes_expired_rows(self):
        kept = expiry.rows(3, DAY)
        self.insert(expiry.rows(250, 31 * DAY), kept)
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(self.db, [
            expiry.key('old', now - DAY),
            expiry.key('new', now + DAY)], models.source_keys)
        self.assertEqual('250 expired messages would be removed.\n'
                         '1 expired source ids would be removed.\n',
                         self.manage('purge', '--dry-run'))
        self.assertEqual(253, len(self.ids()))
        self.assertEqual('250 expired messages have been removed.\n'
                         '1 expired source ids have been removed.\n',
                         self.manage('purge'))
        self.assertEqual([row['id'] for row in kept], self.ids())
        self.assertIn('0 expired messages', self.manage('purge'))

    def test_purge_with_project_keeps_other_projects(self):
        others = expiry.rows(30, 31 * DAY, project_id='other')
        mine = expiry.rows(5, DAY)
        self.insert(expiry.rows(230, 31 * DAY), others, mine)
        now = datetime.datetime.now(datetime.timezone.utc)
        samples.insert(self.db, [
            expiry.key(f'{number}', now + DAY * (-1) ** number, project)
            for number in range(250)
            for project in (samples.PROJECT, 'other')], models.source_keys)
        arguments = ('purge', '--project', samples.PROJECT)
        self.assertEqual('230 expired messages would be removed.\n'
                         '125 expired source ids would be removed.\n',
                         self.manage(*arguments, '--dry-run'))
        self.assertEqual('230 expired messages have been removed.\n'
                         '125 expired source ids have been removed.\n',
                         self.manage(*arguments))
        self.assertEqual(sorted(row['id'] for row in others + mine),
                         self.ids())
        self.assertEqual(375, len(samples.stored(
            self.db, models.source_keys)))
        self.manage(*arguments, '--older-than', '12h')
        self.assertEqual([row['id'] for row in others], self.ids())

    def test_purge_with_older_than_removes_older_messages(self):
        old, kept = expiry.rows(250, 2 * DAY), expiry.rows(5, DAY)
        self.insert(old, kept)
        samples.insert(self.db, [expiry.key(
            'a key', datetime.datetime(2020, 1, 1))], models.source_keys)
        created_at = kept[0]['created_at'].isoformat()
        for age in ('36h', '2d', f'{created_at}+00:00', created_at):
            self.assertEqual('250 messages would be removed.\n', self.manage(
                'purge', '--dry-run', '--older-than', age))
        self.assertEqual('250 messages have been removed.\n', self.manage(
            'purge', '--older-than', created_at))
        self.assertEqual([row['id'] for row in kept], self.ids())
        self.assertEqual(1, len(samples.stored(self.db, models.source_keys)))


class TestInterruption(TestCase):

    options = {'batch_delay': 0.2, 'batch_size': 10}

    def start(self, **streams):
        return subprocess.Popen(
            [*PURGE, self.config, 'purge'], stderr=subprocess.PIPE,
            env={**os.environ, 'COLUMNS': '100'}, **streams)

    def interrupt(self, process, number):
        """Wait for the first batches, then interrupt the process."""
        end = time.monotonic() + 120
        while len(self.ids()) > 1980:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
        process.send_signal(number)

    def check(self, output, status):
        match = re.search(r'Interrupted after ([\d,]+) of about 2,000 expired '
                          r'messages\.', output)
        self.assertIsNotNone(match, output)
        self.assertEqual(130, status)
        remaining = self.ids()
        self.assertEqual(2000 - int(match[1].replace(',', '')),
                         len(remaining))
        self.assertEqual(self.rows[-len(remaining):], remaining)
        self.config = self.config_file(
            database={'connection': self.url}, reaper={'batch_delay': 0})
        self.assertIn(f'{len(remaining):,} expired messages have been '
                      'removed.', self.manage('purge'))
        self.assertEqual([], self.ids())

    def test_interrupted_purge_continues_when_run_again(self):
        expired = expiry.rows(2000, 31 * DAY)
        self.rows = [row['id'] for row in expired]
        self.insert(expired)
        process = self.start(stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.interrupt(process, signal.SIGTERM)
        output, errors = process.communicate(timeout=120)
        self.assertEqual('', errors)
        self.check(output, process.returncode)

    def test_purge_on_terminal_shows_a_bar(self):
        expired = expiry.rows(2000, 31 * DAY)
        self.rows = [row['id'] for row in expired]
        self.insert(expired)
        terminal, process_side = pty.openpty()
        process = self.start(stdout=process_side)
        os.close(process_side)
        self.addCleanup(process.kill)
        self.interrupt(process, signal.SIGINT)
        output = b''
        try:
            while read := os.read(terminal, 4096):
                output += read
        except OSError:
            pass  # the process closed its side of the terminal
        os.close(terminal)
        self.assertEqual(b'', process.communicate(timeout=120)[1])
        self.assertRegex(output.decode(), r'\r\[#* *\] \d+ of 2,000 expired '
                         r'messages, \d+ %, ')
        self.check(output.decode(), process.returncode)


def _restore_sigint():
    # A shell without job control starts background programs with the signal
    # ignored, and their programs inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class TestFrozenDatabase(base.TestCase):

    def test_signal_ends_command_waiting_for_its_database(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        server.settimeout(60)
        path = self.config_file(database={
            'connection': 'mysql+pymysql://u:p@127.0.0.1:'
                          f'{server.getsockname()[1]}/usermsg'})
        for arguments in (['purge'], ['outbox', 'retry', '--all']):
            for number, statuses in ((signal.SIGINT, {130, -signal.SIGINT}),
                                     (signal.SIGTERM, {-signal.SIGTERM})):
                process = subprocess.Popen(
                    [*PURGE, path, *arguments], stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, preexec_fn=_restore_sigint)
                self.addCleanup(process.communicate)
                self.addCleanup(process.kill)
                with server.accept()[0]:
                    process.send_signal(number)
                    self.assertIn(process.wait(60), statuses)


class TestConcurrency(TestCase):
    """Reading and recording while many messages are removed."""

    options = {'batch_delay': 0.02, 'batch_size': 500}
    busy_timeout = 30

    #: Expired messages: 40 batches, which are interrupted.
    MANY = 20_000

    def setUp(self):
        super().setUp()
        self.kept = expiry.rows(25, DAY)
        self.insert(expiry.rows(self.MANY, 31 * DAY), self.kept)
        self.done = threading.Event()

    def read(self, api):
        """Read all pages, again and again; return how often."""
        kept = {row['id'] for row in self.kept}
        passes = 0
        while not (passes and self.done.is_set()):
            seen, marker = [], None
            while page := api.get_all(samples.request(), marker=marker,
                                      limit=500).objects:
                seen += [message.id for message in page]
                marker = seen[-1]
            self.assertEqual(len(seen), len(set(seen)))
            self.assertEqual(set(), kept - set(seen))
            passes += 1
        return passes

    def record(self, api):
        """Record messages until the purge is done; return their ids."""
        recorded = []
        while not (recorded and self.done.is_set()):
            recorded.append(samples.record(api).id)
            # Otherwise each pass would have more to read.
            time.sleep(0.02)
        return recorded

    def purge(self):
        process = subprocess.Popen(
            [*PURGE, self.config, 'purge'], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        end = time.monotonic() + 120
        while self.count_expired() == self.MANY:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        self.assertEqual((130, ''), (process.returncode, errors), output)
        remaining = self.count_expired()
        self.assertGreater(remaining, 0)
        self.assertIn(f'{remaining:,} expired messages have been removed.',
                      self.manage('purge'))
        self.assertEqual(0, self.count_expired())

    def count_expired(self):
        with self.db.reader() as connection:
            return connection.scalar(
                sa.select(sa.func.count()).select_from(models.messages)
                .where(models.messages.c.id < self.kept[0]['id']))

    def test_purge_does_not_affect_concurrent_requests(self):
        api = message_api.API(self.runtime(
            tables=False, reaper=self.options))
        with futures.ThreadPoolExecutor(2) as threads:
            reader = threads.submit(self.read, api)
            writer = threads.submit(self.record, api)
            try:
                self.purge()
            finally:
                self.done.set()
            self.assertGreater(reader.result(120), 0)
            recorded = writer.result(120)
        self.assertEqual(
            [row['id'] for row in self.kept] + recorded, self.ids())


class TestStats(TestCase):

    def setUp(self):
        super().setUp()
        moment = samples.START.replace(hour=23, minute=59, second=58)
        second = datetime.timedelta(seconds=1)
        self.insert(
            [samples.row(moment + second * number, message_level='INFO')
             for number in range(4)],
            [samples.row(moment + 3 * DAY, project_id='other', prefix='SHARE',
                         message_level='WARN') for _ in range(3)],
            [samples.row(moment + 4 * DAY, project_id='third',
                         message_level='INFO') for _ in range(2)])

    def stats(self, *arguments, **expected):
        return [list(row.values()) for row in json.loads(
            self.manage('stats', '-f', 'json', *arguments, **expected))]

    def test_stats_by_prefix_level_day_and_project(self):
        days = [['2026-01-31', 2], ['2026-02-01', 2], ['2026-02-03', 3],
                ['2026-02-04', 2]]
        for arguments, expected in (
                (['--limit', '2'], [[samples.PROJECT, 4], ['other', 3]]),
                (['--by', 'prefix'], [['VOLUME', 6], ['SHARE', 3]]),
                (['--by', 'level'], [['INFO', 6], ['WARN', 3]]),
                (['--by', 'day'], days),
                (['--project', 'other', '--by', 'level'], [['WARN', 3]]),
                (['--since', '2026-02-01', '--by', 'prefix'],
                 [['VOLUME', 4], ['SHARE', 3]])):
            self.assertEqual(expected, self.stats(*arguments), arguments)
        self.assertEqual([], self.stats(
            '--since', '0s', errors='No messages match.\n'))

    def test_statistics_by_time_and_project(self):
        since = samples.START + datetime.timedelta(hours=12)
        date = datetime.date
        for counts, expected in (
                (statistics.by_project(self.db),
                 [(samples.PROJECT, 4), ('other', 3), ('third', 2)]),
                (statistics.by_project(self.db, since),
                 [(samples.PROJECT, 2), ('other', 3), ('third', 2)]),
                (statistics.by_project(self.db, project_id='other'),
                 [('other', 3)]),
                (statistics.by_day(self.db, since),
                 [(date(2026, 2, 1), 2), (date(2026, 2, 3), 3),
                  (date(2026, 2, 4), 2)]),
                (statistics.by_day(self.db, project_id='other'),
                 [(date(2026, 2, 3), 3)]),
                (statistics.by_column(self.db, 'message_level',
                                      since + 2 * DAY, samples.PROJECT), [])):
            self.assertEqual(expected, list(counts))

    def test_stats_table_has_a_bar_chart(self):
        bars = re.findall(r'\| (\w+) +\| +(\d+) \| (#+) +\|',
                          self.manage('stats', '--by', 'prefix'))
        self.assertEqual([('SHARE', '3', '#' * 20)], bars[1:])
        self.assertIn('#' * 40, self.manage('stats', '--by', 'level'))
