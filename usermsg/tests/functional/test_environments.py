# SPDX-License-Identifier: Apache-2.0
"""Installed versions in the environments of other services."""

import json
import re
import runpy
import subprocess

from packaging import utils

from usermsg.tests import base
from usermsg.tests.fixtures import environments

_DIRECTORY = base.ROOT / 'usermsg' / 'tests' / 'fixtures' / 'environments'

# pip is installed by ensurepip, and the other two run from the clone.
_UNPINNED = {'pip', 'python-usermsgclient', 'usermsg-dashboard'}


class EnvironmentsTest(base.TestCase):

    def test_installed_versions_match_the_pins(self):
        read_pins = runpy.run_path(
            str(base.ROOT / 'tools' / 'constraints.py'))['read_pins']
        names = sorted(path.stem for path in _DIRECTORY.glob('*.txt'))
        self.assertGreaterEqual(len(names), 9)
        for name in names:
            pins = read_pins((_DIRECTORY / 'constraints' / f'{name}.txt')
                             .read_text(encoding='utf-8'))
            installed = {
                utils.canonicalize_name(package['name']): package['version']
                for package in self.list_installed(name)}
            for package in _UNPINNED:
                installed.pop(package, None)
            self.assertNotEqual({}, installed)
            self.assertEqual({}, {
                package: version for package, version in installed.items()
                if pins.get(package) != version}, name)

    def list_installed(self, name):
        environment = environments.get(name)
        return json.loads(subprocess.run(
            [environment.program('python'), '-m', 'pip', 'list',
             '--disable-pip-version-check', '--format', 'json'], check=True,
            env=environment.variables(), capture_output=True, text=True,
            timeout=120).stdout)

    def test_pins_of_the_client_are_a_subset_of_upper_constraints(self):
        upper, client = (
            set(re.findall('^[^#].*$', path.read_text(encoding='utf-8'), re.M))
            for path in (base.ROOT / 'upper-constraints.txt',
                         _DIRECTORY / 'constraints' / 'own-client.txt'))
        names = {line.partition('==')[0] for line in client}
        upper = {line.partition(' ;')[0] for line in upper
                 if line.partition('==')[0] in names}
        self.assertEqual({line.partition(' ;')[0] for line in client}, upper)
