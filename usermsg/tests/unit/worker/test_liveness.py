# SPDX-License-Identifier: Apache-2.0
import threading

from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.worker import liveness


class TestStopEvent(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.Manual(0)
        self.stop = liveness.StopEvent(self.clock)
        self.hanging = threading.Event()
        self.addCleanup(self.hanging.set)

    def start(self, run, name):
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def test_hanging_thread_is_unresponsive_after_timeout(self):
        looked = threading.Event()

        def run():
            self.stop.is_set()
            looked.set()
            self.hanging.wait()

        self.start(run, 'reaper')
        self.assertTrue(looked.wait(60))
        self.clock.time = liveness.TIMEOUT
        self.assertEqual([], self.stop.unresponsive())
        self.clock.time += 1
        self.assertEqual(['reaper'], self.stop.unresponsive())
        self.stop.timeout = 2 * liveness.TIMEOUT
        self.assertEqual([], self.stop.unresponsive())

    def test_waiting_thread_is_responsive(self):
        began = threading.Event()

        def run():
            began.set()
            self.stop.wait()

        thread = self.start(run, 'relays')
        self.assertTrue(began.wait(60))
        self.stop.is_set()
        self.clock.time = 1_000_000
        self.assertEqual([], [name for name in self.stop.unresponsive()
                              if name == 'relays'])
        self.stop.set()
        thread.join(60)
        self.assertTrue(self.stop.wait(60))

    def test_required_thread_that_ends_is_unresponsive(self):
        thread = self.start(lambda: None, 'listener-default')
        thread.join(60)
        self.assertEqual([], self.stop.unresponsive())
        self.stop.require(thread)
        self.assertEqual(['listener-default'], self.stop.unresponsive())
        self.stop.set()
        self.assertEqual([], self.stop.unresponsive())
