# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``rabbit`` with threads, forks and process exits."""

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

_TIMEOUT = 60  # seconds: far more than necessary

# An OpenStack service that uses the driver, run as a separate process.
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


class TestCase(sending.BrokerTestCase):

    # One node for all tests of this class: each restores its state.
    broker_factory = rabbitmq.until_exit()

    def submit(self, driver, count):
        """Submit notifications; return their ids and their futures."""
        notifications = [self.notification() for _ in range(count)]
        return [item.message_id for item in notifications], [
            driver.submit({}, item.body(), item.priority)
            for item in notifications]

    def queued(self):
        """Return the ids of all messages in the queue."""
        return self.read(self.vhost.count(sending.QUEUE))

    def connections(self):
        """Return lines that identify the connections of the vhost."""
        lines = self.broker.control('-q', 'list_connections', 'vhost', 'pid')
        return [line for line in lines.splitlines()
                if line.startswith(self.vhost.name)]


class ThreadTest(TestCase):

    def notify(self, driver):
        sent = self.notification()
        driver.notify({}, sent.body(), sent.priority, -1)
        return sent.message_id

    def test_broker_restart_keeps_confirmed_notifications(self):
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

    def test_full_inbox_accepts_after_another_is_confirmed(self):
        driver = self.driver(self.url, max_pending=3)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.raise_memory_alarm()
        try:
            idents, futures = self.submit(driver, 3)
            # submit() waits, since there is no room.
            last = self.notification()
            waiting = threading.Thread(target=lambda: futures.append(
                driver.submit({}, last.body(), 'INFO')))
            waiting.start()
        finally:
            self.broker.clear_memory_alarm()
        waiting.join(_TIMEOUT)
        for future in futures:
            self.assertIsNone(future.result(_TIMEOUT))
        self.assertEqual([*idents, last.message_id], self.queued()[1:])

    def test_full_inbox_raises_not_delivered_at_the_deadline(self):
        driver = self.driver(self.url, max_pending=2, timeout=60)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.raise_memory_alarm()
        try:
            _idents, futures = self.submit(driver, 2)
            driver.timeout = 0.2
            error = self.send(driver, self.notification())
            self.assertEqual(
                'rabbit: 2 notifications are pending already.', str(error))
            self.assertIsInstance(error, errors.NotDelivered)
        finally:
            self.broker.clear_memory_alarm()
        for future in futures:
            self.assertIsNone(future.result(_TIMEOUT))

    def test_cancel_during_memory_alarm_prevents_sending(self):
        driver = self.driver(self.url)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.raise_memory_alarm()
        try:
            # The broker reports the alarm when it receives the first.
            [first], [in_flight] = self.submit(driver, 1)
            [later], [cancelled] = self.submit(driver, 1)
            end = time.monotonic() + _TIMEOUT
            while not in_flight.running() and time.monotonic() < end:
                time.sleep(0.02)
            was_cancelled = cancelled.cancel()
        finally:
            self.broker.clear_memory_alarm()
        self.assertIsNone(in_flight.result(_TIMEOUT))
        self.assertIsNone(self.send(driver, self.notification()))
        queued = self.queued()
        self.assertIn(first, queued)
        self.assertEqual(not was_cancelled, later in queued)

    def test_heartbeats_keep_an_idle_connection(self):
        # Without them, the broker would close it after some four seconds.
        driver = self.driver(self.url, heartbeat_timeout_threshold=2)
        self.assertIsNone(self.send(driver, self.notification()))
        before = self.connections()
        time.sleep(8)
        self.assertIsNone(self.send(driver, self.notification()))
        self.assertEqual(before, self.connections())
        self.assertEqual(1, len(before))


class ForkTest(TestCase):

    def test_fork_during_sending_sends_each_notification_once(self):
        driver = self.driver(self.url)
        idents = [self.notification() for _ in range(8)]

        def notify():
            sent = self.notification()
            driver.notify({}, sent.body(), sent.priority, -1)
            return sent.message_id

        with senders.Senders(notify, count=4) as running:
            running.wait_for_more()
            statuses = [processes.run_in_fork(functools.partial(
                driver.notify, {}, item.body(), 'INFO', -1))
                for item in idents]
            running.wait_for_more()
        self.assertEqual([0] * len(idents), statuses)
        self.assertEqual([], running.failures)
        queued = self.queued()
        self.assertLessEqual({item.message_id for item in idents},
                             set(queued))
        # No notification was sent by both the parent and a child.
        self.assertEqual(sorted(set(queued)), sorted(queued))
        self.assertLessEqual(set(running.confirmed), set(queued))

    def test_forked_child_does_not_send_pending_of_its_parent(self):
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
            self.assertIsNone(future.result(_TIMEOUT))
        self.assertEqual(idents, self.queued()[1:])


class ExitTest(TestCase):

    def service(self, body, url=None, **options):
        """Run a service until it exits; return the completed process."""
        self.conf(**options)
        [path] = self.home.glob('service-*.conf')
        return processes.run(_SERVICE + textwrap.dedent(body), str(path),
                             url or self.url)

    def test_exit_of_a_process_sends_pending_notifications(self):
        done = self.service('''
            for _ in range(300):
                submit()
            ''')
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        self.assertEqual(300, self.vhost.count(sending.QUEUE))

    def test_exit_without_a_broker_does_not_hang(self):
        done = self.service(
            'submit()',
            f'rabbit://a:b@127.0.0.1:{servers.free_port()}/', timeout=1)
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_exit_with_a_frozen_broker_does_not_hang(self):
        self.broker.freeze()
        try:
            done = self.service('submit()', timeout=1)
        finally:
            self.broker.thaw()
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_exit_of_a_forked_child_sends_its_notifications(self):
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

    def test_close_during_publishing_completes_all_futures(self):
        driver = self.driver(self.url)
        confirmed = []

        def submit():
            [ident], [future] = self.submit(driver, 1)
            future.add_done_callback(
                lambda done: done.exception() or confirmed.append(ident))
            future.result(_TIMEOUT)

        with senders.Senders(submit) as running:
            running.wait_for_more()
            driver.close()
        self.assertTrue(running.ended)
        for error in running.failures:
            self.assertIsInstance(error, errors.NotDelivered)
        self.assertIn('closed', str(self.send(driver, self.notification())))
        self.assertEqual(sorted(confirmed), sorted(self.queued()))

    def test_close_with_a_frozen_broker_fails_unconfirmed(self):
        driver = self.driver(self.url, timeout=1)
        self.assertIsNone(self.send(driver, self.notification()))
        self.broker.freeze()
        try:
            _idents, futures = self.submit(driver, 20)
            driver.close()
            for future in futures:
                self.assertIsInstance(
                    future.exception(_TIMEOUT), errors.NotDelivered)
        finally:
            self.broker.thaw()

    def test_unreferenced_driver_ends_its_thread(self):
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
        thread.join(_TIMEOUT)
        self.assertFalse(thread.is_alive())
