# SPDX-License-Identifier: Apache-2.0
"""Delivery from requests to a queue during outages of RabbitMQ.

``python -m usermsg.tests.functional.outbox.test_faults 10000`` runs the same
test with that many messages on MariaDB, and prints its measurements.
"""

from concurrent import futures
import json
import signal
import sys
import time

from usermsg.db import models
from usermsg.message import api as message_api
from usermsg.objects import outbox as entries
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

#: Seconds, far longer than any step of these tests.
LONG = 240

_QUEUE = 'notifications.info'

#: Seconds that the driver waits for RabbitMQ.
_TIMEOUT = 3


class TestOutboxFaults(databases.TestCase):

    scenarios = [('mariadb', {'server': staticmethod(servers.mariadb)})]
    messages = 800
    threads = 4
    repetitions = 1

    def setUp(self):
        super().setUp()
        self.broker = servers.require(rabbitmq.RabbitMQ)
        self.addCleanup(self.broker.stop)
        self.vhost = self.broker.create_vhost()
        self.service = self.runtime(
            relay={'poll_interval': 0.1, 'max_backoff': 1},
            oslo_messaging_rabbit={'amqp_durable_queues': 'true'},
            oslo_messaging_rabbit_notify={'delivery_timeout': _TIMEOUT},
            oslo_messaging_notifications={
                'driver': 'rabbit',
                'transport_url': self.vhost.url('rabbit')})
        self.db = self.service.db
        self.api = message_api.API(self.service)
        self.worker = servers.Process(
            [sys.executable, '-m', 'usermsg.cmd.worker', '--config-file',
             str(self.home / 'usermsg.conf')], env={'HOME': str(self.home)})
        self.addCleanup(self.worker.stop)
        self.worker.start()
        self.created, self.deleted = [], []
        self.slowest = self.frozen = 0

    def create(self, number):
        """Create messages, and delete each third immediately."""
        for index in range(number):
            begin = time.monotonic()
            message = samples.record(self.api, project_id=f'p{index % 50}')
            self.created.append(message and message.id)
            if message and index % 3 == 0:
                self.api.delete(samples.request(f'p{index % 50}'), message.id)
                self.deleted.append(message.id)
            self.slowest = max(self.slowest, time.monotonic() - begin)

    def wait_until(self, condition, prefix=''):
        end = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), end,
                            prefix + self.worker.log()[-4000:])
            time.sleep(0.05)

    def wait_for_creation(self, part):
        """Wait until this part of the messages, from 0 to 1, was created."""
        self.wait_until(lambda: len(self.created) >= self.messages * part)

    def backlog(self):
        return entries.backlog(self.db)

    def inject_faults(self):
        """Kill and freeze processes while messages are created."""
        steps = 4 * self.repetitions
        for number in range(self.repetitions):
            at = [(4 * number + step) / (steps + 1) for step in range(1, 5)]
            self.wait_for_creation(at[0])
            self.broker.kill()
            self.wait_for_creation(at[1])
            self.broker.start()
            self.wait_for_creation(at[2])
            self.broker.freeze()
            begin = time.monotonic()
            self.wait_for_creation(at[3])
            self.frozen = max(self.frozen, time.monotonic() - begin)
            # The worker is killed, too, with its entries in flight.
            self.worker.kill()
            self.worker.start()
            self.broker.thaw()

    def run_faults(self):
        """Create messages during faults; return the bodies in the queue."""
        with futures.ThreadPoolExecutor(self.threads) as threads:
            creators = [threads.submit(
                self.create, self.messages // self.threads)
                for _ in range(self.threads)]
            self.inject_faults()
            for creator in creators:
                creator.result()
        self.drained = time.monotonic()
        # The leases of the killed worker still cover its entries in flight.
        with self.db.engine().begin() as connection:
            connection.execute(models.leases.delete())
        self.wait_until(lambda: not self.backlog(), str(self.backlog()))
        self.drained = time.monotonic() - self.drained
        messages = self.vhost.read(_QUEUE, self.vhost.count(_QUEUE))
        return [json.loads(json.loads(message.body)['oslo.message'])
                for message in messages]

    def assertEndsWithFrozenBroker(self):
        self.broker.freeze()
        self.create(300)
        process = self.worker._popen
        process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        self.assertEqual(0, process.wait(LONG), self.worker.log()[-4000:])
        self.ended = time.monotonic() - begin
        self.assertNotIn('Graceful shutdown timeout', self.worker.log())
        self.assertNotEqual({}, self.backlog())

    def test_outages_lose_no_notification_and_block_no_request(self):
        bodies = self.run_faults()
        self.assertNotIn(None, self.created)
        firsts = {}
        for position, body in enumerate(bodies):
            key = (body['event_type'],
                   body['payload']['usermsg_object.data']['id'])
            ident, _position = firsts.setdefault(
                key, (body['message_id'], position))
            # Duplicates have the same message id.
            self.assertEqual(ident, body['message_id'])
        self.assertEqual(
            {('message.create', ident) for ident in self.created} |
            {('message.delete', ident) for ident in self.deleted},
            set(firsts))
        for ident in self.deleted:
            self.assertLess(firsts['message.create', ident][1],
                            firsts['message.delete', ident][1])
        self.assertIn('cannot deliver them: rabbit: ', self.worker.log())
        self.assertEndsWithFrozenBroker()
        self.assertNotIn('Traceback', self.worker.log())
        self.assertNotIn(self.broker.password, self.worker.log())
        # If each creation had waited for the broker until the driver's
        # timeout, a fifth of them would have taken at least that long.
        self.assertLess(
            self.frozen, _TIMEOUT * self.messages / 5 / self.threads / 2)
        self.measurements = (
            f'{len(self.created)} messages, {len(self.deleted)} deletes, '
            f'{len(bodies) - len(firsts)} duplicates of {len(bodies)}; the '
            f'slowest request took {self.slowest:.2f} s; the outbox was '
            f'empty {self.drained:.1f} s after the last one; the worker '
            f'ended in {self.ended:.1f} s')


def main():
    """Run a longer test, with as many messages as the argument."""

    class Campaign(TestOutboxFaults):

        server = staticmethod(servers.mariadb)
        scenarios = ()
        messages = int(sys.argv[1])
        repetitions = 3

        def runTest(self):
            self.test_outages_lose_no_notification_and_block_no_request()
            print(self.measurements)

    result = Campaign().defaultTestResult()
    Campaign('runTest').run(result)
    for _case, text in result.failures + result.errors:
        print(text)


if __name__ == '__main__':
    main()
