# SPDX-License-Identifier: Apache-2.0
import os
import threading

import fixtures

from usermsg.db import fork
from usermsg.tests import base


#: Seconds; far longer than any step of these tests.
LONG = 60


def run_in_child(child):
    """Return the exit status of a forked child that runs a function."""
    pid = os.fork()
    if not pid:
        try:
            status = 0 if child() else 1
        except BaseException:
            status = 2
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class GateTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.gate = fork.Gate()
        self.entered = threading.Event()
        self.release = threading.Event()
        self.has_left = False
        self.thread = threading.Thread(target=self.stay, daemon=True)
        self.addCleanup(self.release.set)

    def stay(self):
        with self.gate:
            self.entered.set()
            self.release.wait(LONG)
            self.has_left = True

    def enter(self):
        with self.gate:
            return True

    def test_fork_waits_for_threads_inside(self):
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.db.fork.TIMEOUT', LONG))
        self.thread.start()
        self.assertTrue(self.entered.wait(LONG))
        threading.Timer(0.05, self.release.set).start()
        self.assertEqual(0, run_in_child(lambda: self.has_left))
        self.thread.join(LONG)
        self.assertFalse(self.thread.is_alive())

    def test_gate_after_fork_admits_threads_of_both_processes(self):
        self.assertEqual(0, run_in_child(self.enter))
        self.assertTrue(self.enter())

    def test_fork_with_thread_inside_proceeds_after_timeout(self):
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.db.fork.TIMEOUT', 0.01))
        self.thread.start()
        self.assertTrue(self.entered.wait(LONG))
        # The thread inside does not exist in the child.
        self.assertEqual(0, run_in_child(self.enter))
        self.assertFalse(self.has_left)

    def test_fork_after_gate_is_deleted_does_not_wait(self):
        self.gate = None
        self.assertEqual(0, run_in_child(lambda: True))
