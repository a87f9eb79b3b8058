# SPDX-License-Identifier: Apache-2.0
"""What is the same in all programs."""

import importlib.metadata

from usermsg.tests import base
from usermsg.tests.fixtures import commands


class ProgramsTest(base.TestCase):

    def test_each_says_its_version(self):
        version = importlib.metadata.version('usermsg')
        for name in ('api', 'manage', 'status', 'worker'):
            done = commands.run(name, '--version')
            self.assertEqual((0, ''), (done.returncode, done.stderr), name)
            self.assertTrue(done.stdout.endswith(f' {version}\n'),
                            done.stdout)
            self.assertEqual(1, done.stdout.count('\n'))
