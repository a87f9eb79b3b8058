# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""What is the same in all programs."""

import importlib.metadata

from usermsg.tests import base
from usermsg.tests.functional import commands


class ProgramsTest(base.TestCase):

    def test_each_says_its_version(self):
        version = importlib.metadata.version('usermsg')
        for name in ('api', 'manage', 'status', 'worker'):
            done = commands.run(name, '--version')
            self.assertEqual((0, ''), (done.returncode, done.stderr), name)
            self.assertTrue(done.stdout.endswith(f' {version}\n'),
                            done.stdout)
            self.assertEqual(1, done.stdout.count('\n'))
