# SPDX-License-Identifier: Apache-2.0
"""Modules that a process of the API does not load."""

import subprocess
import sys

import testtools

_CODE = '''
import sys
import usermsg.api.app
print([name for name in %r if name in sys.modules])
'''

#: Large libraries of the commands and of the worker.
UNUSED = ('alembic', 'proton', 'waitress')


class TestImport(testtools.TestCase):

    def test_api_does_not_load_libraries_of_other_processes(self):
        end = subprocess.run(
            [sys.executable, '-c', _CODE % (UNUSED,)], check=True,
            capture_output=True, text=True)
        self.assertEqual('[]\n', end.stdout)
