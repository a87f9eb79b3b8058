# SPDX-License-Identifier: Apache-2.0
"""Make the recorded notifications of the tests anew, with the services.

Run as ``tox -e payloads [SERVICE...]``. Each service is installed from PyPI in
a virtual environment of its own, of 300 to 400 MB, below a directory that
``PAYLOAD_ENVIRONMENTS`` names (default: ``.environments/payloads``).
"""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
REPOSITORY = HERE.parents[1]
OUTPUT = REPOSITORY / 'usermsg/tests/fixtures/data/notifications'

#: Service -> requirement.
REQUIREMENTS = {
    'cinder': 'cinder==29.0.0',
    'designate': 'designate==23.0.0',
    'glance': 'glance==33.0.0',
    'heat': 'openstack-heat==27.0.1',
    'ironic': 'ironic==39.0.0',
    'magnum': 'magnum==23.0.0',
    'manila': 'manila==23.0.1',
    'neutron': 'neutron==29.0.0',
    'nova': 'nova==34.0.0',
    'trove': 'trove==26.0.0'}


def make_environment(service):
    """Return the path of the Python of a service's environment."""
    directory = pathlib.Path(os.environ.get(
        'PAYLOAD_ENVIRONMENTS', REPOSITORY / '.environments/payloads'),
        service)
    python = directory / 'bin/python'
    stamp = directory / 'made-of'
    requirement = REQUIREMENTS[service]
    if not stamp.exists() or stamp.read_text() != requirement:
        subprocess.run([sys.executable, '-m', 'venv', '--clear', directory],
                       check=True)
        subprocess.run([python, '-m', 'pip', 'install', '--quiet',
                        '--disable-pip-version-check', requirement],
                       check=True)
        stamp.write_text(requirement)
    return python


def record(service):
    """Record a service's notifications; return the line about versions."""
    result = subprocess.run(
        [make_environment(service), '-W', 'ignore',
         HERE / f'record_{service}.py', OUTPUT / f'{service}.jsonl'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE)
    if result.returncode:
        raise SystemExit(f'{service}: {result.stderr[-2000:]}')
    return result.stdout.splitlines()[-1]


def main(services):
    versions = OUTPUT / 'versions.txt'
    lines = {}
    if versions.exists():
        lines = {re.match(r'\w+', line)[0]: line
                 for line in versions.read_text().splitlines()}
    for service in services or REQUIREMENTS:
        lines[service] = record(service)
        print(lines[service])
    versions.write_text(''.join(
        f'{lines[service]}\n' for service in sorted(lines)))


if __name__ == '__main__':
    main(sys.argv[1:])
