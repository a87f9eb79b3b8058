# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage listener dead-letter``."""

import datetime
import json

from usermsg.db import models
from usermsg.listener import dead_letters
from usermsg.listener import envelope
from usermsg.listener import source
from usermsg.message import api
from usermsg.objects import dead_letter
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples
from usermsg.tests.functional.listener import test_consumer
from usermsg.tests.functional.worker import test_listener

SECRET = 'hunter2'
WEEK = 7 * 24 * 3600


class TestDeadLetter(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.write('rules/test.yaml', test_listener.RULES)
        self.db = self.runtime(
            listener={'rules_dir': self.home / 'rules'},
            reaper={'batch_delay': 0}).db

    def store(self, body, reason='A reason.', parsed=True, seconds=0):
        now = api.utc_now() + datetime.timedelta(seconds=seconds)
        dead_letter.store(self.db, [dead_letters.build(
            source.Received(body, None, 'default', False),
            envelope.parse(body) if parsed else None, reason, now, WEEK)],
            limit=100)
        return samples.stored(self.db, models.dead_letters)[-1]['id']

    def manage(self, command, *arguments, status=0):
        process = commands.manage(
            'listener', 'dead-letter', command, *arguments,
            config=str(self.home / 'usermsg.conf'))
        self.assertEqual(status, process.returncode, process)
        self.assertNotIn(SECRET, process.stdout + process.stderr)
        self.assertNotIn('Traceback', process.stderr)
        return process

    def stored_ids(self):
        return [row['id'] for row in
                samples.stored(self.db, models.dead_letters)]

    def test_dead_letters_are_listed_shown_and_dropped(self):
        first = self.store(b'{', parsed=False)
        second = self.store(test_consumer.failure(
            _context_auth_token=SECRET, _context_request_id='req-1',
            payload={'password': SECRET, 'size': 7}), seconds=1)
        rows = json.loads(self.manage('list', '-f', 'json').stdout)
        self.assertEqual(
            [(first, None), (second, 'volume.create')],
            [(row['Id'], row['Event type']) for row in rows])
        [row] = json.loads(self.manage(
            'list', '--event-type', 'volume.create', '-f', 'json').stdout)
        self.assertEqual(second, row['Id'])
        shown = json.loads(self.manage('show', second, '-f', 'json').stdout)
        content = json.loads(shown['Content'])
        self.assertEqual({'password': '***', 'size': 7}, content['payload'])
        self.assertEqual({'request_id': 'req-1'}, content['context'])
        self.assertIn('there is no dead letter', self.manage(
            'show', '0' * 36, status=1).stderr)

        self.assertIn('--yes', self.manage('drop', '--all',
                                           status=1).stderr)
        self.assertIn('--all', self.manage('drop', '--yes',
                                           status=1).stderr)
        self.assertEqual('2 dead letters would be dropped.\n', self.manage(
            'drop', '--all', '--dry-run').stdout)
        self.assertEqual('1 dead letters have been dropped.\n', self.manage(
            'drop', '--id', first, '--yes').stdout)
        self.assertEqual([second], self.stored_ids())

    def test_retry_records_messages_and_keeps_failures(self):
        kept = self.store(b'{', parsed=False)
        # Older than max_age, since the rules were fixed later.
        self.store(test_consumer.failure(timestamp='2020-01-31 12:00:00'),
                   seconds=1)
        cut = self.store(test_consumer.failure(
            payload={'x': 'x' * 100_000}), seconds=2)
        for _repetition in range(2):
            stderr = self.manage('retry', '--all').stderr
            self.assertIn(f'{kept} stays: A reason.', stderr)
            self.assertIn(f'{cut} stays: A reason.', stderr)
            self.assertEqual([kept, cut], self.stored_ids())
        [message] = samples.stored(self.db)
        self.assertEqual(samples.PROJECT, message['project_id'])
