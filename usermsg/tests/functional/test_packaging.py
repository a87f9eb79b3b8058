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
        self.assert_wheel_contains(base.ROOT / 'usermsg', {
            '*.py': 80, 'languages/*.yaml': 2, '*.mako': 1,
            'schemas/*.json': 10})

    def test_wheel_of_the_dashboard_contains_code_and_data_files(self):
        horizon = environments.get('horizon')
        subprocess.run(
            [horizon.program('python'), '-m', 'pip', 'wheel', '--no-deps',
             '--no-build-isolation', '--wheel-dir', self.home,
             base.ROOT / 'dashboard'], check=True,
            env=horizon.variables(), capture_output=True, timeout=300)
        self.assert_wheel_contains(
            base.ROOT / 'dashboard' / 'usermsg_dashboard', {
                '*.py': 60, '*.html': 15, '*.js': 3, '*.scss': 2,
                'conf/**/*.yaml': 2, 'locale/**/*.po': 4,
                'locale/**/*.mo': 4})

    def assert_wheel_contains(self, directory, minima):
        """Check that the only wheel contains files of a package.

        :param minima: pattern -> number of files that match it at least
        """
        [wheel] = self.home.glob('*.whl')
        with zipfile.ZipFile(wheel) as archive:
            archived = set(archive.namelist())
        for pattern, minimum in minima.items():
            required = {str(path.relative_to(directory.parent)) for path in
                        directory.rglob(pattern)}
            self.assertGreaterEqual(len(required), minimum, pattern)
            self.assertEqual(set(), required - archived)
