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
