# SPDX-License-Identifier: Apache-2.0
"""``usermsg-worker`` as a process."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request

from usermsg.db import clock
from usermsg.db import lease
from usermsg.db import models
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import outbox_samples
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

COMMAND = (sys.executable, '-m', 'usermsg.cmd.worker', '--config-file')


class TestWorker(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.port = servers.free_port()
        self.db = self.runtime(reaper={'interval': 1},
                               metrics={'worker_port': self.port}).db

    def start(self):
        worker = servers.Process(
            [*COMMAND, str(self.home / 'usermsg.conf')],
            env={'HOME': str(self.home)})
        self.addCleanup(worker.stop)
        worker.start()
        return worker

    def wait_for(self, condition, worker):
        end = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), end, worker.log())
            time.sleep(0.05)

    def figures(self):
        """Name and labels, as they are served, to value."""
        with urllib.request.urlopen(
                f'http://127.0.0.1:{self.port}/', timeout=60) as answer:
            return dict(line.rsplit(' ', 1) for line in
                        answer.read().decode().splitlines())

    def reaps(self, worker):
        samples.insert(self.db, expiry.rows(3, 31 * expiry.DAY))
        self.wait_for(lambda: not samples.stored(self.db), worker)

    def test_it_reaps_until_it_is_told_to_end(self):
        outbox_samples.insert(self.db, [outbox_samples.entry()])
        worker = self.start()
        self.reaps(worker)
        self.wait_for(lambda: self.figures()[
            'usermsg_reaper_last_success_timestamp_seconds'] != '0.0', worker)
        figures = self.figures()
        self.assertEqual('3.0', figures['usermsg_messages_expired_total'])
        self.assertEqual(
            '1.0', figures['usermsg_outbox_pending{driver="rabbit"}'])
        # SIGHUP: a new process, with what is configured now; a file that
        # can't be used changes nothing.
        good = (self.home / 'usermsg.conf').read_text(encoding='utf-8')
        taken = self.taken_port()
        for text, expected in (
                (good.replace(f'worker_port = {self.port}',
                              f'worker_port = {taken}'),
                 'The configuration stays as it was: [metrics] it cannot '
                 f'listen on 127.0.0.1 port {taken}: '),
                (good.replace('[metrics]', '[metrics]\nhost = 192.0.2.7'),
                 'The configuration stays as it was: [metrics] it cannot '
                 'listen on 192.0.2.7 port '),
                (good + '[DEFAULT]\ndefault_log_levels = usermsg=LOUD\n',
                 'The configuration stays as it was: logging cannot be set '
                 'up: '),
                ('[messages]\nttl = hunter2\n',
                 'The configuration stays as it was: '),
                ('hunter2\n', 'The configuration stays as it was: '),
                (good + '[messages]\nmax_per_project = 5\n', ' reaps')):
            before = worker.log()
            self.write('usermsg.conf', text)
            worker._popen.send_signal(signal.SIGHUP)
            self.wait_for(
                lambda: expected in worker.log()[len(before):], worker)
            self.reaps(worker)
        samples.insert(self.db, expiry.rows(8, expiry.DAY))
        self.wait_for(lambda: len(samples.stored(self.db)) == 5, worker)
        # What stays is what was last read, not what it was started with.
        before = worker.log()
        self.write('usermsg.conf', 's3cret\n')
        worker._popen.send_signal(signal.SIGHUP)
        self.wait_for(lambda: 'stays as it was: ' in
                      worker.log()[len(before):], worker)
        self.wait_for(lambda: ' reaps' in worker.log()[len(before):], worker)
        samples.insert(self.db, expiry.rows(8, expiry.DAY))
        self.wait_for(lambda: len(samples.stored(self.db)) == 5, worker)
        self.assertNotIn('s3cret', worker.log())

        worker._popen.send_signal(signal.SIGTERM)
        self.assertEqual(0, worker._popen.wait(60), worker.log())
        self.assertIn('Removed 3 expired messages', worker.log())
        self.assertNotIn('Traceback', worker.log())
        self.assertNotIn(' ERROR cotyledon', worker.log())
        self.assertLessEqual(
            samples.stored(self.db, models.leases)[0]['until'],
            clock.read(self.db).replace(tzinfo=None))
        self.assertTrue(lease.Lease(self.db, 'reaper', 60).acquire())

    def taken_port(self):
        sock = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(sock.close)
        return sock.getsockname()[1]

    def test_a_port_that_is_taken_is_said_in_one_line(self):
        port = self.taken_port()
        self.runtime(tables=False, metrics={'worker_port': port})
        end = subprocess.run([*COMMAND, str(self.home / 'usermsg.conf')],
                             text=True, timeout=120, capture_output=True)
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertEqual(
            'usermsg-worker cannot start: [metrics] cannot listen on '
            f'127.0.0.1 port {port}: Address already in use',
            end.stderr.splitlines()[-1])

    def test_what_cannot_be_used_is_said_in_one_line(self):
        path = self.write('bad.conf', '[reaper]\nbatch_size = 501\n')
        end = subprocess.run([*COMMAND, path], text=True, timeout=120,
                             capture_output=True)
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertRegex(
            end.stderr, r'^usermsg-worker cannot start: .*bad\.conf: '
            r'\[reaper\] batch .*\n$')
