# SPDX-License-Identifier: Apache-2.0
"""Renew the pinned versions of tested libraries, or compare with them.

    python tools/constraints.py renew [NAME]  # write the constraints files
    python tools/constraints.py compare       # compare with installed ones

``upper-constraints.txt`` pins the libraries that usermsg, its client, the
tests and the documentation need, their dependencies, and the packages that
build them: one file for every Python version in the metadata. Each environment
of another service, ``usermsg/tests/fixtures/environments/NAME.txt``, has a
separate set of pins in ``constraints/NAME.txt`` beside it; that of usermsg's
client is a subset of the first. ``tox -e constraints`` renews them all, or
with ``-- NAME`` only those of an environment, ``tox -e latest`` tests the
versions that a renewal would pin.
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
# The lowest supported version of Python; markers cover the others.
_PYTHON = '3.11'
# usermsg and its client are installed from the clone, and pip comes with the
# environment.
_UNPINNED = {'usermsg', 'python-usermsgclient', 'pip'}
_HEADER = '# Written by "tox -e constraints".\n'


def renew(name=None):
    """Pin the newest compatible releases in each constraints file.

    :param name: environment whose file is the only one to write
    """
    if name is None:
        _write(_UPPER, MAIN)
    for path in sorted(_ENVIRONMENTS.glob(f'{name or "*"}.txt')):
        has_client = re.search(
            '^-e ./client$', path.read_text(encoding='utf-8'), re.M)
        _write(_ENVIRONMENTS / 'constraints' / path.name,
               (str(path.relative_to(_ROOT)), _BUILD),
               *(['--constraint', _UPPER] if has_client else []))


def _write(path, inputs, *options):
    resolved = subprocess.run(
        ['uv', 'pip', 'compile', '--quiet', '--universal', '--no-header',
         '--no-annotate', '--python-version', _PYTHON, *options, *inputs],
        cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    # pip accepts no editable distributions in a constraints file.
    pins = [line for line in resolved.splitlines(keepends=True)
            if not line.startswith('-e ')]
    path.write_text(_HEADER + ''.join(pins), encoding='utf-8')


def compare():
    """Print the installed libraries that differ from their pins.

    :returns: the exit status: 1 if any library differs
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
        print(f'Libraries that differ from {_UPPER.name}:',
              *sorted(different), sep='\n    ')
    return bool(different)


def read_pins(text, python=None):
    """Read the pinned versions for one Python from a constraints file.

    :param text: the file, one requirement ``name==version [; marker]`` a line
    :param python: version of Python, such as ``3.11.2``; by default the
        running one
    :returns: dict of canonical name -> version
    :raises ValueError: a line doesn't pin exactly one version
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
    parser.add_argument('name', nargs='?',
                        help='the only environment to renew')
    arguments = parser.parse_args()
    sys.exit(compare() if arguments.action == 'compare' else
             renew(arguments.name))
