# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage listener stats``, beside a real worker."""

import http.server
import json
import threading

from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import listening
from usermsg.tests.functional.listener import test_consumer
from usermsg.tests.functional.worker import test_listener

RULES = test_listener.RULES + '''\
  - name: test-quiet
    event_type: quiet.*
    suppress: true
'''


class TestStats(test_listener.TestCase):

    scenarios = databases.SCENARIOS[:1]

    def manage(self, *arguments, status=0):
        result = commands.manage(
            'listener', 'stats', *arguments,
            config=str(self.home / 'usermsg.conf'))
        self.assertEqual(status, result.returncode, result.stderr)
        self.assertNotIn('Traceback', result.stderr)
        return result.stdout or result.stderr

    def read(self, *arguments):
        """Return (statistic, label) -> number."""
        return {(row['Statistic'], row['Of']): row['Number'] for row in
                json.loads(self.manage('-f', 'json', *arguments))}

    def test_statistics_of_a_worker_and_the_database(self):
        self.prepare(rules=RULES)
        self.declare()
        worker = self.worker()
        self.wait_until_bound(worker)
        bodies = [
            test_consumer.failure(message_id='repeated'),
            test_consumer.failure(message_id='repeated'),
            test_consumer.failure(event_type='quiet.robot'),
            test_consumer.failure(event_type='acme.robot'),
            test_consumer.failure(event_type='acme.robot.stop.failed',
                                  priority='INFO'),
            test_consumer.failure(event_type='acme.robot.stop.failed',
                                  priority='INFO'),
            test_consumer.failure(event_type='acme.robot.stop',
                                  priority='INFO'), b'{']
        self.publish(*bodies)
        listening.wait_for(
            lambda: self.count('received') == len(bodies))
        self.wait_until_acknowledged()
        listening.wait_for(
            lambda: self.read()['lag in seconds', 'default'] == 0)
        expected = {
            ('received', 'default'): 8, ('matched', 'test-volume'): 2,
            ('ignored', 'unmatched'): 4, ('ignored', 'suppressed'): 1,
            ('written', 'test-volume'): 1,
            ('already reported', 'test-volume'): 1,
            ('dead-lettered', 'default'): 1, ('dead letters dropped', ''): 0,
            ('connected', 'default'): 1, ('lag in seconds', 'default'): 0,
            ('unmatched errors', 'acme.robot.stop.failed'): 2,
            ('unmatched errors', 'acme.robot'): 1,
            ('dead letters', ''): 1, ('observations', ''): 0}
        self.assertEqual(expected, self.read())
        url = f'http://127.0.0.1:{self.port}'
        both = self.read('--url', url, '--url', f'{url}/')
        self.assertEqual(16, both['received', 'default'])
        self.assertEqual(1, both['dead letters', ''])
        table = self.manage()
        self.assertLess(table.index('acme.robot.stop.failed'),
                        table.index('acme.robot '))

    def test_missing_worker_is_named(self):
        self.prepare()
        self.assertIn(f'No worker responds at http://127.0.0.1:{self.port}: '
                      'Connection refused.', self.manage(status=1))
        self.assertIn('--url: must be a URL', self.manage(
            '--url', 'ftp://x', status=1))
        self.port = 0
        self.prepare()
        self.assertIn('--url: is required, because [metrics] worker_port is '
                      'not set.', self.manage(status=1))

    def test_response_of_another_program_is_named(self):
        self.prepare()
        bodies = {'/': b'hello', '/empty': b'', '/other': b'other_total 1\n',
                  '/binary': b'\xff'}

        class Handler(http.server.BaseHTTPRequestHandler):

            def do_GET(self):
                self.send_response(200 if self.path in bodies else 404)
                self.end_headers()
                self.wfile.write(bodies.get(self.path, b''))

            def log_message(self, *arguments):
                pass

        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        for path in ('/', '/empty', '/other', '/binary', '/missing'):
            self.assertIn(f'The response of {url}{path} ', self.manage(
                '--url', f'{url}{path}', status=1))
