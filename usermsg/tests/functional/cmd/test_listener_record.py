# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage listener record``, from a real RabbitMQ to a file."""

import json
import os
import signal
import stat
import subprocess
import sys

from usermsg.tests import base
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import wire
from usermsg.tests.functional.listener import test_consumer

#: Of no recorded file.
SECRET = 'hunter2'

SECRETS = {
    'password': SECRET, 'admin_pass': SECRET, 'nested': [{
        'auth_token_info': {'x': SECRET}, 'aws_creds': [SECRET]}],
    'url': f'https://admin:{SECRET}@example.org/',
    'text': f'connecting to rabbit://u:{SECRET}/@h:5672/ failed',
    'link': f'http://example.org/a?temp_url_sig={SECRET}&x=1',
    'header': f'X-Auth-Token: {SECRET}-and-more',
    'other': f'Authorization: Bearer {SECRET}-and-more',
    'command': f'--os-password {SECRET} --x',
    'config': f'{{"user_password": "{SECRET}"}}'}


class TestRecord(test_consumer.ListenerMixin, base.TestCase):

    def prepare(self, **options):
        super().prepare(**options)
        self.path = str(self.home / 'record.jsonl')

    def start_recording(self, *arguments):
        """Return a process that records, once it does."""
        process = subprocess.Popen(
            [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file',
             str(self.home / 'usermsg.conf'), 'listener', 'record',
             self.path, *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.errors = []
        while 'Recording ' not in (line := process.stderr.readline()):
            self.assertNotEqual('', line, self.errors)
            self.errors.append(line)
        return process

    def read(self):
        with open(self.path, encoding='utf-8') as file:
            return [json.loads(line) for line in file]

    def end(self, process):
        return process.communicate(timeout=120)[0]

    def test_record_is_tested_as_the_original(self):
        self.prepare()
        self.declare()
        process = self.start_recording('--count', '4')
        self.assertIn('The exchange glance does not exist', self.errors[0])
        failed = next(delivery for delivery
                      in captures.read(test_consumer.CAPTURE)
                      if delivery.routing_key == 'notifications.error')
        self.publish(failed.body)
        self.publish(wire.body(
            payload=SECRETS, _context_auth_token=SECRET,
            _context_request_id='req-1', _context_password=SECRET,
            _context_project_id=samples.PROJECT, _unique_id='u'))
        self.publish(f'{{"_context_token": "{SECRET}"'.encode(), b'\xff')
        self.assertEqual('4 notifications have been recorded.\n',
                         self.end(process))
        self.assertEqual(0, process.returncode)
        self.assertEqual(
            0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        with open(self.path, encoding='utf-8') as file:
            self.assertNotIn(SECRET, file.read())
        first, second, *malformed = self.read()
        self.assertEqual(
            ('openstack', 'notifications.error',
             {'content_encoding': 'utf-8', 'delivery_mode': 2}),
            (first['exchange'], first['routing_key'], first['properties']))
        original, recorded = (
            json.loads(json.loads(body)['oslo.message'])
            for body in (failed.body, first['body']))
        self.assertEqual(original['payload'], recorded['payload'])
        content = json.loads(json.loads(second['body'])['oslo.message'])
        self.assertEqual(
            {'_context_request_id', '_context_project_id'},
            {name for name in content if name.startswith('_context_')})
        self.assertEqual('u', content['_unique_id'])
        self.assertEqual(['{"', '\\\\xff'],
                         [line['body'] for line in malformed])
        [row] = json.loads(commands.manage(
            'listener', 'test', self.path, '-f', 'json',
            config=str(self.home / 'usermsg.conf')).stdout)
        self.assertEqual(test_consumer.VOLUME, row['resource_uuid'])

    def test_interrupted_command_prints_the_number(self):
        self.prepare()
        self.declare()
        process = self.start_recording()
        self.publish(*[test_consumer.failure() for _ in range(3)])
        listening.wait_for(lambda: self.queues() == [0])
        process.send_signal(signal.SIGINT)
        self.assertEqual('3 notifications have been recorded.\n',
                         self.end(process))
        self.assertEqual(0, process.returncode)
        self.assertEqual(3, len(self.read()))
        # The queue ends with the command.
        listening.wait_for(lambda: self.queues() == [])

    def queues(self):
        """Return the numbers of messages of all queues."""
        return [int(line) for line in self.broker.control(
            '-q', 'list_queues', '-p', self.vhost.name, 'messages',
            '--no-table-headers').splitlines() if line.strip()]

    def test_two_records_and_a_listener_receive_all(self):
        self.prepare()
        self.declare()
        self.start_bound()
        process = self.start_recording('--count', '50')
        self.publish(*[test_consumer.failure() for _ in range(60)])
        self.end(process)
        self.assertEqual(50, len(self.read()))
        self.wait_for_messages(60)

    def manage(self, *arguments, status=1):
        result = commands.manage('listener', 'record', *arguments,
                                 config=str(self.home / 'usermsg.conf'))
        self.assertEqual(status, result.returncode, result.stderr)
        self.assertNotIn('Traceback', result.stderr)
        return result

    def test_existing_file_is_not_overwritten(self):
        self.prepare()
        self.declare()
        self.write('record.jsonl', 'precious')
        self.assertIn('is not overwritten', self.manage(self.path).stderr)
        os.unlink(self.path)
        os.symlink(self.home / 'absent', self.path)
        self.assertIn('is not overwritten', self.manage(self.path).stderr)
        self.assertIn('cannot be written', self.manage(
            str(self.home / 'no' / 'record')).stderr)

    def test_time_ends_the_record(self):
        self.prepare()
        self.declare()
        # The documented permissions are sufficient.
        names = r'amq\.gen.*'
        self.assertIn(f'``configure`` and ``write`` for ``{names}``', (
            base.ROOT / 'doc/source/admin/listener.rst').read_text('utf-8'))
        self.config_file(oslo_messaging_notifications={
            'transport_url': self.vhost.url(
                'rabbit', login=self.vhost.create_user(names, names))})
        result = self.manage(self.path, '--seconds', '0.5', status=0)
        self.assertEqual('0 notifications have been recorded.\n',
                         result.stdout)
        self.assertEqual([], self.read())

    def test_unusable_arguments_are_named(self):
        self.prepare()
        self.assertIn('--transport: is not one of [listener] transports: '
                      'default.', self.manage(
                          self.path, '--transport', 'west').stderr)
        self.config_file(oslo_messaging_notifications={
            'transport_url': 'rabbit://a:b@127.0.0.1:1/'})
        self.assertIn('Cannot connect to RabbitMQ', self.manage(
            self.path).stderr)
        self.assertFalse(os.path.exists(self.path))
