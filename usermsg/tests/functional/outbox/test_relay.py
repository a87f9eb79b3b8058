# SPDX-License-Identifier: Apache-2.0
"""Relays on real databases: concurrent, killed, frozen, disconnected."""

from concurrent import futures
import contextlib
import signal
import threading
import time

import fixtures
import sqlalchemy as sa

from usermsg.db import models
from usermsg.notifications import errors
from usermsg.objects import outbox as entries
from usermsg.outbox import relay
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import drivers
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

# Writes the ids of delivered notifications to a file, one at a time. With
# "hold" it prints "holding" after the third one, and waits for a line.
_RELAY = '''
import os, sys, threading
from usermsg.concurrency import backend
backend.use_threads()
from usermsg import config
from usermsg.outbox import relay
from usermsg import service
runtime = service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]]))
file = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
stop = threading.Event()


class Driver:
    count = 0
    lock = threading.Lock()

    def notify(self, ctxt, msg, priority, retry):
        with self.lock:
            os.write(file, (msg['message_id'] + '\\n').encode())
            self.count += 1
            if sys.argv[3] == 'hold' and self.count == 3:
                print('holding', flush=True)
                input()


driver_relay = relay.Relay(runtime, 'one', Driver())
print('ready', flush=True)
input()
if sys.argv[3] == 'hold':
    try:
        driver_relay.run_once(stop)
    except Exception as error:
        print(type(error).__name__)
else:
    thread = threading.Thread(target=driver_relay.run, args=(stop,))
    thread.start()
    input()
    stop.set()
    thread.join()
'''

#: Seconds, far longer than any step of these tests.
LONG = 120

SHARDS = entries.SHARDS


class TestRelay(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('usermsg'))
        self.service = self.runtime(
            relay={'poll_interval': 0.05, 'batch_size': 50})
        self.db = self.service.db
        self.file = self.home / 'delivered'
        self.stop = threading.Event()

    def put(self, number, **values):
        return drivers.put(self.db, *(drivers.entry(
            index, shard=index % 8 // 2, subject=f'{index // 2}', **values)
            for index in range(number)))

    def start(self, mode):
        process = processes.start(
            _RELAY, str(self.home / 'usermsg.conf'), str(self.file), mode)
        self.addCleanup(self.end, process)
        self.assertEqual('ready\n', process.stdout.readline())
        return process

    def go(self, process):
        process.stdin.write('go\n')
        process.stdin.flush()

    def end(self, process):
        process.kill()
        process.communicate()

    def delivered(self):
        return self.file.read_text(encoding='utf-8').split()

    def undelivered(self):
        return samples.stored(self.db, models.outbox)

    def wait_until(self, condition):
        end = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), end, self.log.output)
            time.sleep(0.02)

    def hold(self):
        """Return a process that has three deliveries in flight."""
        process = self.start('hold')
        self.go(process)
        self.assertEqual('holding\n', process.stdout.readline())
        return process

    def test_two_relays_deliver_each_entry_once_and_in_order(self):
        put = self.put(600)
        relays = [self.start('run') for _ in range(2)]
        for process in relays:
            self.go(process)
        self.wait_until(lambda: not self.undelivered())
        for process in relays:
            output, error_output = process.communicate('stop\n', timeout=LONG)
            self.assertEqual((0, '', ''), (
                process.returncode, output, error_output))
        delivered = self.delivered()
        self.assertEqual(sorted(put), sorted(delivered))
        positions = {ident: index for index, ident in enumerate(delivered)}
        for first, second in zip(put[::2], put[1::2]):
            self.assertLess(positions[first], positions[second])

    def test_entries_in_flight_of_killed_relay_are_sent_again(self):
        put = self.put(100)
        self.end(self.hold())
        sent = self.delivered()
        self.assertEqual(3, len(sent))
        driver = drivers.Driver()
        driver_relay = relay.Relay(self.service, 'one', driver)
        # Not before the leases of the killed process have expired.
        driver_relay.run_once(self.stop)
        self.assertLessEqual(
            set(sent), {row['id'] for row in self.undelivered()})
        drivers.end_leases(self.db)
        driver_relay.run_once(self.stop)
        self.assertEqual([], self.undelivered())
        self.assertEqual(sorted(put), sorted(driver.ids()))
        self.assertLessEqual(set(sent), set(driver.ids()))

    def test_thawed_relay_without_lease_changes_nothing(self):
        put = self.put(100)
        process = self.hold()
        process.send_signal(signal.SIGSTOP)
        servers.wait_until_frozen(process.pid)
        drivers.end_leases(self.db)
        sent = self.delivered()

        def judge(body):
            if body['message_id'] in sent:
                raise errors.Rejected('a reason')

        driver = drivers.Driver(judge)
        relay.Relay(self.service, 'one', driver).run_once(self.stop)
        self.assertEqual(sorted(set(put) - set(sent)), sorted(driver.ids()))
        process.send_signal(signal.SIGCONT)
        output, error_output = process.communicate('go\n', timeout=LONG)
        self.assertEqual('LeaseLost', output.strip(), error_output)
        # The thawed process must not have removed these.
        self.assertEqual(
            [(ident, 1) for ident in sorted(sent)],
            [(row['id'], row['set_aside']) for row in self.undelivered()])

    def assertInFlightTogether(self, driver):
        put = drivers.put(self.db, *(
            drivers.entry(number, shard=number) for number in range(SHARDS)))
        relay.Relay(self.service, 'one', driver).run_once(self.stop)
        self.assertEqual(sorted(put), sorted(driver.ids()))
        self.assertEqual([], self.undelivered())

    def test_several_shards_are_in_flight_with_threads(self):
        # No delivery ends before all have started.
        all_of_them = threading.Barrier(SHARDS)
        self.assertInFlightTogether(drivers.Driver(
            lambda body: all_of_them.wait(LONG)))

    def test_several_shards_are_in_flight_with_futures(self):
        class Driver(drivers.Driver):
            in_flight = []

            def submit(self, ctxt, msg, priority):
                future = futures.Future()
                self.in_flight.append((future, msg))
                if len(self.in_flight) == SHARDS:
                    for sent, body in self.in_flight:
                        self.delivered.append(body)
                        sent.set_result(None)
                return future

        self.assertInFlightTogether(Driver())

    def rename(self, *names):
        with self.db.engine().begin() as connection:
            connection.execute(sa.text(
                'ALTER TABLE {} RENAME TO {}'.format(*names)))

    def test_relay_continues_after_database_outage(self):
        put = self.put(20)
        unavailable = threading.Event()

        def judge(body):
            if not unavailable.is_set() and len(driver.tried) == 5:
                self.rename('outbox', 'gone')
                unavailable.set()

        driver = drivers.Driver(judge)
        driver_relay = relay.Relay(self.service, 'one', driver)
        thread = threading.Thread(target=driver_relay.run, args=(self.stop,))
        thread.start()
        self.addCleanup(thread.join, LONG)
        self.addCleanup(self.stop.set)
        self.assertTrue(unavailable.wait(LONG))
        self.wait_until(
            lambda: self.log.output.count('cannot be used') > 1)
        self.assertTrue(thread.is_alive())
        self.rename('gone', 'outbox')
        self.wait_until(lambda: not self.undelivered())
        self.assertEqual(set(put), set(driver.ids()))
        self.assertNotIn('Traceback', self.log.output)

    def test_any_reason_of_a_broker_can_be_stored(self):
        def judge(body):
            raise (errors.Rejected if body['payload'] % 2 else
                   errors.NotDelivered)('a\0\udcff\U0001f4a3' + 'é' * 300)

        self.put(4)
        driver_relay = relay.Relay(self.service, 'one', drivers.Driver(judge))
        driver_relay._delivery.delivered = 1  # so that failures are counted
        with contextlib.suppress(relay.Unavailable):
            driver_relay.run_once(self.stop)
        self.assertEqual(
            {'a  \U0001f4a3' + 'é' * 251},
            {row['reason'] for row in self.undelivered() if row['reason']})

    def test_queries_of_the_relay_use_its_index(self):
        # Many dead letters, and entries for another driver.
        columns = {'shard': 3, 'content': '0'}
        self.db.write(lambda connection: entries.insert(connection, [
            drivers.entry(number, **values, **columns)
            for number in range(3000)
            for values in ({'set_aside': 1}, {'driver': 'two'})]))
        self.put(4)
        statements = []

        def record(_connection, _cursor, statement, parameters, *_):
            if statement.startswith('SELECT outbox'):
                statements.append((statement, parameters))

        sa.event.listen(self.db.engine(), 'before_cursor_execute', record)
        list(entries.shards(self.db, 'one'))
        entries.pending(self.db, 'one', 1, 'a', 10, 'b')
        entries.backlog(self.db)
        self.assertGreater(len(statements), 20)
        with self.db.engine().connect() as connection:
            for statement, parameters in statements:
                plan = str(connection.exec_driver_sql(
                    ('EXPLAIN QUERY PLAN ' if self.db.dialect == 'sqlite'
                     else 'EXPLAIN ') + statement, parameters).all())
                self.assertIn('outbox_relay_idx', plan)
                for term in ('SCAN outbox USING INDEX', 'TEMP B-TREE',
                             'filesort', 'Sort'):
                    self.assertNotIn(term, plan)
