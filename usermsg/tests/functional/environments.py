# SPDX-License-Identifier: Apache-2.0
"""Virtual environments for what must not share usermsg's own.

Other services, whose pins differ from ours, and their clients as users have
them. Each is a file of requirements in ``environments/``::

    environment = environments.get('keystone')
    subprocess.run([environment.program('keystone-manage'), 'db_sync'])

``constraints/NAME.txt`` pins all that is installed, and what builds it;
``tox -e constraints`` writes it. An environment is made at its first use,
which takes a minute, kept, and made anew when one of the two files changes. A
line such as ``-e ./client`` is for a distribution of this repository: its code
runs from here, and what says what else is installed of it counts as if it
stood in the file.
"""

import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

_REQUIREMENTS = pathlib.Path(__file__).parent / 'environments'
_REPOSITORY = pathlib.Path(__file__).parents[3]
_KEPT = _REPOSITORY / '.environments'


class Environment:
    """A virtual environment.

    :param directory: where it is
    """

    def __init__(self, directory):
        self.directory = directory

    def program(self, name):
        """The path of a program in it."""
        return str(self.directory / 'bin' / name)

    def variables(self, **more):
        """The variables of a process of this environment, not of ours."""
        kept = {name: value for name, value in os.environ.items()
                if name not in ('VIRTUAL_ENV', 'PYTHONPATH', 'PYTHONHOME')
                and not name.startswith('OS_')}
        path = os.pathsep.join([str(self.directory / 'bin'),
                                os.environ.get('PATH', os.defpath)])
        return {**kept, 'PATH': path, **more}


@functools.lru_cache(maxsize=None)
def get(name):
    """The environment of ``environments/NAME.txt``.

    Several processes may ask at once: one makes it, the others wait.

    :raises RuntimeError: it can't be made; ends with what pip said
    """
    requirements = _REQUIREMENTS / f'{name}.txt'
    # Relative, as pip takes a blank in these variables for the end of a path.
    constraints = (requirements.parent / 'constraints' /
                   requirements.name).relative_to(_REPOSITORY)
    digest = _digest(requirements, _REPOSITORY / constraints)
    directory = _KEPT / name
    made_of = directory / 'made-of'
    _KEPT.mkdir(exist_ok=True)
    with open(_KEPT / f'{name}.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made_of.exists() and made_of.read_text() == digest):
            shutil.rmtree(directory, ignore_errors=True)
            _run(sys.executable, '-m', 'venv', directory)
            _run(directory / 'bin' / 'python', '-m', 'pip', 'install',
                 '--quiet', '--disable-pip-version-check', '--retries', '10',
                 # Most of what is installed is never imported.
                 '--no-compile',
                 '--requirement', requirements,
                 PIP_CONSTRAINT=constraints, PIP_BUILD_CONSTRAINT=constraints)
            made_of.write_text(digest)
    return Environment(directory)


def _digest(requirements, constraints):
    """Of all that an environment is made of."""
    parts = [requirements.read_bytes(), constraints.read_bytes(),
             sys.version.encode()]
    for ours in re.findall(r'^-e (\./\S+)$', requirements.read_text(), re.M):
        directory = _REPOSITORY / ours
        parts.append(str(directory).encode())
        parts += [(directory / name).read_bytes() for name in (
            'pyproject.toml', 'requirements.txt', 'setup.cfg')]
    return hashlib.sha256(b''.join(parts)).hexdigest()


def _run(*command, **variables):
    kept = {name: value for name, value in os.environ.items()
            if name != 'PYTHONPATH'}
    done = subprocess.run(
        [str(part) for part in command], cwd=_REPOSITORY,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
        env={**kept, **{name: str(value)
                        for name, value in variables.items()}})
    if done.returncode:
        raise RuntimeError(f'{command[0]} failed: {done.stdout[-2000:]}')


def main():
    """Make all of them: what tests would otherwise wait for."""
    for requirements in sorted(_REQUIREMENTS.glob('*.txt')):
        get(requirements.stem)


if __name__ == '__main__':
    main()
