# SPDX-License-Identifier: Apache-2.0
"""Start of ``usermsg-manage``."""

from importlib import metadata
import json
import re
import subprocess
import sys

from usermsg.cmd import manage
from usermsg.tests import base
from usermsg.tests.fixtures import processes

#: Libraries whose import takes long, and modules of commands.
_HEAVY = ('alembic', 'eventlet', 'futurist', 'keystonemiddleware', 'kombu',
          'oslo_messaging', 'oslo_service', 'sqlalchemy', 'usermsg.db')

_CODE = '''
import contextlib, io, json, sys
from usermsg.cmd import manage
with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())) as output:
    try:
        manage.main(json.loads(sys.argv[1]))
    except SystemExit:
        pass
    output.seek(0)
    text = output.read()
print(json.dumps([text, list(sys.modules)]))
'''


def run(*arguments):
    """Run a command in a new process.

    :returns: (output, names of the imported modules)
    """
    end = processes.run(_CODE, json.dumps(arguments))
    return json.loads(end.stdout)


class TestHelp(base.TestCase):

    def test_help_lists_all_commands_with_their_summaries(self):
        output, _modules = run('--help')
        for entry_point in metadata.entry_points(group='usermsg.manage'):
            description = entry_point.load()(None, None).get_description()
            summary = description.split('\n')[0].rstrip('.')
            name = entry_point.name.replace('_', ' ')
            self.assertRegex(
                output, rf'(?m)^  {name}  +{re.escape(summary)}$')

    def test_help_without_arguments_is_the_same(self):
        self.assertEqual(run('--help')[0], run()[0])

    def test_help_imports_no_command_and_no_large_library(self):
        _output, modules = run('--help')
        self.assertEqual([], [name for name in modules if name in _HEAVY])
        self.assertEqual(
            {'usermsg.cmd', 'usermsg.cmd.manage', 'usermsg.cmd.streams'},
            {name for name in modules if name.startswith('usermsg.cmd')})

    def test_command_imports_no_other_command(self):
        output, modules = run('catalogue', 'list', '--prefix', 'DNS')
        self.assertIn('DNS', output)
        self.assertIn('usermsg.cmd.catalogue', modules)
        self.assertNotIn('usermsg.cmd.importer', modules)


class TestSummary(base.TestCase):

    def test_entry_point_that_can_not_be_read_has_none(self):
        for value in ('no_such_module:List', 'usermsg.no_such_module:List',
                      'no_such_package.module:List', 'math:List',
                      'usermsg.cmd.manage:NoSuchClass'):
            self.assertEqual('', manage._read_summary(metadata.EntryPoint(
                'list', value, 'usermsg.manage')), value)


class TestStreams(base.TestCase):

    def test_closed_output_does_not_prevent_a_command(self):
        end = subprocess.run(
            ['sh', '-c', 'exec "$0" -m usermsg.cmd.manage catalogue validate '
             '>&-', sys.executable],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            check=False)
        self.assertEqual((0, ''), (end.returncode, end.stderr))


class TestLanguage(base.TestCase):

    def test_names_of_locales_select_a_language(self):
        for value in ('de', 'de_DE', 'de_DE.UTF-8', 'DE'):
            output, _modules = run('catalogue', 'list', '--language', value,
                                   '--prefix', 'DNS')
            self.assertIn('Zone erstellen', output, value)
