# SPDX-License-Identifier: Apache-2.0
"""The driver ``rabbit`` among threads and processes, and at their end."""

import functools
import gc
import textwrap
import threading
import time

from usermsg.notifications.drivers.rabbit import driver as rabbit
from usermsg.notifications import errors
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import senders
from usermsg.tests.fixtures import sending
from usermsg.tests.fixtures import servers

_LONG = 60  # seconds: far more than it may take

# As an OpenStack service would have it, in a process of its own.
_SERVICE = '''
import os
import sys
from usermsg.concurrency import backend
backend.use_threads()
from oslo_config import cfg
import oslo_messaging
from usermsg.notifications.drivers.rabbit import driver as rabbit
from usermsg.notifications import notification
conf = cfg.ConfigOpts()
conf(['--config-file', sys.argv[1]], project='service')
driver = rabbit.RabbitDriver(
    conf, topics=['notifications'],
    transport=oslo_messaging.get_notification_transport(conf, sys.argv[2]))
def submit():
    return driver.submit({}, notification.Notification('a.b', 1).body(),
                         'INFO')
'''


class Case(sending.BrokerTestCase):

    # For all tests here: each puts in order again what it breaks.
    broker_factory = rabbitmq.until_exit()

    def submit(self, driver, count):
        """The ids of so many notifications, and their futures."""
        notifications = [self.notification() for _ in range(count)]
        return [each.message_id for each in notifications], [
            driver.submit({}, each.body(), each.priority)
            for each in notifications]

    def queued(self):
        """The ids of all that is in the queue."""
        return self.read(self.vhost.count(sending.QUEUE))

    def connections(self):
        """What tells connections of the virtual host apart."""
        lines = self.broker.control('-q', 'list_connections', 'vhost', 'pid')
        return [line for line in lines.splitlines()
                if line.startswith(self.vhost.name)]


class ThreadTest(Case):

    def notify(self, driver):
        sent = self.notification()
        driver.notify({}, sent.body(), sent.priority, -1)
        return sent.message_id

    def test_threads_while_the_broker_restarts_know_what_arrived(self):
        driver = self.driver(self.url)
        with senders.Senders(lambda: self.notify(driver)) as running:
            for restart in (self.broker.shut_down, self.broker.kill):
                running.wait_for_more()
                restart()
                self.broker.start()
            running.wait_for_more()
        self.assertTrue(running.ended)
        for error in running.failures:
            self.assertIsInstance(error, errors.NotDelivered)
            self.assertNotIsInstance(error, errors.Rejected)
        self.assertLessEqual(set(running.confirmed), set(self.queued()))

    def test_a_full_inbox_takes_one_when_another_is_done(self):
        driver = self.driver(self.url, max_in_flight=3)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.fill()
        try:
            idents, futures = self.submit(driver, 3)
            # It waits, as there is no room.
            last = self.notification()
            waiting = threading.Thread(target=lambda: futures.append(
                driver.submit({}, last.body(), 'INFO')))
            waiting.start()
        finally:
            self.broker.empty()
        waiting.join(_LONG)
        for future in futures:
            self.assertIsNone(future.result(_LONG))
        self.assertEqual([*idents, last.message_id], self.queued()[1:])

    def test_a_full_inbox_is_waited_for_until_the_deadline_only(self):
        patient = self.driver(self.url, max_in_flight=2, timeout=60)
        self.assertIsNone(self.send(patient, self.notification()))
        self.broker.fill()
        try:
            _idents, futures = self.submit(patient, 2)
            patient.timeout = 0.2
            error = self.send(patient, self.notification())
            self.assertEqual(
                'rabbit: 2 notifications are waiting already.', str(error))
            self.assertIsInstance(error, errors.NotDelivered)
        finally:
            self.broker.empty()
        for future in futures:
            self.assertIsNone(future.result(_LONG))

    def test_cancelled_while_the_broker_is_full_is_not_sent(self):
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.fill()
        try:
            # With the first the broker says that it is full.
            [first], [on_its_way] = self.submit(driver, 1)
            [later], [cancelled] = self.submit(driver, 1)
            end = time.monotonic() + _LONG
            while not on_its_way.running() and time.monotonic() < end:
                time.sleep(0.02)
            was_cancelled = cancelled.cancel()
        finally:
            self.broker.empty()
        self.assertIsNone(on_its_way.result(_LONG))
        self.assertIsNone(self.send(driver, self.notification()))
        queued = self.queued()
        self.assertIn(first, queued)
        self.assertEqual(not was_cancelled, later in queued)

    def test_an_idle_connection_is_kept_by_heartbeats(self):
        # Without them, the broker would close it after some four seconds.
        driver = self.driver(self.url, heartbeat_timeout_threshold=2)
        self.assertIsNone(self.send(driver, self.notification()))
        before = self.connections()
        time.sleep(8)
        self.assertIsNone(self.send(driver, self.notification()))
        self.assertEqual(before, self.connections())
        self.assertEqual(1, len(before))


class ForkTest(Case):

    def test_forks_while_threads_send(self):
        driver = self.driver(self.url)
        idents = [self.notification() for _ in range(8)]

        def notify():
            sent = self.notification()
            driver.notify({}, sent.body(), sent.priority, -1)
            return sent.message_id

        with senders.Senders(notify, count=4) as running:
            running.wait_for_more()
            statuses = [processes.run_in_fork(functools.partial(
                driver.notify, {}, each.body(), 'INFO', -1))
                for each in idents]
            running.wait_for_more()
        self.assertEqual([0] * len(idents), statuses)
        self.assertEqual([], running.failures)
        queued = self.queued()
        self.assertLessEqual({each.message_id for each in idents},
                             set(queued))
        # Nothing was sent by parent and child both.
        self.assertEqual(sorted(set(queued)), sorted(queued))
        self.assertLessEqual(set(running.confirmed), set(queued))

    def test_a_child_does_not_send_what_its_parent_has_to(self):
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.freeze()
        try:
            idents, futures = self.submit(driver, 20)
            status = processes.run_in_fork(
                lambda: self.assertEqual(
                    [False] * 20, [future.done() for future in futures]))
        finally:
            self.broker.thaw()
        self.assertEqual(0, status)
        for future in futures:
            self.assertIsNone(future.result(_LONG))
        self.assertEqual(idents, self.queued()[1:])


class EndTest(Case):

    def service(self, body, url=None, **options):
        """Run a service that ends by itself; returns it when it has."""
        self.conf(**options)
        [path] = self.home.glob('service-*.conf')
        return processes.run(_SERVICE + textwrap.dedent(body), str(path),
                             url or self.url)

    def test_pending_at_the_end_of_a_process_is_still_sent(self):
        done = self.service('''
            for _ in range(300):
                submit()
            ''')
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        self.assertEqual(300, self.vhost.count(sending.QUEUE))

    def test_an_end_of_a_process_without_a_broker_does_not_hang(self):
        done = self.service(
            'submit()',
            f'rabbit://a:b@127.0.0.1:{servers.free_port()}/', timeout=1)
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_an_end_of_a_process_with_a_frozen_broker_does_not_hang(self):
        self.broker.freeze()
        try:
            done = self.service('submit()', timeout=1)
        finally:
            self.broker.thaw()
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_a_child_that_ends_as_a_program_does(self):
        done = self.service('''
            submit().result(30)
            pid = os.fork()
            if not pid:
                submit()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            submit().result(30)
            ''')
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        self.assertEqual(3, self.vhost.count(sending.QUEUE))

    def test_close_during_publishing_ends_all(self):
        driver = self.driver(self.url)
        confirmed = []

        def submit():
            [ident], [future] = self.submit(driver, 1)
            future.add_done_callback(
                lambda done: done.exception() or confirmed.append(ident))
            future.result(_LONG)

        with senders.Senders(submit) as running:
            running.wait_for_more()
            driver.close()
        self.assertTrue(running.ended)
        for error in running.failures:
            self.assertIsInstance(error, errors.NotDelivered)
        self.assertIn('closed', str(self.send(driver, self.notification())))
        self.assertEqual(sorted(confirmed), sorted(self.queued()))

    def test_close_with_a_frozen_broker_says_what_is_not_confirmed(self):
        driver = self.driver(self.url, timeout=1)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.freeze()
        try:
            _idents, futures = self.submit(driver, 20)
            driver.close()
            for future in futures:
                self.assertIsInstance(
                    future.exception(_LONG), errors.NotDelivered)
        finally:
            self.broker.thaw()

    def test_a_driver_without_users_ends_its_thread(self):
        conf = self.conf()
        driver = rabbit.RabbitDriver(
            conf, topics=['notifications'],
            transport=self.transport(self.url, conf))
        before = set(threading.enumerate())
        self.assertIsNone(self.send(driver, self.notification()))
        [thread] = [thread for thread in threading.enumerate()
                    if thread not in before and 'rabbit' in thread.name]
        del driver
        gc.collect()
        thread.join(_LONG)
        self.assertFalse(thread.is_alive())
