# SPDX-License-Identifier: Apache-2.0
"""Agreement of pins and requirements, for each supported Python."""

import re
import runpy

from packaging import requirements
from packaging import utils

from usermsg.tests import base

_ENVIRONMENTS = base.ROOT / 'usermsg' / 'tests' / 'fixtures' / 'environments'


def _read_requirements(*paths):
    text = '\n'.join(path.read_text(encoding='utf-8') for path in paths)
    for line in re.findall(r'^[A-Za-z][^#\n]*', text, re.M):
        yield requirements.Requirement(line.strip())


def _read_extras():
    text = (base.ROOT / 'setup.cfg').read_text(encoding='utf-8')
    [section] = re.findall(r'^\[extras\]\n(.*?)^\[', text, re.M | re.S)
    for line in re.findall(r'^    ([^#\n]+)', section, re.M):
        yield requirements.Requirement(line.strip())


class ConstraintsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        tool = runpy.run_path(str(base.ROOT / 'tools' / 'constraints.py'))
        self.read_pins = tool['read_pins']
        self.inputs = [base.ROOT / name for name in tool['MAIN']]

    def assert_pinned(self, expected, path):
        expected = list(expected)
        self.assertNotEqual([], expected)
        for python in ('3.11.2', '3.12.1', '3.13.0'):
            pins = self.read_pins(path.read_text(encoding='utf-8'), python)
            for requirement in expected:
                name = utils.canonicalize_name(requirement.name)
                self.assertIn(name, pins, (python, path))
                self.assertTrue(
                    requirement.specifier.contains(pins[name]),
                    f'{path} pins {name} to {pins[name]}, which '
                    f'{requirement} does not allow')

    def test_upper_constraints_satisfy_the_requirements(self):
        self.assertGreaterEqual(len(self.inputs), 7)
        self.assert_pinned(_read_requirements(*self.inputs),
                           base.ROOT / 'upper-constraints.txt')

    def test_upper_constraints_satisfy_the_extras(self):
        self.assert_pinned(_read_extras(), base.ROOT / 'upper-constraints.txt')

    def test_each_environment_and_its_build_tools_are_pinned(self):
        inputs = sorted(_ENVIRONMENTS.glob('*.txt'))
        self.assertGreaterEqual(len(inputs), 7)
        for path in inputs:
            self.assert_pinned(
                _read_requirements(path, base.ROOT / 'build-requirements.txt'),
                _ENVIRONMENTS / 'constraints' / path.name)

    def test_requirement_without_pin_is_refused(self):
        for line in ('orjson>=3', 'orjson', 'orjson==3,!=4'):
            self.assertRaises(ValueError, self.read_pins, line)

    def test_marker_selects_the_python_of_a_pin(self):
        text = ("# a comment\nsphinx==9.0 ; python_full_version < '3.12'\n"
                "sphinx==9.2 ; python_full_version >= '3.12'\n")
        self.assertEqual({'sphinx': '9.0'}, self.read_pins(text, '3.11.2'))
        self.assertEqual({'sphinx': '9.2'}, self.read_pins(text, '3.13.0'))
