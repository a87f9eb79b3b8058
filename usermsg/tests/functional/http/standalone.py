# SPDX-License-Identifier: Apache-2.0
"""``usermsg-api`` as a process of its own."""

import atexit
import functools
import re
import signal
import subprocess
import sys

from usermsg.tests.functional.http import client
from usermsg.tests.functional import servers

COMMAND = (sys.executable, '-m', 'usermsg.cmd.api')


class UsermsgApi(servers.Process):
    """Serves until it is stopped; ``runtime`` is one on its configuration.

    :param groups: group -> a dict of its options, other than the defaults
    """

    def __init__(self, **groups):
        super().__init__(ready=self._find_address)
        api = {'auth_strategy': 'noauth', 'port': 0, **groups.pop('api', {})}
        try:
            self.runtime = client.make_runtime(
                self.directory, api=api, **groups)
            self.command = [*COMMAND, '--config-file',
                            self.path('usermsg.conf')]
            self.start()
        except BaseException:
            self.stop()
            raise

    def _find_address(self):
        found = re.search(r'^usermsg-api serves (http://(.*):(\d+))/$',
                          self.log(), re.MULTILINE)
        if found is None:
            raise LookupError('it has not said where it serves')
        self.url, self.host, self.port = found[1], found[2], int(found[3])

    def end(self, number=signal.SIGTERM, deadline=30):
        """Ask it to end; returns its exit status."""
        self._popen.send_signal(number)
        return self._popen.wait(deadline)


@functools.cache
def shared():
    """The one of this test process, for tests that leave it as it is."""
    server = UsermsgApi()
    atexit.register(server.stop)
    return server


def fail_to_start(command, env=None):
    """Run what must not start; returns exit status and what it wrote."""
    ended = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return ended.returncode, ended.stdout
