# SPDX-License-Identifier: Apache-2.0
"""The tested set of libraries: renewing it, and comparing with it.

    python tools/constraints.py renew      # writes the files of pins
    python tools/constraints.py compare    # with what is installed

``upper-constraints.txt`` pins all that usermsg, its client, the tests and the
documentation need, whatever they need in turn, and what builds it: one file
for every Python that the metadata name. Each environment of another service,
``usermsg/tests/fixtures/environments/NAME.txt``, has a set of its own in
``constraints/NAME.txt`` beside it; that of our own client is a part of the
first. ``tox -e constraints`` renews them all,
``tox -e latest`` tests what renewing would bring.
"""

import argparse
import importlib.metadata
import pathlib
import re
import subprocess
import sys

from packaging import requirements
from packaging import utils

_ROOT = pathlib.Path(__file__).parents[1]
_ENVIRONMENTS = _ROOT / 'usermsg' / 'tests' / 'fixtures' / 'environments'
_UPPER = _ROOT / 'upper-constraints.txt'
_BUILD = 'build-requirements.txt'
MAIN = (
    'requirements.txt', 'test-requirements.txt', 'doc/requirements.txt',
    'client/requirements.txt', 'client/test-requirements.txt',
    'tools/requirements.txt', _BUILD)
# The lowest Python that is supported; markers stand for the others.
_PYTHON = '3.11'
# Ours are installed from the clone, and pip came with the environment.
_UNPINNED = {'usermsg', 'python-usermsgclient', 'pip'}
_HEADER = '# Written by "tox -e constraints".\n'


def renew():
    """Write each set anew, with the newest releases that fit together."""
    _write(_UPPER, MAIN)
    for asked in sorted(_ENVIRONMENTS.glob('*.txt')):
        ours = re.search('^-e ', asked.read_text(encoding='utf-8'), re.M)
        _write(_ENVIRONMENTS / 'constraints' / asked.name,
               (str(asked.relative_to(_ROOT)), _BUILD),
               *(['--constraint', _UPPER] if ours else []))


def _write(path, inputs, *options):
    resolved = subprocess.run(
        ['uv', 'pip', 'compile', '--quiet', '--universal', '--no-header',
         '--no-annotate', '--python-version', _PYTHON, *options, *inputs],
        cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    # pip takes no editable distribution in a file of constraints.
    pins = [line for line in resolved.splitlines(keepends=True)
            if not line.startswith('-e ')]
    path.write_text(_HEADER + ''.join(pins), encoding='utf-8')


def compare():
    """Print what is installed and not pinned to its version.

    :returns: the exit status: 1 if anything differs
    """
    pins = read_pins(_UPPER.read_text(encoding='utf-8'))
    different = []
    for distribution in importlib.metadata.distributions():
        name = utils.canonicalize_name(distribution.name)
        if name in _UNPINNED or distribution.version == pins.get(name):
            continue
        different.append(f'{name}: installed {distribution.version}, '
                         f'tested {pins.get(name, "none")}')
    if different:
        print(f'Other libraries than those of {_UPPER.name}:',
              *sorted(different), sep='\n    ')
    return bool(different)


def read_pins(text, python=None):
    """The versions that a file of pins has for one Python.

    :param text: the file, a requirement ``name==version [; marker]`` a line
    :param python: its version, such as ``3.11.2``; without it the one that
        runs
    :returns: a dictionary of versions by canonical name
    :raises ValueError: a line pins no version, or not exactly one
    """
    environment = python and {
        'python_full_version': python,
        'python_version': '.'.join(python.split('.')[:2])}
    pins = {}
    for line in re.findall(r'^[^#\n].*$', text, re.M):
        requirement = requirements.Requirement(line)
        [specifier] = requirement.specifier
        if specifier.operator != '==':
            raise ValueError(f'not pinned: {line}')
        marker = requirement.marker
        if marker is None or marker.evaluate(environment):
            pins[utils.canonicalize_name(requirement.name)] = specifier.version
    return pins


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('action', choices=('renew', 'compare'))
    sys.exit({'renew': renew, 'compare': compare}[
        parser.parse_args().action]())
