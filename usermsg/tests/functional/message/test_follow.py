# SPDX-License-Identifier: Apache-2.0
"""Programs that follow new messages miss none of them."""

import concurrent.futures
import datetime
import threading
import time

import fixtures

from usermsg.db import models
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import samples

WRITERS_PER_HOST = 50

#: Seconds.
SHORT_DELAY = 1

# A host whose clock is ahead of the right time by the seconds of the second
# argument. Each of its writers records single messages and batches; the host
# prints how many messages were not recorded.
_HOST = r'''
import concurrent.futures, sys
from usermsg import config
from usermsg import exception
from usermsg.message import api as message_api
from usermsg import service
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import samples
path, seconds, writers = sys.argv[1:]
api = message_api.API(
    service.make_runtime(config.load_config(['--config-file', path])),
    now=clocks.ahead(float(seconds)))
def record(number):
    failed = 0
    for _ in range(3):
        for _ in range(4):
            failed += samples.record(api) is None
        try:
            api.record([api.new_message(
                {'project_id': samples.PROJECT, 'event_id': samples.EVENT})
                for _ in range(30)])
        except exception.DatabaseUnavailable:
            failed += 30
    return failed
print('ready', flush=True)
input()
with concurrent.futures.ThreadPoolExecutor(int(writers)) as threads:
    print(sum(threads.map(record, range(int(writers)))))
'''


class Follower(threading.Thread):
    """Program that follows the messages of a project.

    :ivar ids: ids of all messages, in the order in which they were listed
    """

    def __init__(self, api):
        super().__init__(daemon=True)
        self.ids = []
        self._api = api
        self._last_id = None

    def run(self):
        while self._last_id is None or self.ids[-1:] < [self._last_id]:
            page = self._api.get_all(
                samples.request(), marker=self.ids[-1] if self.ids else None,
                sort=message_api.OLDEST_FIRST,
                min_age=self._api.follow_delay).objects
            self.ids += [message.id for message in page]
            if not page:
                time.sleep(0.1)

    def finish(self, last_id):
        """Wait until this message, or a later one, has been listed."""
        self._last_id = last_id
        self.join(120)


class TestFollow(databases.TestCase):

    busy_timeout = 30

    def test_followers_list_each_message_once(self):
        # The clocks differ by 2 seconds. Twice the usual delay, for a machine
        # on which a commit may take some seconds.
        hosts, followers = (-1, -0.5, 0.5, 1), (-1, 1)
        service = self.runtime(
            api={'follow_delay': 20},
            # Fewer connections than writers.
            database={'connection': self.url, 'max_pool_size': 5,
                      'max_overflow': 5, 'pool_timeout': 60})
        threads = [Follower(message_api.API(
            service, now=clocks.ahead(seconds))) for seconds in followers]

        results = processes.run_at_once(
            _HOST, [[str(self.home / 'usermsg.conf'), str(seconds),
                     str(WRITERS_PER_HOST)] for seconds in hosts],
            before=lambda: [thread.start() for thread in threads])

        for status, output, errors in results:
            self.assertEqual((0, '0\n'), (status, output), errors)
        stored = [row['id'] for row in samples.stored(service.db)]
        for thread in threads:
            thread.finish(stored[-1])
            missed = set(stored).difference(thread.ids)
            self.assertEqual((len(stored), set()), (len(thread.ids), missed))
            self.assertEqual(stored, thread.ids)


class TestLocks(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.service = self.runtime(
            api={'follow_delay': SHORT_DELAY},
            oslo_messaging_notifications={'driver': 'log'})
        self.api = message_api.API(self.service)

    def new_messages(self, count=3, api=None):
        api = api or self.api
        return [api.new_message(
            {'project_id': samples.PROJECT, 'event_id': samples.EVENT,
             'resource_uuid': str(number), 'source_id': f'key {number}'})
            for number in range(count)]

    def record_behind_lock(self, new_messages, seconds=2 * SHORT_DELAY):
        """Record while another transaction has stored the last source key.

        :returns: time at which that was rolled back, and the results
        """
        with (concurrent.futures.ThreadPoolExecutor(1) as executor,
              self.service.db.engine().connect() as connection):
            transaction = connection.begin()
            connection.execute(
                models.source_keys.insert(),
                new_messages[-1].key_row()._replace(message_id='')._asdict())
            recorded = executor.submit(self.api.record, new_messages)
            concurrent.futures.wait([recorded], seconds)
            self.assertFalse(recorded.done())
            released = message_api.utc_now()
            transaction.rollback()
            return released, recorded.result(120)

    def test_messages_held_up_by_lock_get_new_ids_and_times(self):
        new_messages = self.new_messages()
        released, results = self.record_behind_lock(new_messages)
        self.assertEqual([True] * 3, [result.new for result in results])
        oldest = released - datetime.timedelta(seconds=SHORT_DELAY / 2)
        for new_message, result in zip(new_messages, results):
            self.assertLess(oldest, result.message.created_at)
            self.assertLess(new_message.row.id, result.row.id)
            self.assertEqual(
                new_message.row.expires_at - new_message.row.created_at,
                result.row.expires_at - result.row.created_at)
        stored = samples.stored(self.service.db)
        self.assertEqual([result.row.id for result in results],
                         [row['id'] for row in stored])
        self.assertEqual(['0', '1', '2'],
                         [row['resource_uuid'] for row in stored])
        self.assertEqual(
            [result.row.id for result in results],
            [row['message_id'] for row in
             samples.stored(self.service.db, models.source_keys)])
        self.assertEqual(
            [(row['id'], row['created_at']) for row in stored],
            [(row['subject'], row['occurred_at']) for row in
             samples.stored(self.service.db, models.outbox)])

    def test_repeat_of_messages_with_new_ids_returns_them(self):
        _released, results = self.record_behind_lock(self.new_messages())
        repeated = self.api.record(self.new_messages())
        self.assertEqual([(result.row, False) for result in results],
                         [(result.row, result.new) for result in repeated])

    def test_transaction_that_always_takes_too_long_stores_nothing(self):
        # Each reading of the clock is later by more than the delay.
        times = (samples.START + datetime.timedelta(days=day)
                 for day in range(1000))
        api = message_api.API(self.service, now=lambda: next(times))
        self.assertRaises(exception.DatabaseUnavailable, api.record,
                          self.new_messages(api=api))
        for table in (models.messages, models.source_keys, models.outbox):
            self.assertEqual([], samples.stored(self.service.db, table))
        self.assertIn('Messages could not be stored: their transactions took '
                      'longer than half of [api] follow_delay',
                      self.log.output)
        self.assertEqual(3, samples.counted(self.service, 'not_recorded'))
        self.assertIsNone(samples.record(api))
