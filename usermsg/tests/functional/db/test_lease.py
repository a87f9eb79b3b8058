# SPDX-License-Identifier: Apache-2.0
"""Leases of concurrent, frozen and killed processes."""

from concurrent import futures
import datetime
import signal
import threading
import time

from usermsg.db import clock
from usermsg.db import lease
from usermsg.db import models
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

#: Seconds; longer than any test, and short enough for the clean-up.
LONG = 300

#: Acquires the lease, prints the result, and writes under it or races.
HOLDER = '''
import sys
import sqlalchemy as sa
from usermsg import config
from usermsg.db import lease
from usermsg.db import models
from usermsg import exception
from usermsg import service
database = service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]])).db
mine = lease.Lease(database, 'a lease', int(sys.argv[3]))
print('ready', flush=True)
input()
print(mine.acquire(), flush=True)


def work(connection):
    mine.guard(connection)
    if sys.argv[2] == 'inside':
        print('inside', flush=True)
        input()
    connection.execute(models.messages.delete())


if sys.argv[2] == 'race':
    input()
    print(mine.acquire(), flush=True)
else:
    if sys.argv[2] == 'outside':
        input()
    try:
        database.write(work)
    except (lease.LeaseLost, exception.DatabaseUnavailable) as error:
        print(type(error).__name__)
    else:
        print('deleted')
'''


class TestCase(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db
        self.config = str(self.home / 'usermsg.conf')

    def lease(self, seconds=LONG):
        return lease.Lease(self.db, 'a lease', seconds)

    def expire(self, offset=-1):
        with self.db.engine().begin() as connection:
            connection.execute(
                models.leases.update().values(
                    until=clock.now(self.db.dialect, offset)))

    def row(self):
        row, = samples.stored(self.db, models.leases)
        return row


class TestLease(TestCase):

    def test_lease_has_one_owner(self):
        first, second = self.lease(), self.lease()
        self.assertIsNone(first.holder())
        self.assertTrue(first.acquire())
        self.assertFalse(second.acquire())
        self.assertTrue(first.acquire())
        self.assertEqual(first.owner, second.holder())
        self.assertNotEqual(first.owner, second.owner)

    def test_leases_of_different_names_are_independent(self):
        self.assertTrue(self.lease().acquire())
        self.assertTrue(lease.Lease(self.db, 'another', LONG).acquire())

    def test_lease_expires_by_the_clock_of_the_database(self):
        before = clock.read(self.db)
        self.assertTrue(self.lease().acquire())
        after = clock.read(self.db)
        until = self.row()['until'].replace(tzinfo=datetime.timezone.utc)
        duration = datetime.timedelta(seconds=LONG)
        self.assertLessEqual(before + duration, until)
        self.assertLessEqual(until, after + duration)

    def test_clock_of_the_database_is_utc(self):
        difference = clock.read(self.db) - datetime.datetime.now(
            datetime.timezone.utc)
        self.assertLess(abs(difference), datetime.timedelta(minutes=1))

    def test_expired_lease_can_be_acquired(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        self.expire()
        self.assertTrue(second.acquire())
        self.assertFalse(first.acquire())
        self.assertEqual(second.owner, first.holder())

    def test_released_lease_can_be_acquired(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        first.release()
        self.assertTrue(second.acquire())

    def test_release_by_other_owner_has_no_effect(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        second.release()
        self.assertFalse(second.acquire())

    def test_renew_extends_lease(self):
        mine = self.lease()
        mine.acquire()
        before = self.row()['until']
        mine.renew(2 * LONG)
        self.assertLess(before + datetime.timedelta(seconds=LONG - 60),
                        self.row()['until'])

    def test_renew_of_expired_lease_raises(self):
        first, second = self.lease(), self.lease()
        self.assertRaises(lease.LeaseLost, first.renew)
        first.acquire()
        self.expire()
        # Even if no other owner has acquired it yet.
        self.assertRaises(lease.LeaseLost, first.renew)
        second.acquire()
        self.assertRaises(lease.LeaseLost, first.renew)
        second.renew()

    def test_guard_without_lease_rolls_back(self):
        samples.insert(self.db, [samples.row()])
        first, second = self.lease(), self.lease()
        first.acquire()

        def work(connection, guarding):
            guarding.guard(connection)
            connection.execute(models.messages.delete())

        self.assertRaises(lease.LeaseLost, self.db.write,
                          lambda connection: work(connection, second))
        self.assertEqual(1, len(samples.stored(self.db)))
        self.db.write(lambda connection: work(connection, first))
        self.assertEqual([], samples.stored(self.db))


class Processes(TestCase):

    def start(self, where, seconds):
        process = processes.start(HOLDER, self.config, where, str(seconds))
        self.addCleanup(self.end, process)
        return process

    def freeze(self, where, seconds):
        """Return a frozen process that holds the lease."""
        samples.insert(self.db, [samples.row()])
        process = self.start(where, seconds)
        self.assertEqual('ready\n', process.stdout.readline())
        process.stdin.write('go\n')
        process.stdin.flush()
        self.assertEqual('True\n', process.stdout.readline())
        if where == 'inside':
            self.assertEqual('inside\n', process.stdout.readline())
        process.send_signal(signal.SIGSTOP)
        servers.wait_until_frozen(process.pid)
        return process

    def end(self, process):
        process.kill()
        process.communicate()

    def thaw(self, process):
        process.send_signal(signal.SIGCONT)
        output, errors = process.communicate('go\n', timeout=120)
        return output.strip(), errors

    def take_over(self):
        rival = self.lease()
        end = time.monotonic() + 120
        while not rival.acquire():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)


class TestProcesses(Processes):

    def test_one_of_several_processes_acquires_lease(self):
        racers = [self.start('race', LONG) for _ in range(4)]
        for process in racers:
            self.assertEqual('ready\n', process.stdout.readline())
        for _race in range(2):  # first without a row, then with one
            for process in racers:
                process.stdin.write('go\n')
                process.stdin.flush()
            self.assertEqual(['False\n'] * 3 + ['True\n'], sorted(
                process.stdout.readline() for process in racers))
            self.expire()

    def test_process_frozen_between_batches_detects_lost_lease(self):
        process = self.freeze('outside', LONG)
        self.expire()
        self.take_over()
        output, errors = self.thaw(process)
        self.assertEqual('LeaseLost', output, errors)
        self.assertEqual(1, len(samples.stored(self.db)))


class TestInsideABatch(Processes):

    # SQLite has one writer at a time, and only the end of the process releases
    # its lock.
    scenarios = databases.SCENARIOS[1:]

    def test_process_frozen_inside_batch_does_not_block_others(self):
        # No other process can expire the lease; it must not expire before
        # the process is frozen.
        process = self.freeze('inside', 8)
        self.take_over()
        output, errors = self.thaw(process)
        self.assertEqual('DatabaseUnavailable', output, errors)
        self.assertEqual(1, len(samples.stored(self.db)))

    def test_lease_cannot_be_acquired_during_a_batch(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        self.expire(offset=10)
        inside, done = threading.Event(), threading.Event()
        acquired = []

        def work(connection):
            first.guard(connection)
            inside.set()
            done.wait(60)

        def acquire():
            while not done.is_set():
                acquired.append(second.acquire())

        with futures.ThreadPoolExecutor(2) as threads:
            batch = threads.submit(self.db.write, work)
            try:
                self.assertTrue(inside.wait(60))
                rival = threads.submit(acquire)
                # Until the committed expiry time has passed.
                end = clock.read(self.db) + datetime.timedelta(seconds=11)
                while clock.read(self.db) < end:
                    time.sleep(0.05)
            finally:
                done.set()
            batch.result()
            rival.result()
        self.assertNotIn(True, acquired)
        self.assertNotEqual([], acquired)
        self.assertEqual(first.owner, second.holder())
