# SPDX-License-Identifier: Apache-2.0
"""Tests of the JSON log against the operators' documentation."""

import json
import pathlib
import re
import signal
import urllib.error
import urllib.request

from usermsg.db import models
from usermsg.tests import base
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import standalone

PAGE = base.ROOT / 'doc/source/admin/logging.rst'

TOKEN = 'gAAAAA-a-user-token'
PASSWORD = 'hunter2'
GLOBAL_ID = 'req-11111111-2222-3333-4444-555555555555'


def documented_keys():
    """Return the keys of a line and of its context, from the page's tables."""
    tables, rows = [], None
    for line in PAGE.read_text(encoding='utf-8').splitlines():
        if re.match('=+  =+$', line):
            rows = [] if rows is None else tables.append(rows)
        elif rows is not None:
            rows += re.findall('^``([a-z_]+)``', line)
    return tables


class TestJson(base.TestCase):

    def setUp(self):
        super().setUp()
        self.server = standalone.UsermsgApi(
            DEFAULT={'use_json': 'true', 'debug': 'true'},
            keystone_authtoken={'password': PASSWORD})
        self.addCleanup(self.server.stop)

    def request(self):
        """List messages; return the request id."""
        request = urllib.request.Request(
            f'{self.server.url}/v3/messages', headers={
                **http_client.build_headers('a-project', 'reader'),
                'X-Auth-Token': TOKEN, 'X-Service-Token': TOKEN,
                'X-OpenStack-Request-ID': GLOBAL_ID})
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.headers['X-OpenStack-Request-Id']

    def lines(self):
        """Stop the server; return the lines of its log."""
        self.assertEqual(0, self.server.end(signal.SIGTERM))
        # The first line of the output is for the operator, not a log line.
        return [json.loads(line) for line in self.server.log().splitlines()
                if not line.startswith('usermsg-api serves ')]

    def record_unknown_event(self):
        """Store a message with an unknown event, which the service logs."""
        runtime = self.server.runtime
        http_client.record(runtime, 'a-project', resource_uuid='some-volume')
        runtime.db.write(lambda connection: connection.execute(
            models.messages.update().values(event_id='NEWER_000001')))

    def test_log_line_of_request_has_documented_keys(self):
        self.record_unknown_event()
        request_id = self.request()
        logged, = (line for line in self.lines()
                   if 'NEWER_000001' in line['message'])
        keys, of_context = documented_keys()
        self.assertEqual(set(), set(keys) - set(logged))
        self.assertEqual(set(), set(of_context) - set(logged['context']))
        self.assertIn('context', keys)
        for key, value in {
                'levelname': 'WARNING', 'name': 'usermsg.catalogue.catalogue',
                'args': ['NEWER_000001'], 'traceback': None}.items():
            self.assertEqual(value, logged[key], key)
        self.assertIsInstance(logged['created'], float)
        for key, value in {
                'request_id': request_id, 'global_request_id': GLOBAL_ID,
                'project_id': 'a-project', 'user': 'alice',
                'roles': ['reader'], 'system_scope': None,
                'auth_token': '***'}.items():
            self.assertEqual(value, logged['context'][key], key)

    def test_logged_error_has_one_line_summary(self):
        # Replace the database file by one that isn't a database.
        path = self.server.path('usermsg.sqlite')
        for name in (path, f'{path}-wal', f'{path}-shm'):
            pathlib.Path(name).unlink(missing_ok=True)
        self.server.write('usermsg.sqlite', 'malformed' * 1000)
        error = self.assertRaises(urllib.error.HTTPError, self.request)
        self.addCleanup(error.close)
        self.assertEqual(503, error.status)
        failed = [line for line in self.lines()
                  if line['levelname'] == 'ERROR']
        self.assertNotEqual([], failed)
        self.assertIn(error.headers['X-OpenStack-Request-Id'],
                      [line['context'].get('request_id') for line in failed])
        for line in failed:
            self.assertNotIn('\n', line['error_summary'])

    def test_log_contains_no_secrets(self):
        self.record_unknown_event()
        self.request()
        self.assertIn('NEWER_000001', json.dumps(self.lines()))
        for secret in (TOKEN, PASSWORD):
            self.assertNotIn(secret, self.server.log())
