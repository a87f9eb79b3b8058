# SPDX-License-Identifier: Apache-2.0
"""From a request to a queue, while RabbitMQ comes and goes.

``python -m usermsg.tests.functional.outbox.test_faults 10000``
does the same with as many messages on MariaDB, and prints figures.
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

#: Seconds, far longer than it takes.
LONG = 240

_QUEUE = 'notifications.info'

#: Seconds that the driver waits for RabbitMQ.
_TIMEOUT = 3


class OutboxFaultsTest(databases.TestCase):

    scenarios = [('mariadb', {'server': staticmethod(servers.mariadb)})]
    messages = 800
    threads = 4
    rounds = 1

    def setUp(self):
        super().setUp()
        self.broker = servers.require(rabbitmq.RabbitMQ)
        self.addCleanup(self.broker.stop)
        self.vhost = self.broker.create_vhost()
        self.service = self.runtime(
            relay={'interval': 0.1, 'max_backoff': 1},
            oslo_messaging_rabbit={'amqp_durable_queues': 'true'},
            oslo_messaging_rabbit_notify={'timeout': _TIMEOUT},
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
        self.made, self.deleted = [], []
        self.slowest = self.frozen = 0

    def create(self, number):
        """Create so many, and delete each third at once."""
        for index in range(number):
            begin = time.monotonic()
            message = samples.record(self.api, project_id=f'p{index % 50}')
            self.made.append(message and message.id)
            if message and index % 3 == 0:
                self.api.delete(samples.request(f'p{index % 50}'), message.id)
                self.deleted.append(message.id)
            self.slowest = max(self.slowest, time.monotonic() - begin)

    def wait_until(self, condition, words=''):
        end = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), end,
                            words + self.worker.log()[-4000:])
            time.sleep(0.05)

    def until(self, part):
        """Wait until such a part of the messages was created."""
        self.wait_until(lambda: len(self.made) >= self.messages * part)

    def backlog(self):
        return entries.backlog(self.db)

    def faults(self):
        """One after the other, while messages are created."""
        steps = 4 * self.rounds
        for number in range(self.rounds):
            at = [(4 * number + step) / (steps + 1) for step in range(1, 5)]
            self.until(at[0])
            self.broker.kill()
            self.until(at[1])
            self.broker.start()
            self.until(at[2])
            self.broker.freeze()
            begin = time.monotonic()
            self.until(at[3])
            self.frozen = max(self.frozen, time.monotonic() - begin)
            # The worker too, with whatever it has under way.
            self.worker.kill()
            self.worker.start()
            self.broker.thaw()

    def run_it(self):
        """The ids in the queue, in their order, with their types."""
        with futures.ThreadPoolExecutor(self.threads) as threads:
            creators = [threads.submit(
                self.create, self.messages // self.threads)
                for _ in range(self.threads)]
            self.faults()
            for each in creators:
                each.result()
        self.drained = time.monotonic()
        # What the worker that was killed had under way has its lease.
        with self.db.engine().begin() as connection:
            connection.execute(models.leases.delete())
        self.wait_until(lambda: not self.backlog(), str(self.backlog()))
        self.drained = time.monotonic() - self.drained
        found = self.vhost.read(_QUEUE, self.vhost.count(_QUEUE))
        return [json.loads(json.loads(message.body)['oslo.message'])
                for message in found]

    def assert_it_ends_while_the_broker_is_frozen(self):
        self.broker.freeze()
        self.create(300)
        process = self.worker._popen
        process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        self.assertEqual(0, process.wait(LONG), self.worker.log()[-4000:])
        self.ended = time.monotonic() - begin
        self.assertNotIn('Graceful shutdown timeout', self.worker.log())
        self.assertNotEqual({}, self.backlog())

    def test_nothing_is_lost_and_nobody_waits(self):
        found = self.run_it()
        self.assertNotIn(None, self.made)
        firsts = {}
        for place, body in enumerate(found):
            key = (body['event_type'],
                   body['payload']['usermsg_object.data']['id'])
            ident, _place = firsts.setdefault(
                key, (body['message_id'], place))
            # Others of the same are the same.
            self.assertEqual(ident, body['message_id'])
        self.assertEqual(
            {('message.create', ident) for ident in self.made} |
            {('message.delete', ident) for ident in self.deleted},
            set(firsts))
        for ident in self.deleted:
            self.assertLess(firsts['message.create', ident][1],
                            firsts['message.delete', ident][1])
        self.assertIn('cannot deliver them: rabbit: ', self.worker.log())
        self.assert_it_ends_while_the_broker_is_frozen()
        self.assertNotIn('Traceback', self.worker.log())
        self.assertNotIn(self.broker.password, self.worker.log())
        # Had each creation waited for the broker as long as a driver may, a
        # fifth of them would have taken at least so long.
        self.assertLess(
            self.frozen, _TIMEOUT * self.messages / 5 / self.threads / 2)
        self.figures = (
            f'{len(self.made)} messages, {len(self.deleted)} deletes, '
            f'{len(found) - len(firsts)} duplicates of {len(found)}; the '
            f'slowest request took {self.slowest:.2f} s; the outbox was '
            f'empty {self.drained:.1f} s after the last one; the worker '
            f'ended in {self.ended:.1f} s')


def main():
    """A longer one: as many messages as the command line says."""

    class Campaign(OutboxFaultsTest):

        server = staticmethod(servers.mariadb)
        scenarios = ()
        messages = int(sys.argv[1])
        rounds = 3

        def runTest(self):
            self.test_nothing_is_lost_and_nobody_waits()
            print(self.figures)

    outcome = Campaign().defaultTestResult()
    Campaign('runTest').run(outcome)
    for _case, text in outcome.failures + outcome.errors:
        print(text)


if __name__ == '__main__':
    main()
