# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Python processes, as another service starts them."""

import subprocess
import sys
import threading


def start(code, *arguments):
    """A Python process; its standard streams are pipes of text."""
    return subprocess.Popen(
        [sys.executable, '-c', code, *arguments], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run_at_once(code, arguments, before=lambda: None, deadline=120):
    """Run a process for each list of arguments, at the same moment.

    :param code: prints "ready" when it is, and then waits for a line
    :param before: called when all are ready
    :returns: the (exit status, output, errors) of each
    """
    processes = [start(code, *each) for each in arguments]
    # Who never gets ready is ended, and so has said its last line.
    timers = [threading.Timer(deadline, process.kill)
              for process in processes]
    try:
        for timer in timers:
            timer.start()
        for process in processes:
            if process.stdout.readline() != 'ready\n':
                raise AssertionError(process.communicate(timeout=deadline)[1])
        for timer in timers:
            timer.cancel()
        before()
        for process in processes:
            process.stdin.write('go\n')
            process.stdin.flush()
        ends = [process.communicate(timeout=deadline)
                for process in processes]
    finally:
        for timer in timers:
            timer.cancel()
        for process in processes:
            process.kill()
            process.wait()
    return [(process.returncode, *end)
            for process, end in zip(processes, ends)]
