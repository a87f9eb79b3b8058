# SPDX-License-Identifier: Apache-2.0
"""The systemd units of etc/usermsg, verified with systemd-analyze."""

import configparser
import importlib.metadata
import re
import shutil
import subprocess
import textwrap

from usermsg.api import server
from usermsg.tests import base
from usermsg.tests.fixtures import servers

UNITS = sorted((base.ROOT / 'etc' / 'usermsg').glob('*.service'))

#: Directory in which the examples expect the programs of usermsg.
PROGRAMS = '/opt/usermsg/bin/'

#: Limit on the exposure of a unit as systemd rates it, in tenths.
EXPOSURE = 20


class UnitsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.program = servers.require(lambda: servers.find(
            'systemd-analyze', "Debian's package systemd"))

    def copy(self, unit):
        """Copy a unit, with programs that exist; return the path."""
        copied = self.home / unit.name
        copied.write_text(re.sub(
            rf'(?<=^ExecStart={PROGRAMS}).*$', '',
            unit.read_text(encoding='utf-8'), flags=re.M).replace(
                f'ExecStart={PROGRAMS}', f'ExecStart={shutil.which("true")}'),
            encoding='utf-8')
        return copied

    def analyze(self, *arguments):
        result = subprocess.run(
            [self.program, *arguments], text=True, cwd=self.home,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return result.returncode, result.stdout

    def test_units_are_valid(self):
        self.assertEqual(3, len(UNITS))
        for unit in UNITS:
            self.assertEqual((0, ''), self.analyze(
                'verify', str(self.copy(unit))), unit.name)

    def test_unknown_directive_is_reported(self):
        copied = self.copy(UNITS[0])
        with open(copied, 'a', encoding='utf-8') as stream:
            stream.write('[Service]\nProtectSistem=strict\n')
        _status, output = self.analyze('verify', str(copied))
        self.assertIn('ProtectSistem', output)

    def test_units_have_a_low_exposure(self):
        if 'threshold' not in self.analyze('--help')[1]:
            self.skipTest('this systemd-analyze has no option --threshold')
        for unit in UNITS:
            status, output = self.analyze(
                'security', '--offline=true', '--no-pager',
                f'--threshold={EXPOSURE}', str(self.copy(unit)))
            self.assertEqual(0, status, output)

    def test_documented_credentials_are_valid(self):
        page = base.ROOT / 'doc' / 'source' / 'admin' / 'deployment.rst'
        match = re.search(
            r'^\.\. code-block:: ini\n\n((?: +.*LoadCredential.*\n|'
            r' +.*\n)+)', page.read_text(encoding='utf-8'), re.M)
        drop_in = textwrap.dedent(match[1])
        self.assertIn('LoadCredential=', drop_in)
        for unit in UNITS:
            copied = self.copy(unit)
            self.write(f'{unit.name}.d/credentials.conf', drop_in)
            self.assertEqual((0, ''), self.analyze('verify', str(copied)))


class ContentsTest(base.TestCase):

    def units(self):
        for path in UNITS:
            unit = configparser.ConfigParser(
                delimiters='=', interpolation=None, strict=True)
            unit.optionxform = str
            unit.read(path, encoding='utf-8')
            yield path.name, unit

    def test_units_run_installed_programs(self):
        programs = {entry.name for entry in importlib.metadata.entry_points(
            group='console_scripts')
            if entry.value.startswith('usermsg.cmd.')}
        for name, unit in self.units():
            program = unit['Service']['ExecStart'].split()[0]
            self.assertTrue(program.startswith(PROGRAMS), name)
            command = program.removeprefix(PROGRAMS)
            if command == 'uwsgi':
                self.assertIn('--ini /etc/usermsg/uwsgi.ini',
                              unit['Service']['ExecStart'])
            else:
                self.assertIn(command, programs)

    def test_stop_timeout_of_the_uwsgi_unit_exceeds_its_mercy(self):
        ini = (base.ROOT / 'etc' / 'usermsg' / 'uwsgi.ini').read_text()
        mercy = int(re.search(r'^worker-reload-mercy = (\d+)$', ini,
                              re.M)[1])
        service = dict(self.units())['usermsg-uwsgi.service']['Service']
        self.assertGreater(int(service['TimeoutStopSec']), mercy)
        self.assertIn(f'socket = /run/{service["RuntimeDirectory"]}/', ini)
        for key, name in (('uid', 'User'), ('gid', 'Group')):
            self.assertIn(f'\n{key} = {service[name]}\n', ini)

    def test_limits_on_open_files_are_sufficient(self):
        limits = {name: int(unit['Service']['LimitNOFILE'])
                  for name, unit in self.units()}
        self.assertLessEqual(
            server.MAX_CONNECTIONS, server.connection_limit(
                limits['usermsg-api.service']))

    def test_documented_log_file_is_in_the_logs_directory(self):
        page = (base.ROOT / 'doc' / 'source' / 'admin' /
                'notification-drivers.rst')
        match = re.search(r'^ +log_file = /var/log/(\S+)/[^/]+$',
                          page.read_text(encoding='utf-8'), re.M)
        for name, unit in self.units():
            self.assertEqual(match[1], unit['Service']['LogsDirectory'], name)

    def test_units_that_support_reload_have_an_exec_reload(self):
        self.assertEqual(
            {'usermsg-uwsgi.service', 'usermsg-worker.service'},
            {name for name, unit in self.units()
             if unit['Service'].get('ExecReload') ==
             '/bin/kill -HUP $MAINPID'})
