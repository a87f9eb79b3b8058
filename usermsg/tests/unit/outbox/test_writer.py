# SPDX-License-Identifier: Apache-2.0
import datetime
import sqlite3
import time

from usermsg import exception
from usermsg.notifications import notification
from usermsg.objects import outbox
from usermsg.outbox import body
from usermsg.outbox import writer
from usermsg.tests import base

SECRET = 'hunter2'
OLD = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


class TestSend(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime(
            oslo_messaging_notifications={'driver': 'rabbit'})

    def send(self, payload, **values):
        self.service.outbox.send(notification.Notification(
            'image.upload', payload, **values))

    def test_queued_at_is_time_of_storage_not_of_event(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        self.send({}, timestamp=OLD, subject='an image')
        [entry] = outbox.pending(
            self.service.db, 'rabbit',
            next(outbox.shards(self.service.db, 'rabbit')))
        self.assertEqual(OLD.replace(tzinfo=None), entry.occurred_at)
        self.assertGreaterEqual(entry.queued_at, before.replace(tzinfo=None))

    def test_invalid_payload_is_rejected_without_repeating_it(self):
        for payload in ({SECRET: float('nan')}, {SECRET: b'\xff'},
                        {(1, 2): SECRET}, SECRET * 2 ** 18,
                        '\xe4' * (writer.MAX_PAYLOAD // 2)):
            error = self.assertRaises(
                exception.InvalidInput, self.send, payload)
            self.assertEqual('payload', error.field)
            self.assertNotIn(SECRET, str(error))
            self.assertIsNone(error.__cause__)
        self.send('x' * (writer.MAX_PAYLOAD - 2), subject='large')
        self.assertEqual(1, len(list(outbox.shards(
            self.service.db, 'rabbit'))))

    def test_payload_is_stored_as_drivers_encode_it(self):
        for payload, expected in (
                ({'a': b'abc'}, {'a': 'abc'}), ({1: None}, {'1': None}),
                (2 ** 70, 2 ** 70), ('\xe4\ud800', '\xe4\ud800')):
            sent = notification.Notification('image.upload', payload)
            self.service.outbox.send(sent)
            entries = [entry for shard in outbox.shards(
                self.service.db, 'rabbit') for entry in outbox.pending(
                self.service.db, 'rabbit', shard)]
            [content] = [body.build_body(entry, None) for entry in entries
                         if entry.id == sent.message_id]
            self.assertEqual(expected, content['payload'])

    def test_rejected_payload_is_not_stored(self):
        self.assertRaises(exception.InvalidInput, self.send,
                          'x' * (writer.MAX_PAYLOAD - 1))
        self.assertEqual([], list(outbox.shards(self.service.db, 'rabbit')))

    def test_frozen_database_does_not_block_the_caller(self):
        self.service = self.runtime(
            messages={'record_timeout': 0.2},
            oslo_messaging_notifications={'driver': 'rabbit'})
        other = sqlite3.connect(self.home / 'usermsg.sqlite',
                                isolation_level=None)
        other.execute('BEGIN IMMEDIATE')
        self.assertRaises(exception.DatabaseUnavailable, self.send, {})
        # The write is still in progress: send() didn't wait for its end.
        other.execute('ROLLBACK')
        other.close()
        end = time.monotonic() + 60
        while not list(outbox.shards(self.service.db, 'rabbit')):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
