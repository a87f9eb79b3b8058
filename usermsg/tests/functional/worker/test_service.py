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

    def fetch_metrics(self):
        """Return the served metrics: name with labels -> value."""
        with urllib.request.urlopen(
                f'http://127.0.0.1:{self.port}/', timeout=60) as response:
            return dict(line.rsplit(' ', 1) for line in
                        response.read().decode().splitlines())

    def wait_for_reaper(self, worker):
        samples.insert(self.db, expiry.rows(3, 31 * expiry.DAY))
        self.wait_for(lambda: not samples.stored(self.db), worker)

    def test_worker_reaps_reloads_and_ends(self):
        outbox_samples.insert(self.db, [outbox_samples.entry()])
        worker = self.start()
        self.wait_for_reaper(worker)
        self.wait_for(lambda: self.fetch_metrics()[
            'usermsg_reaper_last_success_timestamp_seconds'] != '0.0', worker)
        metrics = self.fetch_metrics()
        self.assertEqual('3.0', metrics['usermsg_messages_expired_total'])
        self.assertEqual(
            '1.0', metrics['usermsg_outbox_pending{driver="rabbit"}'])
        # SIGHUP starts a new process with the current configuration; an
        # invalid file changes nothing.
        valid = (self.home / 'usermsg.conf').read_text(encoding='utf-8')
        used_port = self.listen_on_port()
        for text, expected in (
                (valid.replace(f'worker_port = {self.port}',
                               f'worker_port = {used_port}'),
                 'the previous one stays in force: [metrics] cannot '
                 f'listen on 127.0.0.1 port {used_port}: '),
                (valid.replace('[metrics]', '[metrics]\nhost = 192.0.2.7'),
                 'the previous one stays in force: [metrics] cannot '
                 'listen on 192.0.2.7 port '),
                (valid + '[DEFAULT]\ndefault_log_levels = usermsg=LOUD\n',
                 'stays in force: logging cannot be set up: '),
                ('[messages]\nttl = hunter2\n',
                 'the previous one stays in force: '),
                ('hunter2\n', 'the previous one stays in force: '),
                (valid + '[messages]\nmax_per_project = 5\n',
                 ' holds the reaper lease')):
            before = worker.log()
            self.write('usermsg.conf', text)
            worker._popen.send_signal(signal.SIGHUP)
            self.wait_for(
                lambda: expected in worker.log()[len(before):], worker)
            self.wait_for_reaper(worker)
        self.assertRegex(
            worker.log()[len(before):],
            r'(?s)Reloaded the configuration; changed options: '
            r'\[messages\] max_per_project\n.*'
            r'Reloaded the catalogue: [0-9]+ entries\n.*'
            r'The worker process runs watchdog, reaper\n')
        samples.insert(self.db, expiry.rows(8, expiry.DAY))
        self.wait_for(lambda: len(samples.stored(self.db)) == 5, worker)
        # The last valid configuration stays in force, not the initial one.
        before = worker.log()
        self.write('usermsg.conf', 's3cret\n')
        worker._popen.send_signal(signal.SIGHUP)
        self.wait_for(lambda: 'stays in force: ' in
                      worker.log()[len(before):], worker)
        self.wait_for(lambda: ' holds the reaper lease' in
                      worker.log()[len(before):], worker)
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

    def listen_on_port(self):
        sock = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(sock.close)
        return sock.getsockname()[1]

    def test_start_with_port_in_use_fails_with_one_line(self):
        port = self.listen_on_port()
        self.runtime(tables=False, metrics={'worker_port': port})
        end = subprocess.run([*COMMAND, str(self.home / 'usermsg.conf')],
                             text=True, timeout=120, capture_output=True)
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertEqual(
            'usermsg-worker cannot start: [metrics] cannot listen on '
            f'127.0.0.1 port {port}: Address already in use',
            end.stderr.splitlines()[-1])

    def test_start_with_invalid_option_fails_with_one_line(self):
        path = self.write('bad.conf', '[reaper]\nbatch_size = 501\n')
        end = subprocess.run([*COMMAND, path], text=True, timeout=120,
                             capture_output=True)
        self.assertEqual((1, ''), (end.returncode, end.stdout))
        self.assertRegex(
            end.stderr, r'^usermsg-worker cannot start: .*bad\.conf: '
            r'\[reaper\] batch_size .*\n$')
