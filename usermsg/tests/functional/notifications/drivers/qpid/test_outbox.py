# SPDX-License-Identifier: Apache-2.0
"""Delivery from the outbox through ``qpid`` to a server that refuses."""

import threading
import time

from usermsg.db import models
from usermsg.notifications import notification
from usermsg.outbox import relay
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

ADDRESS = qpid_case.ADDRESS
_UNAVAILABLE = ('Notifications stay in the outbox, because driver qpid '
                'cannot deliver them')


class QpidOutboxTest(qpid_case.QpidCase):

    def setUp(self):
        super().setUp()
        self.peer = servers.require(qpid_peer.Peer)
        self.addCleanup(self.peer.stop)

    def relay(self, *names):
        """Start relays to these drivers, which stop after the test."""
        self.service = self.runtime(
            relay={'poll_interval': 0.05, 'max_backoff': 1},
            oslo_messaging_notifications={
                'driver': '\ndriver = '.join(names)},
            oslo_messaging_qpid={
                'hosts': self.peer.url(), 'delivery_timeout': 1,
                'connect_timeout': qpid_case.TIMEOUT,
                'min_backoff': 0.05, 'max_backoff': 0.2})
        stop = threading.Event()
        thread = threading.Thread(
            target=relay.run_all, args=(self.service, stop))
        thread.start()
        self.addCleanup(thread.join, qpid_case.TIMEOUT)
        self.addCleanup(stop.set)

    def put(self, number):
        """Add entries to the outbox, each with another subject.

        :returns: their ids
        """
        added = [notification.Notification(
            'image.update', {'number': index}, f'{number} {index}')
            for index in range(number)]
        for item in added:
            self.service.outbox.send(item)
        return [item.message_id for item in added]

    def remaining(self, name='qpid'):
        """Return the ids of pending entries, and of dead letters."""
        rows = [row for row in samples.stored(self.service.db, models.outbox)
                if row['driver'] == name]
        return tuple({row['id'] for row in rows if row['set_aside'] == value}
                     for value in (0, 1))

    def wait_until(self, condition):
        end = time.monotonic() + qpid_case.TIMEOUT
        while not condition():
            self.assertLess(time.monotonic(), end, self.log_output()[-4000:])
            time.sleep(0.02)

    def wait_until_sent(self, name='qpid'):
        self.wait_until(lambda: self.remaining(name) == (set(), set()))

    def assert_received(self, *expected):
        self.assertEqual(set().union(*expected), set(qpid_case.unique_ids(
            self.peer.record('message', outcome='accept'))))

    def check_outage(self, **rule):
        """Check delivery before, during and after a rule of the peer."""
        self.relay('qpid')
        before = self.put(5)
        self.wait_until_sent()
        self.peer.set_rule(ADDRESS, **rule)
        # In as many shards as subjects, and in more than the relay probes.
        during = self.put(30)
        self.wait_until(lambda: _UNAVAILABLE in self.log_output())
        during += self.put(7)
        self.assertEqual((set(during), set()), self.remaining())
        self.peer.set_rule(ADDRESS)
        self.wait_until_sent()
        self.assert_received(before, during)
        self.wait_until(lambda: 'qpid delivers again' in self.log_output())

    def test_full_queue_without_reason_makes_no_dead_letters(self):
        self.check_outage(do='reject')

    def test_full_queue_with_reason_makes_no_dead_letters(self):
        self.check_outage(do='reject', condition='amqp:precondition-failed',
                          info={'reason': 'maxlen'})

    def test_missing_permission_makes_no_dead_letters(self):
        # The existing link ends, at the latest with the next message.
        self.check_outage(now='end', do='end', attach='refuse',
                          condition='amqp:unauthorized-access',
                          description='access denied')
        warnings = [line for line in self.warnings()
                    if 'through qpid' in line]
        self.assertEqual(
            [f'WARNING Notifications through qpid: {ADDRESS}: '
             f'{self.peer.url()}: amqp:unauthorized-access (access denied)'],
            warnings)

    def test_outage_does_not_repeat_deliveries_of_another_driver(self):
        self.peer.kill()
        self.relay('qpid', 'logging')
        expected = self.put(20)
        self.wait_until_sent('logging')
        self.wait_until(lambda: _UNAVAILABLE in self.log_output())
        expected += self.put(5)
        self.wait_until_sent('logging')
        self.assertEqual((set(expected), set()), self.remaining())
        self.peer.start()
        self.wait_until_sent()
        self.assert_received(expected)
        self.assertEqual([1] * len(expected), [
            self.log_output().count(ident) for ident in expected])
