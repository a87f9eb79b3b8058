# SPDX-License-Identifier: Apache-2.0
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
