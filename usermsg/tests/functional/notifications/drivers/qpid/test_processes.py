# SPDX-License-Identifier: Apache-2.0
"""The driver ``qpid`` among threads, processes and other files."""

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

# As an OpenStack service would have it, in a process of its own.
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
        """Run a service that ends by itself; returns it when it has."""
        self.conf(self.peer.url(), **options)
        program = _SERVICE.format(body=textwrap.dedent(body))
        return processes.run(program, str(self.home / 'qpid.conf'))


class ThreadTest(Case):

    def test_threads_share_a_driver(self):
        driver = self.driver(self.peer.url())
        sent = []

        def work():
            for _ in range(20):
                sent.append(self.send(driver)['message_id'])

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(qpid_case.TIMEOUT)
        arrived = [message['id'] for message in self.peer.record('message')]
        self.assertEqual(160, len(arrived))
        self.assertEqual(sorted(sent), sorted(arrived))
        self.assertEqual(1, len(self.peer.record('open')))

    def test_what_is_withdrawn_in_time_is_not_sent(self):
        self.peer.tell(qpid_case.ADDRESS, credit=0)
        driver = self.driver(self.peer.url())
        _ids, (withdrawn, other) = self.submit(driver, 2)
        self.peer.wait_for(1, 'link')
        self.assertTrue(withdrawn.cancel())
        self.peer.tell(qpid_case.ADDRESS)
        other.result(qpid_case.TIMEOUT)
        self.assertEqual(1, len(self.peer.record('message')))

    def test_more_than_may_wait_are_not_taken(self):
        self.peer.tell(qpid_case.ADDRESS, credit=0)
        driver = self.driver(self.peer.url(), max_pending=5)
        _ids, sent = self.submit(driver, 5)
        self.refusal(errors.NotDelivered, driver, '5 notifications')
        self.peer.tell(qpid_case.ADDRESS)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.send(driver)

    def test_a_notification_goes_to_all_topics_or_fails(self):
        self.peer.tell('b.info', do='reject', condition='amqp:decode-error')
        driver = self.driver(self.peer.url(), topics=('a', 'b'))
        self.refusal(errors.Rejected, driver, 'b.info')
        self.peer.tell('b.info')
        body = self.send(driver)
        self.assertEqual(['a.info', 'b.info'], sorted(
            message['address'] for message in
            self.peer.record('message', id=body['message_id'])))

    def test_what_was_confirmed_is_let_go(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        kept = []
        for _ in range(3):
            for future in self.submit(driver, 300)[1]:
                future.result(qpid_case.TIMEOUT)
            gc.collect()
            kept.append(len(cproton.retained_objects))
        self.assertLess(kept[-1], kept[0] + 300, kept)

    def test_a_driver_that_nobody_has_any_more_ends(self):
        driver = qpid.QpidDriver(self.conf(self.peer.url()), ['a'])
        self.send(driver)
        del driver
        gc.collect()
        self.peer.wait_for(1, 'gone')

    def test_the_driver_of_a_notifier_of_any_service(self):
        conf = self.conf(self.peer.url())
        transport = oslo_messaging.get_notification_transport(conf, 'fake://')
        notifier = oslo_messaging.Notifier(
            transport, 'other.host', driver='qpid', topics=['notifications'])
        notifier.error({}, 'image.upload', {'why': 'because'})
        message, = self.peer.record('message')
        self.assertEqual('notifications.error', message['address'])


class ForkTest(Case):

    def test_parent_and_child_have_a_connection_each(self):
        driver = self.driver(self.peer.url())
        self.send(driver)

        def work():
            self.send(driver)
            driver.close()

        self.assertEqual(0, processes.run_in_fork(work))
        self.send(driver)
        first, second, third = [message['connection'] for message in
                                self.peer.record('message')]
        self.assertEqual(first, third)
        self.assertNotEqual(first, second)

    def test_a_child_does_not_send_what_its_parent_has_to(self):
        body = qpid_case.note()
        self.peer.tell(qpid_case.ADDRESS, do='stall',
                       only=[body['message_id']])
        driver = self.driver(self.peer.url())
        waiting = driver.submit({}, body, 'info')
        self.peer.wait_for(1)
        self.assertEqual(0, processes.run_in_fork(lambda: self.send(driver)))
        self.assertFalse(waiting.done())
        # The child's end has not ended the parent's connection.
        self.send(driver)
        self.assertEqual(2, len(self.peer.record('open')))

    def test_forks_while_others_send(self):
        driver = self.driver(self.peer.url())
        with senders.Senders(lambda: self.send(driver), count=4) as running:
            statuses = [processes.run_in_fork(lambda: self.send(driver))
                        for _ in range(8)]
        self.assertEqual([0] * 8, statuses)
        self.assertEqual([], running.failures)

    def test_a_child_that_ends_as_a_program_does(self):
        done = self.service('''
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
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        self.assertEqual(3, len(self.peer.record('message')))


class FilesTest(Case):

    def test_more_files_than_select_can_watch(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (max(soft, min(hard, 2048)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))
        while (file := socket.socket()).fileno() < 1100:
            self.addCleanup(file.close)
        self.addCleanup(file.close)
        self.send(self.driver(self.peer.url()))


class EndTest(Case):

    def submitting(self, count):
        return f'''
            from usermsg.notifications import notification
            driver = qpid.QpidDriver(conf, ['notifications'])
            for number in range({count}):
                driver.submit(
                    {{}}, notification.Notification('a', number).body(),
                    'info')
            '''

    def test_what_is_pending_at_the_end_is_still_sent(self):
        done = self.service(self.submitting(300), drain_timeout=60)
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        self.assertEqual(300, len(self.peer.record('message')))

    def test_the_end_does_not_wait_for_ever(self):
        self.peer.tell(qpid_case.ADDRESS, credit=0)
        done = self.service(self.submitting(3), drain_timeout=0.2)
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_the_end_with_a_server_that_is_gone(self):
        self.peer.kill()
        done = self.service(self.submitting(3), drain_timeout=0.2)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_what_comes_after_the_end_is_not_delivered(self):
        driver = self.driver(self.peer.url())
        driver.close()
        self.refusal(errors.NotDelivered, driver, 'closed')

    def test_an_end_is_told_to_those_who_wait(self):
        self.peer.tell(qpid_case.ADDRESS, credit=0)
        driver = self.driver(self.peer.url(), drain_timeout=0.05)
        _ids, (waiting,) = self.submit(driver, 1)
        driver.close()
        self.assertRaises(errors.NotDelivered, waiting.result,
                          qpid_case.TIMEOUT)


class FrozenTest(Case):

    def test_a_server_that_freezes_is_left_for_another(self):
        other = qpid_peer.Peer()
        self.addCleanup(other.stop)
        # It begins with either.
        driver = self.driver(self.peer.url(), other.url(), idle_timeout=1,
                             connect_timeout=1)
        self.send(driver)
        first = self.peer if self.peer.record('open') else other
        first.freeze()
        begin = time.monotonic()
        self.send(driver)
        self.assertGreater(time.monotonic() - begin, 0.2)
        first.thaw()
