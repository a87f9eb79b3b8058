# SPDX-License-Identifier: Apache-2.0
import os
import threading

import fixtures

from usermsg.db import fork
from usermsg.tests import base


#: Seconds; far longer than anything here takes.
LONG = 60


def forked(child):
    """The exit status of a child that runs a function."""
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
        self.may_leave = threading.Event()
        self.left = False
        self.thread = threading.Thread(target=self.stay, daemon=True)
        self.addCleanup(self.may_leave.set)

    def stay(self):
        with self.gate.inside():
            self.entered.set()
            self.may_leave.wait(LONG)
            self.left = True

    def enter(self):
        with self.gate.inside():
            return True

    def test_a_fork_waits_for_who_is_inside(self):
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.db.fork.TIMEOUT', LONG))
        self.thread.start()
        self.assertTrue(self.entered.wait(LONG))
        threading.Timer(0.05, self.may_leave.set).start()
        self.assertEqual(0, forked(lambda: self.left))
        self.thread.join(LONG)
        self.assertFalse(self.thread.is_alive())

    def test_parent_and_child_go_on(self):
        self.assertEqual(0, forked(self.enter))
        self.assertTrue(self.enter())

    def test_it_does_not_wait_for_ever(self):
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.db.fork.TIMEOUT', 0.01))
        self.thread.start()
        self.assertTrue(self.entered.wait(LONG))
        # The one inside is not there in the child.
        self.assertEqual(0, forked(self.enter))
        self.assertFalse(self.left)

    def test_a_gate_that_is_gone_holds_nothing_up(self):
        self.gate = None
        self.assertEqual(0, forked(lambda: True))
