# SPDX-License-Identifier: Apache-2.0
"""Who has a lease, and who notices that it is lost."""

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

#: Long enough for every test, and short enough for the clean-up.
LONG = 300

#: Takes the lease for so many seconds, says so, and does what it is told.
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

    def run_out(self, later=-1):
        with self.db.engine().begin() as connection:
            connection.execute(
                models.leases.update().values(
                    until=clock.now(self.db.dialect, later)))

    def row(self):
        row, = samples.stored(self.db, models.leases)
        return row


class TestLease(TestCase):

    def test_one_has_it_and_others_have_not(self):
        first, second = self.lease(), self.lease()
        self.assertIsNone(first.holder())
        self.assertTrue(first.acquire())
        self.assertFalse(second.acquire())
        self.assertTrue(first.acquire())
        self.assertEqual(first.owner, second.holder())
        self.assertNotEqual(first.owner, second.owner)

    def test_each_name_is_a_lease_of_its_own(self):
        self.assertTrue(self.lease().acquire())
        self.assertTrue(lease.Lease(self.db, 'another', LONG).acquire())

    def test_it_lasts_as_long_by_the_databases_clock(self):
        before = clock.read(self.db)
        self.assertTrue(self.lease().acquire())
        after = clock.read(self.db)
        until = self.row()['until'].replace(tzinfo=datetime.timezone.utc)
        length = datetime.timedelta(seconds=LONG)
        self.assertLessEqual(before + length, until)
        self.assertLessEqual(until, after + length)

    def test_the_databases_clock_is_in_utc(self):
        difference = clock.read(self.db) - datetime.datetime.now(
            datetime.timezone.utc)
        self.assertLess(abs(difference), datetime.timedelta(minutes=1))

    def test_what_has_run_out_is_free(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        self.run_out()
        self.assertTrue(second.acquire())
        self.assertFalse(first.acquire())
        self.assertEqual(second.owner, first.holder())

    def test_what_is_released_is_free(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        first.release()
        self.assertTrue(second.acquire())

    def test_releasing_what_belongs_to_another_changes_nothing(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        second.release()
        self.assertFalse(second.acquire())

    def test_renewing_makes_it_last(self):
        mine = self.lease()
        mine.acquire()
        before = self.row()['until']
        mine.renew(2 * LONG)
        self.assertLess(before + datetime.timedelta(seconds=LONG - 60),
                        self.row()['until'])

    def test_what_is_lost_cannot_be_renewed(self):
        first, second = self.lease(), self.lease()
        self.assertRaises(lease.LeaseLost, first.renew)
        first.acquire()
        self.run_out()
        # Even if nobody has taken it yet.
        self.assertRaises(lease.LeaseLost, first.renew)
        second.acquire()
        self.assertRaises(lease.LeaseLost, first.renew)
        second.renew()

    def test_nothing_is_written_without_it(self):
        samples.insert(self.db, [samples.row()])
        first, second = self.lease(), self.lease()
        first.acquire()

        def work(connection, mine):
            mine.guard(connection)
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
        """A process with the lease, frozen."""
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
        mine = self.lease()
        end = time.monotonic() + 120
        while not mine.acquire():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)


class TestProcesses(Processes):

    def test_one_of_several_at_once_gets_it(self):
        several = [self.start('race', LONG) for _ in range(4)]
        for process in several:
            self.assertEqual('ready\n', process.stdout.readline())
        for _round in range(2):  # with no row at first, and then with one
            for process in several:
                process.stdin.write('go\n')
                process.stdin.flush()
            self.assertEqual(['False\n'] * 3 + ['True\n'], sorted(
                process.stdout.readline() for process in several))
            self.run_out()

    def test_who_froze_between_batches_notices(self):
        process = self.freeze('outside', LONG)
        self.run_out()
        self.take_over()
        output, errors = self.thaw(process)
        self.assertEqual('Lost', output, errors)
        self.assertEqual(1, len(samples.stored(self.db)))


class TestInsideABatch(Processes):

    # SQLite has one writer at a time, and nothing but the end of the process
    # frees its lock.
    scenarios = databases.SCENARIOS[1:]

    def test_who_froze_inside_a_batch_does_not_block_the_others(self):
        # Nobody else can make it run out; it must not before it is frozen.
        process = self.freeze('inside', 8)
        self.take_over()
        output, errors = self.thaw(process)
        self.assertEqual('DatabaseUnavailable', output, errors)
        self.assertEqual(1, len(samples.stored(self.db)))

    def test_nobody_takes_it_while_a_batch_is_under_way(self):
        first, second = self.lease(), self.lease()
        first.acquire()
        self.run_out(later=10)
        inside, done = threading.Event(), threading.Event()
        taken = []

        def work(connection):
            first.guard(connection)
            inside.set()
            done.wait(60)

        def other():
            while not done.is_set():
                taken.append(second.acquire())

        with futures.ThreadPoolExecutor(2) as threads:
            batch = threads.submit(self.db.write, work)
            try:
                self.assertTrue(inside.wait(60))
                rival = threads.submit(other)
                # Until what others could see has run out.
                end = clock.read(self.db) + datetime.timedelta(seconds=11)
                while clock.read(self.db) < end:
                    time.sleep(0.05)
            finally:
                done.set()
            batch.result()
            rival.result()
        self.assertNotIn(True, taken)
        self.assertNotEqual([], taken)
        self.assertEqual(first.owner, second.holder())
