# SPDX-License-Identifier: Apache-2.0
"""The quick start where it can't begin; tools/test.sh runs the rest."""

import shutil
import subprocess
import sys

from usermsg.tests import base

_SCRIPT = base.ROOT / 'tools' / 'quickstart.sh'


class QuickstartTest(base.TestCase):

    def run_script(self, *arguments):
        """Run the script without RabbitMQ, as a user who isn't root."""
        directory = self.home / 'bin'
        directory.mkdir(exist_ok=True)
        for name, program in (('python3', sys.executable),
                              *((name, shutil.which(name)) for name in (
                                  'cat', 'dirname', 'env', 'sed', 'sh'))):
            if not (directory / name).exists():
                (directory / name).symlink_to(program)
        (directory / 'id').write_text('#!/bin/sh\necho 1000\n')
        (directory / 'id').chmod(0o755)
        return subprocess.run(
            ['sh', str(_SCRIPT), *arguments], text=True, timeout=120,
            capture_output=True, cwd=self.home, env={
                'PATH': str(directory), 'HOME': str(self.home),
                'RABBITMQ_BIN': str(self.home / 'none')})

    def test_missing_rabbitmq_is_reported_before_installing(self):
        result = self.run_script('--listen', '--once')
        self.assertEqual(1, result.returncode)
        self.assertEqual('', result.stdout)
        self.assertIn('--listen requires RabbitMQ', result.stderr)
        self.assertIn('Install the package\nrabbitmq-server', result.stderr)

    def test_unknown_option_prints_the_usage(self):
        result = self.run_script('--listening')
        self.assertEqual(2, result.returncode)
        for option in ('--listen', '--once'):
            self.assertIn(option, result.stderr)
