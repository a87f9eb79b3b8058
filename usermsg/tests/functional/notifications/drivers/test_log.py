# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``logging`` with a real log file."""

import json
import os
import subprocess
import sys

from usermsg.tests import base

# A service other than usermsg, with its setup of logging and notifier.
_SERVICE = '''
import sys
from oslo_config import cfg
from oslo_log import log
import oslo_messaging

conf = cfg.ConfigOpts()
log.register_options(conf)
conf(['--config-file', sys.argv[1]], project='service')
log.setup(conf, 'service')
notifier = oslo_messaging.Notifier(
    oslo_messaging.get_notification_transport(conf, 'fake://'), 'host1')
for method in ('info', 'warn', 'error', 'audit', 'debug', 'critical',
               'sample'):
    getattr(notifier, method)({}, 'compute\\n1', {
        'text': 'one\\ntwo\\r\\n\\u2028three', 'adminPass': 'hunter2',
        'nested': [{'auth_token': 'hunter2'}]})
log.getLogger('service').info('of the service')
'''
_LEVELS = {'INFO': 'INFO', 'WARN': 'WARNING', 'ERROR': 'ERROR',
           'AUDIT': 'INFO', 'DEBUG': 'DEBUG', 'CRITICAL': 'CRITICAL',
           'SAMPLE': 'INFO'}


class LoggingTest(base.TestCase):

    def run_service(self, **options):
        """Run the service; return its standard error."""
        path = self.write('service.conf', '\n'.join([
            '[DEFAULT]', *(f'{name} = {value}'
                           for name, value in options.items()),
            '[oslo_messaging_notifications]', 'driver = logging', '']))
        return subprocess.run(
            [sys.executable, '-c', _SERVICE, path], check=True, timeout=120,
            env={**os.environ, 'PYTHONWARNINGS': 'ignore'},
            stderr=subprocess.PIPE, text=True).stderr

    def test_each_priority_is_one_line_of_the_file(self):
        file = self.home / 'service.log'
        self.run_service(log_file=file,
                         default_log_levels='usermsg=CRITICAL')
        *lines, last = file.read_text().splitlines()
        self.assertIn('of the service', last)
        self.assertEqual(len(_LEVELS), len(lines))
        for priority, line in zip(_LEVELS, lines):
            before, brace, after = line.partition('{')
            self.assertIn(f' {_LEVELS[priority]} usermsg.notification ',
                          before)
            body, end = json.JSONDecoder().raw_decode(brace + after)
            # oslo.log adds a suffix to lines of level DEBUG.
            self.assertEqual(priority == 'DEBUG', end < len(brace + after))
            self.assertEqual(
                ['event_type', 'message_id', 'payload', 'priority',
                 'publisher_id', 'timestamp'], sorted(body))
            self.assertEqual(
                ('compute\n1', priority, 'host1'),
                (body['event_type'], body['priority'],
                 body['publisher_id']))
            self.assertEqual(
                {'text': 'one\ntwo\r\n\u2028three', 'adminPass': '***',
                 'nested': [{'auth_token': '***'}]}, body['payload'])
        self.assertNotIn('hunter2', file.read_text())

    def test_json_log_contains_notifications_as_json(self):
        file = self.home / 'service.log'
        self.run_service(log_file=file, use_json='true')
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(
            ['INFO'], [json.loads(line['message'])['priority']
                       for line in lines if line['levelname'] == 'INFO'
                       and line['name'] == 'usermsg.notification'][:1])

    def test_full_disk_is_reported(self):
        self.assertIn('logging: No space left on device',
                      self.run_service(log_file='/dev/full'))
