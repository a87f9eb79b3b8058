# SPDX-License-Identifier: Apache-2.0
"""Contents of a release: the code and its data files."""

import subprocess
import zipfile

from usermsg.tests import base
from usermsg.tests.fixtures import environments


class PackagingTest(base.TestCase):

    def test_wheel_contains_code_and_data_files(self):
        packaging = environments.get('packaging')
        # Builds the sdist from the clone, and the wheel from that sdist.
        subprocess.run(
            [packaging.program('python'), '-m', 'build', '--no-isolation',
             '--outdir', self.home, base.ROOT], check=True,
            env=packaging.variables(), capture_output=True, timeout=300)
        [wheel] = self.home.glob('*.whl')
        with zipfile.ZipFile(wheel) as archive:
            archived = set(archive.namelist())
        for pattern, number in (
                ('*.py', 80), ('languages/*.yaml', 2), ('*.mako', 1),
                ('schemas/*.json', 10)):
            required = {str(path.relative_to(base.ROOT)) for path in
                        (base.ROOT / 'usermsg').rglob(pattern)}
            self.assertGreaterEqual(len(required), number)
            self.assertEqual(set(), required - archived)
