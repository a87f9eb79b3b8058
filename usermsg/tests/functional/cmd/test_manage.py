# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage catalogue``, and errors of ``usermsg-manage``."""

import csv
import json
import os
import re
import subprocess
import sys

from usermsg.catalogue import loader
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import servers

PASSWORD = 'hunter2'

VALID = '''
prefixes:
  VOLUME:
    details:
      '003':
        remedy: Call 4711.
  ACME:
    events:
      '000001': {constant: OUT_OF_OIL, text: The robot is out of oil.}
'''

INVALID = '''
prefixes:
  VOLUME:
    details:
      '999': {remedy: Call 4711.}
'''
INVALID_LINE = 5


class TestManage(base.TestCase):

    def manage(self, *arguments, **groups):
        return commands.manage(*arguments, config=self.config_file(**groups))

    def overlay(self, text):
        self.write('overlay/a.yaml', text)
        return str(self.home / 'overlay')

    def assertSucceeded(self, end):
        self.assertEqual((0, ''), (end.returncode, end.stderr))

    def assertFailedWithOneLine(self, pattern, end):
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertRegex(end.stderr, f'^{pattern}\n$')
        self.assertEqual(1, end.stderr.count('\n'), end.stderr)

    def test_list_prints_a_table_of_all_entries(self):
        end = self.manage('catalogue', 'list')
        self.assertSucceeded(end)
        border, head, _, *rows, last = end.stdout.splitlines()
        self.assertRegex(border, r'^[+-]+$')
        self.assertEqual(border, last)
        rows = [[cell.strip() for cell in row.strip('|').split(' | ')]
                for row in (head, *rows)]
        self.assertEqual(
            [['Prefix', 'Kind', 'Id', 'Constant', 'Text'],
             *(list(columns[:5]) for columns in loader.built_in().texts())],
            [row[:5] for row in rows])

    def test_list_as_json_filters_by_prefix_and_language(self):
        end = self.manage('catalogue', 'list', '-f', 'json',
                          '--prefix', 'volume', '--language', 'de')
        self.assertSucceeded(end)
        german = list(loader.built_in().texts('de', 'VOLUME'))
        english = list(loader.built_in().texts('en', 'VOLUME'))
        self.assertNotEqual(english, german)
        self.assertEqual([list(columns) for columns in german],
                         [list(entry.values())
                          for entry in json.loads(end.stdout)])

    def test_list_contains_the_overlay(self):
        end = self.manage('catalogue', 'list', '-f', 'json',
                          catalogue={'overlay_dir': self.overlay(VALID)})
        self.assertSucceeded(end)
        entries = json.loads(end.stdout)
        self.assertIn('Call 4711.', [entry['Remedy'] for entry in entries])
        self.assertIn('ACME_000001', [entry['Id'] for entry in entries])

    def test_list_with_unknown_prefix_or_language_fails(self):
        self.assertFailedWithOneLine(
            r'--prefix: must be one of BAREMETAL, COMPUTE, CONTAINER_INFRA, '
            r'DATABASE, DNS, IMAGE, NETWORK, ORCHESTRATION, SHARE, VOLUME, '
            r'not NOPE\.',
            self.manage('catalogue', 'list', '--prefix', 'nope'))
        self.assertFailedWithOneLine(
            r'--language: must be one of de, en, ja, not xx\.',
            self.manage('catalogue', 'list', '--language', 'xx'))

    def test_validate_needs_no_database_and_no_configuration(self):
        number = len(list(loader.built_in().texts()))
        end = commands.manage('catalogue', 'validate')
        self.assertSucceeded(end)
        self.assertRegex(end.stdout, f'^The catalogue is valid: {number} .*'
                         'BAREMETAL, COMPUTE, CONTAINER_INFRA, DATABASE, DNS, '
                         'IMAGE, NETWORK, ORCHESTRATION, SHARE, VOLUME; '
                         'languages en, .*\n$')
        self.assertNotIn('overlay', end.stdout)

    def test_validate_with_valid_overlay_succeeds(self):
        number = len(list(loader.built_in().texts())) + 1
        overlay = self.overlay(VALID)
        for end in (commands.manage('catalogue', 'validate', overlay),
                    self.manage('catalogue', 'validate',
                                catalogue={'overlay_dir': overlay})):
            self.assertSucceeded(end)
            self.assertRegex(
                end.stdout, f'^The catalogue is valid: {number} .*ACME.*'
                f'{re.escape(overlay)}.*\n$')

    def test_validate_reports_file_line_and_reason(self):
        path = f'{self.overlay(INVALID)}/a.yaml'
        good = self.write('good/a.yaml', VALID).removesuffix('/a.yaml')
        reason = (f'{re.escape(path)}:{INVALID_LINE}: 999: VOLUME has no such '
                  f'entry.*')
        overlay = path.removesuffix('/a.yaml')
        # The argument takes precedence over the option.
        self.assertFailedWithOneLine(reason, self.manage(
            'catalogue', 'validate', overlay,
            catalogue={'overlay_dir': good}))
        self.assertFailedWithOneLine(reason, self.manage(
            'catalogue', 'validate', catalogue={'overlay_dir': overlay}))

    def test_missing_overlay_is_reported(self):
        missing = str(self.home / 'missing')
        reason = f'{re.escape(missing)}: the directory cannot be read: .*'
        self.assertFailedWithOneLine(
            reason, commands.manage('catalogue', 'validate', missing))
        self.assertFailedWithOneLine(reason, self.manage(
            'catalogue', 'list', catalogue={'overlay_dir': missing}))

    def test_missing_configuration_file_is_reported(self):
        missing = str(self.home / 'missing.conf')
        for command in (('catalogue', 'list'), ('db', 'check')):
            self.assertFailedWithOneLine(
                f'{re.escape(missing)}: the configuration file does not '
                f'exist.*', commands.manage(*command, config=missing))

    def test_malformed_configuration_file_is_reported(self):
        path = self.write('usermsg.conf', f'[database]\n{PASSWORD}\n')
        end = commands.manage('db', 'check', config=path)
        self.assertFailedWithOneLine(f'{re.escape(path)}:2: .*', end)
        self.assertNotIn(PASSWORD, end.stderr)

    def test_missing_database_connection_is_reported(self):
        path = self.write('usermsg.conf', '[api]\n')
        for end in (commands.manage('db', 'sync', config=path),
                    commands.manage('db', 'check')):
            self.assertFailedWithOneLine(
                r'\[database\] connection is not set; for example: .*', end)


class TestAsciiLocale(base.TestCase):

    def manage(self, *arguments):
        # Python chooses its encodings only at its start.
        return subprocess.run(
            [sys.executable, '-m', 'usermsg.cmd.manage', *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
            env={**os.environ, 'LC_ALL': 'C', 'PYTHONUTF8': '0',
                 'PYTHONCOERCECLOCALE': '0', 'PYTHONIOENCODING': ''})

    def test_texts_are_escaped(self):
        end = self.manage('catalogue', 'list', '--language', 'ja',
                          '--prefix', 'DNS', '-f', 'csv')
        self.assertEqual((0, b''), (end.returncode, end.stderr))
        _head, *rows = csv.reader(
            end.stdout.decode('unicode_escape').splitlines())
        self.assertEqual(
            [[text or '' for text in columns]
             for columns in loader.built_in().texts('ja', 'DNS')], rows)

    def test_file_that_is_not_ascii_is_named(self):
        path = self.write('usermsg.conf', '# gr\xfcn\n')
        end = self.manage('--config-file', path, 'catalogue', 'list')
        self.assertEqual((1, b''), (end.returncode, end.stdout))
        self.assertEqual(
            f'{path}: a configuration file is not ASCII, the encoding of the '
            'locale: set LC_ALL=C.UTF-8, for example.\n', end.stderr.decode())


class TestUnreachable(databases.TestCase):

    def setUp(self):
        super().setUp()
        if self.server is None:
            url = f'sqlite:///{self.home}/missing/x.sqlite'
            self.reason = 'unable to open database file'
        else:
            url = (f'{self.url.partition(":")[0]}://usermsg:{PASSWORD}'
                   f'@127.0.0.1:{servers.free_port()}/usermsg')
            self.reason = '[Rr]efused'
        self.config = self.config_file(database={'connection': url})

    def test_unreachable_database_is_one_line_without_password(self):
        for command in ('version', 'check'):
            end = commands.manage('db', command, config=self.config)
            self.assertEqual((1, ''), (end.returncode, end.stdout))
            self.assertRegex(
                end.stderr,
                f'^The database cannot be used: .*{self.reason}.*\n$')
            self.assertEqual(1, end.stderr.count('\n'), end.stderr)
            self.assertNotIn(PASSWORD, end.stderr)

    def test_traceback_contains_no_password(self):
        end = commands.manage('--debug', 'db', 'sync', config=self.config)
        self.assertEqual(1, end.returncode)
        self.assertIn('Traceback', end.stderr)
        self.assertNotIn(PASSWORD, end.stdout + end.stderr)
