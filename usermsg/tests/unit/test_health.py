# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import threading
import time

import sqlalchemy
from sqlalchemy import pool

from usermsg import exception
from usermsg import health
from usermsg.tests import base

#: Far longer than anything here takes; only what is broken takes so long.
LONG = 60


class Database:
    """Answers, fails or hangs, as it is told; counts how often it is asked."""

    def __init__(self, call=None):
        self.call = call or (lambda: None)
        self.asked = 0
        self._engine = sqlalchemy.create_engine(
            'sqlite://', poolclass=pool.NullPool)

    @contextlib.contextmanager
    def reader(self):
        self.asked += 1
        self.call()
        with self._engine.connect() as connection:
            yield connection


class DatabaseHealthTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.release = threading.Event()
        self.hangs = threading.Event()
        self.addCleanup(self.release.set)

    def hang(self):
        self.hangs.set()
        self.release.wait(LONG)

    def fail(self):
        raise exception.DatabaseUnavailable()

    def health(self, call=None, ttl=LONG, timeout=LONG):
        self.database = Database(call)
        return health.DatabaseHealth(self.database, ttl, timeout)

    def test_a_database_that_answers(self):
        state = self.health().state()
        self.assertIsNone(state.failure)
        self.assertIsNone(state.revision)
        self.assertGreaterEqual(state.latency, 0)

    def test_an_answer_is_kept(self):
        checked = self.health()
        for _time in range(5):
            self.assertIsNone(checked.state().failure)
        self.assertEqual(1, self.database.asked)

    def test_a_failure_is_kept_too(self):
        checked = self.health(self.fail)
        for _time in range(5):
            self.assertEqual('connection', checked.state().failure)
        self.assertEqual(1, self.database.asked)

    def test_an_answer_that_is_old_is_asked_for_again(self):
        checked = self.health(self.fail, ttl=0)
        self.assertEqual('connection', checked.state().failure)
        self.database.call = lambda: None
        self.assertIsNone(checked.state().failure)

    def test_what_is_no_error_of_the_database_is_one_here(self):
        checked = self.health(lambda: {}['bug'], ttl=0)
        for _time in range(2):
            self.assertEqual('error', checked.state().failure)
        self.assertEqual(2, self.database.asked)

    def test_while_it_hangs_one_thread_asks_and_nobody_waits(self):
        checked = self.health(self.hang, ttl=0, timeout=0.05)
        before = set(threading.enumerate())
        for _time in range(20):
            self.assertEqual('timeout', checked.state().failure)
        # On a busy machine it may only now begin.
        self.assertTrue(self.hangs.wait(LONG))
        self.assertEqual(1, self.database.asked)
        self.assertEqual(1, len(set(threading.enumerate()) - before))

    def test_after_it_hung_it_is_asked_again(self):
        checked = self.health(self.hang, ttl=0, timeout=0.05)
        self.assertEqual('timeout', checked.state().failure)
        self.release.set()
        end = time.monotonic() + LONG
        while checked.state().failure and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIsNone(checked.state().failure)

    def test_who_asks_meanwhile_gets_the_same_answer(self):
        checked = self.health(self.hang)
        states = []
        threads = [threading.Thread(
            target=lambda: states.append(checked.state())) for _ in range(5)]
        for thread in threads:
            thread.start()
        self.release.set()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual([None] * 5, [state.failure for state in states])
        self.assertEqual(1, self.database.asked)

    def test_a_fork_asks_for_itself(self):
        parent = os.getpid()
        asked = threading.Event()

        def hang_in_parent():
            if os.getpid() == parent:
                asked.set()
                self.hang()

        checked = self.health(hang_in_parent)
        thread = threading.Thread(target=checked.state, daemon=True)
        thread.start()
        self.assertTrue(asked.wait(LONG))
        # The lock is held now, by a thread that the child won't have.
        pid = os.fork()
        if not pid:
            status = 1
            with contextlib.suppress(BaseException):
                status = 0 if checked.state().failure is None else 2
            os._exit(status)
        end = time.monotonic() + LONG
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > end:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
                raise AssertionError('the child waits for the parent')
            time.sleep(0.01)
        self.assertEqual(0, os.waitstatus_to_exitcode(status))
        self.release.set()
        thread.join(LONG)
