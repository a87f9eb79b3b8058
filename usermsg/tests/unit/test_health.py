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

#: Far longer than any step of these tests takes; reached only in a failure.
LONG = 60


class Database:
    """Database that responds, fails or hangs, and counts its checks.

    :param call: function that is called by each check
    """

    def __init__(self, call=None):
        self.call = call or (lambda: None)
        self.checks = 0
        self._engine = sqlalchemy.create_engine(
            'sqlite://', poolclass=pool.NullPool)

    @contextlib.contextmanager
    def reader(self):
        self.checks += 1
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

    def test_available_database_has_no_failure(self):
        state = self.health().state()
        self.assertIsNone(state.failure)
        self.assertIsNone(state.revision)
        self.assertGreaterEqual(state.latency, 0)

    def test_success_is_cached(self):
        checker = self.health()
        for _time in range(5):
            self.assertIsNone(checker.state().failure)
        self.assertEqual(1, self.database.checks)

    def test_failure_is_cached(self):
        checker = self.health(self.fail)
        for _time in range(5):
            self.assertEqual('connection', checker.state().failure)
        self.assertEqual(1, self.database.checks)

    def test_expired_result_is_checked_again(self):
        checker = self.health(self.fail, ttl=0)
        self.assertEqual('connection', checker.state().failure)
        self.database.call = lambda: None
        self.assertIsNone(checker.state().failure)

    def test_unexpected_exception_is_an_error(self):
        checker = self.health(lambda: {}['bug'], ttl=0)
        for _time in range(2):
            self.assertEqual('error', checker.state().failure)
        self.assertEqual(2, self.database.checks)

    def test_hanging_database_blocks_one_thread_and_no_client(self):
        checker = self.health(self.hang, ttl=0, timeout=0.05)
        before = set(threading.enumerate())
        for _time in range(20):
            self.assertEqual('timeout', checker.state().failure)
        # On a busy machine the thread may start only now.
        self.assertTrue(self.hangs.wait(LONG))
        self.assertEqual(1, self.database.checks)
        self.assertEqual(1, len(set(threading.enumerate()) - before))

    def test_database_is_checked_again_after_hanging(self):
        checker = self.health(self.hang, ttl=0, timeout=0.05)
        self.assertEqual('timeout', checker.state().failure)
        self.release.set()
        end = time.monotonic() + LONG
        while checker.state().failure and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIsNone(checker.state().failure)

    def test_concurrent_calls_share_one_check(self):
        checker = self.health(self.hang)
        states = []
        threads = [threading.Thread(
            target=lambda: states.append(checker.state())) for _ in range(5)]
        for thread in threads:
            thread.start()
        self.release.set()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual([None] * 5, [state.failure for state in states])
        self.assertEqual(1, self.database.checks)

    def test_forked_process_checks_the_database_itself(self):
        parent = os.getpid()
        in_parent = threading.Event()

        def hang_in_parent():
            if os.getpid() == parent:
                in_parent.set()
                self.hang()

        checker = self.health(hang_in_parent)
        thread = threading.Thread(target=checker.state, daemon=True)
        thread.start()
        self.assertTrue(in_parent.wait(LONG))
        # The lock is now held by a thread that does not exist in the child.
        pid = os.fork()
        if not pid:
            status = 1
            with contextlib.suppress(BaseException):
                status = 0 if checker.state().failure is None else 2
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
