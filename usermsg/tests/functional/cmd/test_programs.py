# SPDX-License-Identifier: Apache-2.0
"""Options that all programs have in common."""

import importlib.metadata

from usermsg.tests import base
from usermsg.tests.fixtures import commands


class TestPrograms(base.TestCase):

    def test_version_option_prints_the_version(self):
        version = importlib.metadata.version('usermsg')
        for name in ('api', 'manage', 'status', 'worker'):
            process = commands.run(name, '--version')
            self.assertEqual(
                (0, ''), (process.returncode, process.stderr), name)
            self.assertTrue(process.stdout.endswith(f' {version}\n'),
                            process.stdout)
            self.assertEqual(1, process.stdout.count('\n'))

    def test_invalid_rate_prevents_the_start(self):
        for name, value in (
                ('record_rate', 'fast'), ('record_rates', 'red:1,red:2'),
                ('record_rates', 'red:1\nrecord_rates = red:2'),
                ('record_rate_per_caller', 'nan')):
            config = self.config_file(messages={name: value})
            for program in ('api', 'worker'):
                process = commands.run(program, '--config-file', config)
                self.assertEqual(1, process.returncode, process.stderr)
                self.assertIn(f'[messages] {name} is not valid: ',
                              process.stderr)
                self.assertNotIn('Traceback', process.stderr)
