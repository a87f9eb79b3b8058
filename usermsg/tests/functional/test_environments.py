# SPDX-License-Identifier: Apache-2.0
"""The environments of other services hold what is pinned, and no more."""

import json
import re
import runpy
import subprocess

from packaging import utils

from usermsg.tests import base
from usermsg.tests.fixtures import environments

_DIRECTORY = base.ROOT / 'usermsg' / 'tests' / 'fixtures' / 'environments'

# What ensurepip brings, and what runs from the clone.
_UNPINNED = {'pip', 'python-usermsgclient'}


class EnvironmentsTest(base.TestCase):

    def test_installed_versions_match_the_pins(self):
        read_pins = runpy.run_path(
            str(base.ROOT / 'tools' / 'constraints.py'))['read_pins']
        names = sorted(path.stem for path in _DIRECTORY.glob('*.txt'))
        self.assertGreaterEqual(len(names), 7)
        for name in names:
            pins = read_pins((_DIRECTORY / 'constraints' / f'{name}.txt')
                             .read_text(encoding='utf-8'))
            installed = {
                utils.canonicalize_name(each['name']): each['version']
                for each in self.list_installed(name)}
            for free in _UNPINNED:
                installed.pop(free, None)
            self.assertNotEqual({}, installed)
            self.assertEqual({}, {
                each: version for each, version in installed.items()
                if pins.get(each) != version}, name)

    def list_installed(self, name):
        environment = environments.get(name)
        return json.loads(subprocess.run(
            [environment.program('python'), '-m', 'pip', 'list',
             '--disable-pip-version-check', '--format', 'json'], check=True,
            env=environment.variables(), capture_output=True, text=True,
            timeout=120).stdout)

    def test_pins_of_the_client_are_a_subset_of_upper_constraints(self):
        whole, ours = (
            set(re.findall('^[^#].*$', path.read_text(encoding='utf-8'), re.M))
            for path in (base.ROOT / 'upper-constraints.txt',
                         _DIRECTORY / 'constraints' / 'own-client.txt'))
        names = {line.partition('==')[0] for line in ours}
        whole = {line.partition(' ;')[0] for line in whole
                 if line.partition('==')[0] in names}
        self.assertEqual({line.partition(' ;')[0] for line in ours}, whole)
