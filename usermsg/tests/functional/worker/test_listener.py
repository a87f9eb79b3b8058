# SPDX-License-Identifier: Apache-2.0
"""``usermsg-worker`` with the listener, as a process."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
import uuid

from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers
from usermsg.tests.fixtures import wire
from usermsg.tests.functional.listener import test_consumer

COMMAND = (sys.executable, '-m', 'usermsg.cmd.worker', '--config-file')

RULES = textwrap.dedent('''\
    rules:
      - name: test-volume
        event_type: [volume.create]
        priority: [ERROR]
        project: payload.project_id
        resource: payload.volume_id
        message:
          event_id: VOLUME_000002
          resource_type: VOLUME
          level: ERROR
''')


class TestCase(test_consumer.ListenerMixin, databases.TestCase):

    def setUp(self):
        super().setUp()
        self.port = servers.free_port()

    def prepare(self, rules=RULES, listener=(), **groups):
        self.write('rules/test.yaml', rules)
        super().prepare(
            listener={'enabled': 'true', 'rules_dir': self.home / 'rules',
                      **dict(listener)},
            metrics={'worker_port': self.port}, **groups)

    def check_log(self):
        pass  # of another process

    def worker(self, **env):
        worker = servers.Process(
            [*COMMAND, str(self.home / 'usermsg.conf')],
            env={'HOME': str(self.home), **env})
        self.addCleanup(worker.stop)
        worker.start()
        return worker

    def wait_until_bound(self, worker):
        listening.wait_for(
            lambda: 'of the exchange openstack' in worker.log())

    def health(self):
        try:
            with urllib.request.urlopen(
                    f'http://127.0.0.1:{self.port}/healthcheck',
                    timeout=60) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def count(self, name):
        with urllib.request.urlopen(
                f'http://127.0.0.1:{self.port}/', timeout=60) as response:
            return sum(float(line.rsplit(' ', 1)[1])
                       for line in response.read().decode().splitlines()
                       if line.startswith(f'usermsg_listener_{name}'))


class TestWorker(TestCase):

    def test_killed_worker_loses_and_repeats_nothing(self):
        self.prepare()
        self.declare()
        worker = self.worker()
        self.wait_until_bound(worker)
        ids = [str(uuid.uuid4()) for _ in range(1500)]
        self.publish(*[test_consumer.failure(payload={
            'project_id': samples.PROJECT, 'volume_id': ident})
            for ident in ids])
        # In the middle: some are stored, and not all.
        listening.wait_for(self.messages)
        worker.kill()
        second = self.worker()
        # On a busy machine the first one may have stored all before.
        self.wait_until_bound(second)
        listening.wait_for(lambda: len(self.messages()) == len(ids))
        self.wait_until_acknowledged()
        self.assertEqual(
            sorted(ids),
            sorted(row['resource_uuid'] for row in self.messages()))
        self.assertEqual((200, {'status': 'available'}), self.health())
        self.assertEqual(1, self.count('connected'))
        second._popen.send_signal(signal.SIGTERM)
        self.assertEqual(0, second._popen.wait(60), second.log())
        self.assertNotIn('Traceback', second.log())
        self.assertEqual(0, self.vhost.count(test_consumer.QUEUE))


class TestProcess(TestCase):

    scenarios = databases.SCENARIOS[:1]

    def test_worker_reports_to_systemd(self):
        self.prepare(reaper={'enabled': 'false'})
        address = str(self.home / 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(address)
            sock.settimeout(120)
            worker = self.worker(NOTIFY_SOCKET=address,
                                 WATCHDOG_USEC='200000')
            self.assertEqual(b'READY=1', sock.recv(100))
            self.assertEqual(b'WATCHDOG=1', sock.recv(100))
            # A new process continues to report.
            before = len(worker.log())
            worker._popen.send_signal(signal.SIGHUP)
            listening.wait_for(
                lambda: 'receives notifications' in worker.log()[before:])
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while sock.recv(100):
                    pass
            sock.settimeout(120)
            self.assertEqual(b'WATCHDOG=1', sock.recv(100))
        self.assertNotIn('reaper lease', worker.log())

    def test_dead_letter_is_logged_without_its_content(self):
        self.prepare(transport={'trusted': 'true'})
        self.declare()
        worker = self.worker()
        self.wait_until_bound(worker)
        self.publish(wire.body(event_type='usermsg.report', payload={
            'project_id': samples.PROJECT, 'event_id': 'raw text',
            'resource_type': 'VOLUME', 'resource_uuid': ' raw text',
            'message_level': 'ERROR', 'user_id': None, 'request_id': None,
            'source_id': None}))
        listening.wait_for(self.dead_letters)
        listening.wait_for(lambda: 'became a dead letter' in worker.log())
        self.assertNotIn('raw text', worker.log())
        self.assertNotIn('InvalidInput', worker.log())

    def test_changed_rules_apply_after_reload(self):
        self.prepare(rules='rules: []\n')
        self.declare()
        worker = self.worker()
        self.wait_until_bound(worker)
        self.publish(test_consumer.failure())
        listening.wait_for(lambda: self.count('ignored'))
        self.assertEqual([], self.messages())
        before = len(worker.log())
        self.write('rules/test.yaml', RULES)
        worker._popen.send_signal(signal.SIGHUP)
        listening.wait_for(lambda: 'of the exchange openstack' in
                           worker.log()[before:])
        self.assertRegex(worker.log()[before:],
                         'Reloaded the rules of the listener: [0-9]+ rules\n')
        self.publish(test_consumer.failure())
        self.wait_for_messages(1)

    def assert_rejected(self, reason):
        end = subprocess.run([*COMMAND, str(self.home / 'usermsg.conf')],
                             text=True, timeout=120, capture_output=True)
        self.assertEqual(1, end.returncode)
        [line] = end.stderr.splitlines()
        self.assertIn('usermsg-worker cannot start: ', line)
        self.assertIn(reason, line)
        self.assertNotIn('hunter2', end.stderr)

    def test_start_with_invalid_rules_names_file_and_line(self):
        self.prepare(rules=RULES.replace('[volume.create]', '7'))
        self.assert_rejected('rules/test.yaml:3: ')

    def test_start_without_or_with_repeated_transports_is_refused(self):
        for names in ('', 'default,default'):
            self.prepare(listener={'transports': names})
            self.assert_rejected('[listener] transports: must be different')

    def test_start_with_invalid_transport_names_the_group(self):
        self.prepare(transport={'transport_url': 'rabbit://a:hunter2/@x:y/'})
        self.assert_rejected('[listener_transport_default] transport_url')
        self.prepare(transport={'transport_url': 'amqp://x:hunter2@y/'})
        self.assert_rejected('[listener_transport_default] transport_url')
