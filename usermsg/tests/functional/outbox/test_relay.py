# SPDX-License-Identifier: Apache-2.0
"""Relays on real databases: several at once, killed, frozen, cut off."""

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

# Writes what it delivers into a file, one at a time. With "hold" it says so
# after the third one, and waits for a line.
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


one = relay.Relay(runtime, 'one', Driver())
print('ready', flush=True)
input()
if sys.argv[3] == 'hold':
    try:
        one.run_once(stop)
    except Exception as error:
        print(type(error).__name__)
else:
    thread = threading.Thread(target=one.run, args=(stop,))
    thread.start()
    input()
    stop.set()
    thread.join()
'''

#: Seconds, far longer than anything here takes.
LONG = 120

SHARDS = entries.SHARDS


class TestRelay(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('usermsg'))
        self.service = self.runtime(relay={'interval': 0.05, 'batch_size': 50})
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

    def left(self):
        return samples.stored(self.db, models.outbox)

    def wait_until(self, condition):
        end = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), end, self.log.output)
            time.sleep(0.02)

    def hold(self):
        """One that has delivered three and not said so yet."""
        process = self.start('hold')
        self.go(process)
        self.assertEqual('holding\n', process.stdout.readline())
        return process

    def test_two_deliver_each_once_and_in_order(self):
        put = self.put(600)
        both = [self.start('run') for _ in range(2)]
        for process in both:
            self.go(process)
        self.wait_until(lambda: not self.left())
        for process in both:
            output, words = process.communicate('stop\n', timeout=LONG)
            self.assertEqual((0, '', ''), (
                process.returncode, output, words))
        found = self.delivered()
        self.assertEqual(sorted(put), sorted(found))
        places = {ident: place for place, ident in enumerate(found)}
        for first, second in zip(put[::2], put[1::2]):
            self.assertLess(places[first], places[second])

    def test_what_one_that_was_killed_had_under_way_is_sent_again(self):
        put = self.put(100)
        self.end(self.hold())
        sent = self.delivered()
        self.assertEqual(3, len(sent))
        driver = drivers.Driver()
        one = relay.Relay(self.service, 'one', driver)
        # Not before its leases have run out.
        one.run_once(self.stop)
        self.assertLessEqual(set(sent), {row['id'] for row in self.left()})
        drivers.end_leases(self.db)
        one.run_once(self.stop)
        self.assertEqual([], self.left())
        self.assertEqual(sorted(put), sorted(driver.ids()))
        self.assertLessEqual(set(sent), set(driver.ids()))

    def test_one_that_froze_does_no_harm_when_it_wakes(self):
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
        output, words = process.communicate('go\n', timeout=LONG)
        self.assertEqual('Lost', output.strip(), words)
        # It would have removed those.
        self.assertEqual(
            [(ident, 1) for ident in sorted(sent)],
            [(row['id'], row['set_aside']) for row in self.left()])

    def assertUnderWayAtOnce(self, driver):
        put = drivers.put(self.db, *(
            drivers.entry(number, shard=number) for number in range(SHARDS)))
        relay.Relay(self.service, 'one', driver).run_once(self.stop)
        self.assertEqual(sorted(put), sorted(driver.ids()))
        self.assertEqual([], self.left())

    def test_several_shards_are_under_way_at_once_through_threads(self):
        # None is delivered before all are tried.
        all_of_them = threading.Barrier(SHARDS)
        self.assertUnderWayAtOnce(drivers.Driver(
            lambda body: all_of_them.wait(LONG)))

    def test_several_shards_are_under_way_at_once_through_futures(self):
        class Driver(drivers.Driver):
            under_way = []

            def submit(self, ctxt, msg, priority):
                future = futures.Future()
                self.under_way.append((future, msg))
                if len(self.under_way) == SHARDS:
                    for each, body in self.under_way:
                        self.delivered.append(body)
                        each.set_result(None)
                return future

        self.assertUnderWayAtOnce(Driver())

    def rename(self, *names):
        with self.db.engine().begin() as connection:
            connection.execute(sa.text(
                'ALTER TABLE {} RENAME TO {}'.format(*names)))

    def test_a_database_that_is_away_for_a_while(self):
        put = self.put(20)
        away = threading.Event()

        def judge(body):
            if not away.is_set() and len(driver.tried) == 5:
                self.rename('outbox', 'gone')
                away.set()

        driver = drivers.Driver(judge)
        one = relay.Relay(self.service, 'one', driver)
        thread = threading.Thread(target=one.run, args=(self.stop,))
        thread.start()
        self.addCleanup(thread.join, LONG)
        self.addCleanup(self.stop.set)
        self.assertTrue(away.wait(LONG))
        self.wait_until(
            lambda: self.log.output.count('cannot be used') > 1)
        self.assertTrue(thread.is_alive())
        self.rename('gone', 'outbox')
        self.wait_until(lambda: not self.left())
        self.assertEqual(set(put), set(driver.ids()))
        self.assertNotIn('Traceback', self.log.output)

    def test_what_a_broker_says_can_be_stored(self):
        def judge(body):
            raise (errors.Rejected if body['payload'] % 2 else
                   errors.NotDelivered)('a\0\udcff\U0001f4a3' + 'é' * 300)

        self.put(4)
        one = relay.Relay(self.service, 'one', drivers.Driver(judge))
        one._delivery.delivered = 1  # as if it had delivered something
        with contextlib.suppress(relay.Unavailable):
            one.run_once(self.stop)
        self.assertEqual(
            {'a  \U0001f4a3' + 'é' * 251},
            {row['reason'] for row in self.left() if row['reason']})

    def test_all_that_waits_is_found_along_the_index(self):
        # Many that are not tried any more, and those of another driver.
        when = {'shard': 3, 'content': '0'}
        self.db.write(lambda connection: entries.insert(connection, [
            drivers.entry(number, **values, **when)
            for number in range(3000)
            for values in ({'set_aside': 1}, {'driver': 'two'})]))
        self.put(4)
        seen = []

        def look(_connection, _cursor, statement, parameters, *_):
            if statement.startswith('SELECT outbox'):
                seen.append((statement, parameters))

        sa.event.listen(self.db.engine(), 'before_cursor_execute', look)
        list(entries.shards(self.db, 'one'))
        entries.waiting(self.db, 'one', 1, 'a', 10, 'b')
        entries.backlog(self.db)
        self.assertGreater(len(seen), 20)
        with self.db.engine().connect() as connection:
            for statement, parameters in seen:
                plan = str(connection.exec_driver_sql(
                    ('EXPLAIN QUERY PLAN ' if self.db.dialect == 'sqlite'
                     else 'EXPLAIN ') + statement, parameters).all())
                self.assertIn('outbox_relay_idx', plan)
                for word in ('SCAN outbox USING INDEX', 'TEMP B-TREE',
                             'filesort', 'Sort'):
                    self.assertNotIn(word, plan)
