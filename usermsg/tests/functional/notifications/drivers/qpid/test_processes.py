# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``qpid`` with threads, processes and many files."""

import gc
import resource
import socket
import textwrap
import threading
import time

import cproton
import oslo_messaging

from usermsg.notifications.drivers.qpid import driver as qpid
from usermsg.notifications import errors
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import senders

# An OpenStack service that uses the driver, in a separate process.
_SERVICE = '''
import os
import sys
from usermsg.concurrency import backend
backend.use_threads()
from oslo_config import cfg
from usermsg.notifications.drivers.qpid import driver as qpid
conf = cfg.ConfigOpts()
conf(['--config-file', sys.argv[1]], project='other')
{body}
'''


class Case(qpid_case.QpidCase):

    def setUp(self):
        super().setUp()
        self.peer = qpid_peer.Peer()
        self.addCleanup(self.peer.stop)

    def service(self, body, **options):
        """Run a service until it exits; return the finished process."""
        self.conf(self.peer.url(), **options)
        program = _SERVICE.format(body=textwrap.dedent(body))
        return processes.run(program, str(self.home / 'qpid.conf'))


class ThreadTest(Case):

    def test_threads_share_a_driver_and_its_connection(self):
        driver = self.driver(self.peer.url())
        sent = []

        def send_many():
            for _ in range(20):
                sent.append(self.send(driver)['message_id'])

        threads = [threading.Thread(target=send_many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(qpid_case.TIMEOUT)
        arrived = [message['id'] for message in self.peer.record('message')]
        self.assertEqual(160, len(arrived))
        self.assertEqual(sorted(sent), sorted(arrived))
        self.assertEqual(1, len(self.peer.record('open')))

    def test_cancelled_message_is_not_sent(self):
        self.peer.set_rule(qpid_case.ADDRESS, credit=0)
        driver = self.driver(self.peer.url())
        _ids, (cancelled, other) = self.submit(driver, 2)
        self.peer.wait_for(1, 'link')
        self.assertTrue(cancelled.cancel())
        self.peer.set_rule(qpid_case.ADDRESS)
        other.result(qpid_case.TIMEOUT)
        self.assertEqual(1, len(self.peer.record('message')))

    def test_send_with_a_full_queue_fails(self):
        self.peer.set_rule(qpid_case.ADDRESS, credit=0)
        driver = self.driver(self.peer.url(), max_pending=5)
        _ids, sent = self.submit(driver, 5)
        self.assert_send_fails(errors.NotDelivered, driver, '5 notifications')
        self.peer.set_rule(qpid_case.ADDRESS)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.send(driver)

    def test_rejection_of_one_topic_fails_the_notification(self):
        self.peer.set_rule(
            'b.info', do='reject', condition='amqp:decode-error')
        driver = self.driver(self.peer.url(), topics=('a', 'b'))
        self.assert_send_fails(errors.Rejected, driver, 'b.info')
        self.peer.set_rule('b.info')
        body = self.send(driver)
        self.assertEqual(['a.info', 'b.info'], sorted(
            message['address'] for message in
            self.peer.record('message', id=body['message_id'])))

    def test_confirmed_messages_release_their_memory(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        counts = []
        for _ in range(3):
            for future in self.submit(driver, 300)[1]:
                future.result(qpid_case.TIMEOUT)
            gc.collect()
            counts.append(len(cproton.retained_objects))
        self.assertLess(counts[-1], counts[0] + 300, counts)

    def test_unreferenced_driver_closes_its_connection(self):
        driver = qpid.QpidDriver(self.conf(self.peer.url()), ['a'])
        self.send(driver)
        del driver
        gc.collect()
        self.peer.wait_for(1, 'closed')

    def test_notifier_of_another_service_uses_the_driver(self):
        conf = self.conf(self.peer.url())
        transport = oslo_messaging.get_notification_transport(conf, 'fake://')
        notifier = oslo_messaging.Notifier(
            transport, 'other.host', driver='qpid', topics=['notifications'])
        notifier.error({}, 'image.upload', {'reason': 'test'})
        message, = self.peer.record('message')
        self.assertEqual('notifications.error', message['address'])


class ForkTest(Case):

    def test_parent_and_child_have_separate_connections(self):
        driver = self.driver(self.peer.url())
        self.send(driver)

        def send_and_close():
            self.send(driver)
            driver.close()

        self.assertEqual(0, processes.run_in_fork(send_and_close))
        self.send(driver)
        first, second, third = [message['connection'] for message in
                                self.peer.record('message')]
        self.assertEqual(first, third)
        self.assertNotEqual(first, second)

    def test_child_does_not_send_pending_messages_of_its_parent(self):
        body = qpid_case.make_body()
        self.peer.set_rule(qpid_case.ADDRESS, do='stall',
                           only=[body['message_id']])
        driver = self.driver(self.peer.url())
        pending = driver.submit({}, body, 'info')
        self.peer.wait_for(1)
        self.assertEqual(0, processes.run_in_fork(lambda: self.send(driver)))
        self.assertFalse(pending.done())
        # The exit of the child did not close the parent's connection.
        self.send(driver)
        self.assertEqual(2, len(self.peer.record('open')))

    def test_forks_while_other_threads_send(self):
        driver = self.driver(self.peer.url())
        with senders.Senders(lambda: self.send(driver), count=4) as running:
            statuses = [processes.run_in_fork(lambda: self.send(driver))
                        for _ in range(8)]
        self.assertEqual([0] * 8, statuses)
        self.assertEqual([], running.failures)

    def test_child_that_exits_after_sending(self):
        process = self.service('''
            from usermsg.notifications import notification
            def send():
                driver.notify({}, notification.Notification('a', 1).body(),
                              'info', -1)
            driver = qpid.QpidDriver(conf, ['notifications'])
            send()
            pid = os.fork()
            if not pid:
                send()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            send()
            ''')
        self.assertEqual((0, ''), (process.returncode, process.stdout))
        self.assertEqual(3, len(self.peer.record('message')))


class FilesTest(Case):

    def test_file_descriptors_beyond_the_limit_of_select(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (max(soft, min(hard, 2048)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))
        while (file := socket.socket()).fileno() < 1100:
            self.addCleanup(file.close)
        self.addCleanup(file.close)
        self.send(self.driver(self.peer.url()))


class ExitTest(Case):

    def submitting(self, count):
        return f'''
            from usermsg.notifications import notification
            driver = qpid.QpidDriver(conf, ['notifications'])
            for number in range({count}):
                driver.submit(
                    {{}}, notification.Notification('a', number).body(),
                    'info')
            '''

    def test_pending_messages_are_sent_at_exit(self):
        process = self.service(self.submitting(300), drain_timeout=60)
        self.assertEqual((0, ''), (process.returncode, process.stdout))
        self.assertEqual(300, len(self.peer.record('message')))

    def test_exit_waits_at_most_drain_timeout(self):
        self.peer.set_rule(qpid_case.ADDRESS, credit=0)
        process = self.service(self.submitting(3), drain_timeout=0.2)
        self.assertEqual((0, ''), (process.returncode, process.stdout))

    def test_exit_with_an_unavailable_server(self):
        self.peer.kill()
        process = self.service(self.submitting(3), drain_timeout=0.2)
        self.assertEqual(0, process.returncode, process.stdout)

    def test_send_after_close_raises_not_delivered(self):
        driver = self.driver(self.peer.url())
        driver.close()
        self.assert_send_fails(errors.NotDelivered, driver, 'closed')

    def test_close_fails_pending_futures(self):
        self.peer.set_rule(qpid_case.ADDRESS, credit=0)
        driver = self.driver(self.peer.url(), drain_timeout=0.05)
        _ids, (pending,) = self.submit(driver, 1)
        driver.close()
        self.assertRaises(errors.NotDelivered, pending.result,
                          qpid_case.TIMEOUT)


class FrozenTest(Case):

    def test_frozen_server_is_replaced_by_another(self):
        other = qpid_peer.Peer()
        self.addCleanup(other.stop)
        # The driver begins with a random host.
        driver = self.driver(self.peer.url(), other.url(), idle_timeout=1,
                             connect_timeout=1)
        self.send(driver)
        first = self.peer if self.peer.record('open') else other
        first.freeze()
        begin = time.monotonic()
        self.send(driver)
        self.assertGreater(time.monotonic() - begin, 0.2)
        first.thaw()
