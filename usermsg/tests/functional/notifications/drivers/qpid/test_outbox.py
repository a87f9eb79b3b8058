# SPDX-License-Identifier: Apache-2.0
"""From the outbox through ``qpid``, while a server has no room or no right."""

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
_AWAY = 'Notifications wait in the outbox, as qpid cannot deliver them'


class QpidOutboxTest(qpid_case.QpidCase):

    def setUp(self):
        super().setUp()
        self.peer = servers.require(qpid_peer.Peer)
        self.addCleanup(self.peer.stop)

    def relay(self, *names):
        """Start relays to these strategies, which end with the test."""
        self.service = self.runtime(
            relay={'interval': 0.05, 'max_backoff': 1},
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
        """Into the outbox, each of a subject of its own; returns the ids."""
        found = [notification.Notification(
            'image.update', {'number': index}, f'{number} {index}')
            for index in range(number)]
        for each in found:
            self.service.outbox.send(each)
        return [each.message_id for each in found]

    def left(self, name='qpid'):
        """The ids of what waits, and of what was set aside."""
        rows = [row for row in samples.stored(self.service.db, models.outbox)
                if row['driver'] == name]
        return tuple({row['id'] for row in rows if row['set_aside'] == value}
                     for value in (0, 1))

    def wait_until(self, condition):
        end = time.monotonic() + qpid_case.TIMEOUT
        while not condition():
            self.assertLess(time.monotonic(), end, self.logged()[-4000:])
            time.sleep(0.02)

    def wait_until_sent(self, name='qpid'):
        self.wait_until(lambda: self.left(name) == (set(), set()))

    def assertArrived(self, *wanted):
        self.assertEqual(set().union(*wanted), set(qpid_case.ids(
            self.peer.record('message', outcome='accept'))))

    def go_through(self, **rule):
        """Have it work, then not, as a rule of the peer says, then again."""
        self.relay('qpid')
        before = self.put(5)
        self.wait_until_sent()
        self.peer.tell(ADDRESS, **rule)
        # Over as many shards as subjects, and more than are probed.
        during = self.put(30)
        self.wait_until(lambda: _AWAY in self.logged())
        during += self.put(7)
        self.assertEqual((set(during), set()), self.left())
        self.peer.tell(ADDRESS)
        self.wait_until_sent()
        self.assertArrived(before, during)
        self.wait_until(lambda: 'qpid delivers again' in self.logged())

    def test_a_full_queue_that_gives_no_reason_sets_nothing_aside(self):
        self.go_through(do='reject')

    def test_a_full_queue_that_says_so_sets_nothing_aside(self):
        self.go_through(do='reject', condition='amqp:precondition-failed',
                        info={'reason': 'maxlen'})

    def test_a_right_that_is_missing_sets_nothing_aside(self):
        # The link that there is ends, at the latest with the next message.
        self.go_through(now='end', do='end', attach='refuse',
                        condition='amqp:unauthorized-access',
                        description='not yours')
        said = [line for line in self.warnings() if 'through qpid' in line]
        self.assertEqual(
            [f'WARNING Notifications through qpid: {ADDRESS}: '
             f'{self.peer.url()}: amqp:unauthorized-access (not yours)'],
            said)

    def test_what_another_strategy_has_is_not_sent_again(self):
        self.peer.kill()
        self.relay('qpid', 'logging')
        wanted = self.put(20)
        self.wait_until_sent('logging')
        self.wait_until(lambda: _AWAY in self.logged())
        wanted += self.put(5)
        self.wait_until_sent('logging')
        self.assertEqual((set(wanted), set()), self.left())
        self.peer.start()
        self.wait_until_sent()
        self.assertArrived(wanted)
        self.assertEqual([1] * len(wanted), [
            self.logged().count(ident) for ident in wanted])
