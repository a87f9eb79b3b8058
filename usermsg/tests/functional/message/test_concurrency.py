# SPDX-License-Identifier: Apache-2.0
"""Concurrent recording: no message is lost, and no call fails."""

import concurrent.futures
import threading

import fixtures

from usermsg.message import api as message_api
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import processes
from usermsg.tests.fixtures import samples

MESSAGES_PER_RECORDER = 50

# Each of four processes records messages and prints their ids; the second
# argument is their number. The processes share the imported modules, and no
# other state.
_RECORD = r'''
import os, sys
from usermsg import config
from usermsg.message import api as message_api
from usermsg import service
from usermsg.tests.fixtures import samples
ready, report = os.pipe()
begin, close = os.pipe()
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        os.close(close)
        api = message_api.API(service.make_runtime(
            config.load_config(['--config-file', sys.argv[1]])))
        os.write(report, b'!')
        os.read(begin, 1)
        for _ in range(int(sys.argv[2])):
            os.write(1, f'{samples.record(api).id}\n'.encode())
        sys.exit(0)
    children.append(child)
os.close(report)
for _ in children:
    os.read(ready, 1)
print('ready', flush=True)
input()
os.close(close)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
'''

# Forks while its connections are open and a thread records, and continues.
# The children end normally, with all exit handlers.
_FORK = r'''
import os, sys, threading
from usermsg import config
from usermsg.message import api as message_api
from usermsg import service
from usermsg.tests.fixtures import samples
api = message_api.API(service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]])))
print('ready', flush=True)
input()
def record(count=int(sys.argv[2])):
    for number in range(count):
        # One write, so that no forked buffer contains a part of it.
        os.write(1, f'{samples.record(api).id}\n'.encode())
record(1)
thread = threading.Thread(target=record)
thread.start()
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        record()
        sys.exit(0)
    children.append(child)
statuses = [os.waitpid(child, 0)[1] for child in children]
thread.join()
record()
sys.exit(any(statuses))
'''


# Forks, and ends before its child, which continues to record and then ends
# without exit handlers: the messages that it recorded must be stored.
_ORPHAN = r'''
import os, sys, time
from usermsg import config
from usermsg.db import models
from usermsg import service
from usermsg.tests.fixtures import samples
runtime = service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]]))
print('ready', flush=True)
input()
def record():
    row = samples.row()
    runtime.db.write(lambda connection: connection.execute(
        models.messages.insert(), row))
    os.write(1, f"{row['id']}\n".encode())
record()
parent = os.getpid()
begun, begin = os.pipe()
if os.fork() == 0:
    record()
    os.write(begin, b'!')
    while os.getppid() == parent:
        time.sleep(0.02)
    for _ in range(int(sys.argv[2])):
        record()
    os._exit(0)
os.read(begun, 1)
'''


def run_at_once(count, call):
    """Call a function in several threads at once; return the results."""
    barrier = threading.Barrier(count)

    def begin(number):
        barrier.wait(60)
        return call(number)

    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


class TestConcurrency(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.service = self.runtime()
        self.api = message_api.API(self.service)

    def assertStored(self, ids):
        stored = [row['id'] for row in samples.stored(self.service.db)]
        self.assertEqual(sorted(ids), stored)
        self.assertNotIn('could not be recorded', self.log.output)

    def test_threads_that_share_an_api_lose_no_message(self):
        ids = run_at_once(8, lambda _: [samples.record(self.api).id
                                        for _ in range(MESSAGES_PER_RECORDER)])
        ids = sum(ids, [])
        self.assertEqual(8 * MESSAGES_PER_RECORDER, len(ids))
        self.assertStored(ids)
        self.assertEqual(8 * MESSAGES_PER_RECORDER,
                         samples.counted(self.service, 'recorded'))

    def assertRecorded(self, count, code):
        (status, output, errors), = processes.run_at_once(
            code, [[str(self.home / 'usermsg.conf'),
                    str(MESSAGES_PER_RECORDER)]])
        self.assertEqual((0, ''), (status, errors))
        ids = output.split()
        self.assertEqual(count, len(ids))
        self.assertStored(ids)

    def test_separate_processes_lose_no_message(self):
        self.assertRecorded(4 * MESSAGES_PER_RECORDER, _RECORD)

    def test_forks_of_recording_process_lose_no_message(self):
        self.assertRecorded(1 + 6 * MESSAGES_PER_RECORDER, _FORK)

    def test_fork_that_outlives_its_parent_loses_no_message(self):
        # SQLite cleans up when the last connection to the file is closed,
        # which must not be a connection of this process.
        self.service.db.dispose()
        self.assertRecorded(2 + MESSAGES_PER_RECORDER, _ORPHAN)

    def test_concurrent_records_with_one_key_store_one_message(self):
        for number in range(3):
            ids = run_at_once(16, lambda _: samples.record(
                self.api, source_id=f'key {number}').id)
            self.assertEqual(1, len(set(ids)), ids)
            self.assertEqual(number + 1,
                             len(samples.stored(self.service.db)))
        self.assertEqual(0, samples.counted(self.service, 'not_recorded'))

    def test_concurrent_record_read_and_delete(self):
        def work(number):
            for _ in range(10):
                message = samples.record(self.api, project_id=str(number))
                context = samples.request(str(number))
                page = self.api.get_all(context)
                self.assertEqual([message.id],
                                 [one.id for one in page.objects])
                self.api.delete(context, message.id)

        run_at_once(8, work)
        self.assertStored([])


class TestTwoRuntimes(databases.TestCase):

    def test_two_runtimes_share_no_messages_or_metrics(self):
        one = self.runtime(messages={'ttl': 60})
        other = self.runtime(
            database={'connection': self.sqlite_url('other.sqlite')},
            messages={'ttl': 3600})
        created = run_at_once(2, lambda number: [
            samples.record(message_api.API((one, other)[number]),
                           source_id=f'key {count}')
            for count in range(10 + number)])
        for runtime, messages, ttl in ((one, created[0], 60),
                                       (other, created[1], 3600)):
            self.assertEqual([message.id for message in messages],
                             [row['id'] for row in
                              samples.stored(runtime.db)])
            self.assertEqual(len(messages),
                             samples.counted(runtime, 'recorded'))
            self.assertEqual({ttl}, {
                (message.expires_at - message.created_at).total_seconds()
                for message in messages})
