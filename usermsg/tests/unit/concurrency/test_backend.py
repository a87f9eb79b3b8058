# SPDX-License-Identifier: Apache-2.0
"""Backend of processes of usermsg."""

import subprocess
import sys

import testtools

_CODE = '''
import sys
from usermsg.concurrency import backend
backend.use_threads()
from oslo_service import backend
import futurist, oslo_log.log, oslo_messaging, oslo_concurrency.lockutils
print(backend.get_backend_type().name)
print([name for name in sys.modules if name.startswith('eventlet.')])
'''


class TestBackend(testtools.TestCase):

    def test_processes_use_threads_and_do_not_import_eventlet(self):
        end = subprocess.run(
            [sys.executable, '-c', _CODE], check=True, capture_output=True,
            text=True)
        self.assertEqual('THREADING\n[]\n', end.stdout)
        self.assertEqual('', end.stderr)
