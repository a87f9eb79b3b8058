# SPDX-License-Identifier: Apache-2.0
"""Each change of a message stores exactly one notification."""

import collections
from concurrent import futures
import datetime
import threading

import orjson

from usermsg.api import app
from usermsg.db import models
from usermsg import exception
from usermsg.importer import store
from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.worker import reaper

DAY = expiry.DAY
CREATE, DELETE, EXPIRE = (
    f'message.{name}' for name in ('create', 'delete', 'expire'))


class TestCase(databases.TestCase):

    busy_timeout = 30

    def use(self, driver='one', tables=True, **groups):
        """Set ``self.service``, a runtime, and an API on it."""
        self.service = self.runtime(
            tables=tables, **groups,
            oslo_messaging_notifications={'driver': driver})
        self.db = self.service.db
        self.api = message_api.API(self.service)

    def stored(self):
        """Return (event type, message id) of the entries, in their order."""
        return [(row['event_type'], row['subject'])
                for row in samples.stored(self.db, models.outbox)]

    def clear(self):
        with self.db.engine().begin() as connection:
            connection.execute(models.outbox.delete())

    def new_messages(self, number, **values):
        return [self.api.new_message(
            {'project_id': samples.PROJECT, 'event_id': samples.EVENT,
             'resource_type': 'VOLUME', 'resource_uuid': f'{index}',
             **values})
            for index in range(number)]

    def insert(self, rows):
        samples.insert(self.db, rows)
        return [row['id'] for row in rows]


class TestDisabled(TestCase):

    def test_disabled_types_are_not_stored(self):
        for disabled, expected in (('message.create', [DELETE]),
                                   ('message.delete, image.*', [CREATE]),
                                   ('message.*', [])):
            self.use(notifications={'disabled': disabled})
            self.clear()
            message = samples.record(self.api)
            self.api.delete(samples.request(), message.id)
            self.assertEqual(expected, [
                event_type for event_type, _subject in self.stored()])


class TestCreate(TestCase):

    def test_create_stores_one_notification_per_message(self):
        self.use()
        message = samples.record(self.api)
        row, = samples.stored(self.db, models.outbox)
        self.assertEqual(
            (CREATE, 'INFO', 'one', message.id, message.created_at, 0),
            (row['event_type'], row['priority'], row['driver'],
             row['subject'], row['occurred_at'].replace(
                 tzinfo=datetime.timezone.utc), row['attempts']))
        content = orjson.loads(row['content'])
        self.assertEqual(len(models.messages.c), len(content))
        self.assertEqual(message.id, content[0])
        # More messages than one statement inserts.
        self.clear()
        results = self.api.record(self.new_messages(1000))
        self.assertEqual([(CREATE, result.row.id) for result in results],
                         sorted(self.stored(), key=lambda entry: entry[1]))

    def test_repeated_create_stores_no_second_notification(self):
        self.use()
        new_messages, again = ([
            self.new_messages(1, source_id=f'key {number}')[0]
            for number in range(3)] for _ in range(2))
        self.api.record(new_messages[:1])
        before = self.stored()
        self.assertFalse(self.api.record(again[:1])[0].new)
        self.assertEqual(before, self.stored())
        # In a batch only the new messages are notified, once.
        results = self.api.record([*new_messages, *again])
        self.assertEqual(
            sorted({(CREATE, result.row.id) for result in results}),
            sorted(self.stored()))

    def test_source_conflict_stores_no_notification(self):
        self.use()
        first, = self.new_messages(1, source_id='key')
        self.api.record([first])
        before = self.stored()
        other, = self.new_messages(1, source_id='key', message_level='INFO')
        [result] = self.api.record([other])
        self.assertIsInstance(result.error, exception.SourceConflict)
        self.assertEqual(before, self.stored())

    def test_new_message_beside_a_conflict_is_notified(self):
        self.use()
        first, = self.new_messages(1, source_id='key')
        other, = self.new_messages(1, source_id='key', message_level='INFO')
        new, = self.new_messages(1)
        results = self.api.record([first, other, new])
        self.assertEqual([True, False, True],
                         [result.new for result in results])
        self.assertEqual(
            sorted((CREATE, new_message.row.id)
                   for new_message in (first, new)),
            sorted(self.stored()))

    def test_failed_notification_rolls_back_the_change(self):
        self.use()
        models.outbox.drop(self.db.engine())
        self.assertIsNone(samples.record(self.api))
        self.assertRaises(exception.DatabaseUnavailable, self.api.record,
                          self.new_messages(3))
        message_id, = self.insert([samples.row()])
        for call in (lambda: self.api.delete(samples.request(), message_id),
                     self.api.cleanup_expired_messages):
            self.assertRaises(exception.DatabaseUnavailable, call)
        self.assertEqual([message_id], [
            row['id'] for row in samples.stored(self.db)])

    def test_drivers_that_send_nothing_store_no_notification(self):
        for driver in ('noop', '', 'noop\ndriver = noop'):
            self.use(driver)
            message = samples.record(self.api)
            self.api.delete(samples.request(), message.id)
            self.insert(expiry.rows(3, 31 * DAY))
            self.assertEqual(3, self.api.cleanup_expired_messages())
        self.assertEqual([], self.stored())

    def test_notification_has_same_id_for_each_driver(self):
        self.use('one\ndriver = noop\ndriver = two\ndriver = one')
        message = samples.record(self.api)
        self.api.delete(samples.request(), message.id)
        rows = samples.stored(self.db, models.outbox)
        self.assertEqual(
            [(CREATE, 'one'), (CREATE, 'two'),
             (DELETE, 'one'), (DELETE, 'two')],
            [(row['event_type'], row['driver']) for row in rows])
        self.assertEqual(2, len({row['id'] for row in rows}))

    def test_import_stores_no_notification(self):
        self.use()
        new_messages = [self.new_messages(1, source_id=f'import {number}')[0]
                        for number in range(3)]
        numbers, _clashes = store.store(self.db, new_messages, [], ())
        self.assertEqual(3, numbers['new'])
        numbers, _clashes = store.store(
            self.db, [], [new_messages[0].key], ())
        self.assertEqual(1, numbers['deleted_there'])
        self.assertEqual([], self.stored())


class TestRemoval(TestCase):

    def test_delete_stores_one_notification_per_message(self):
        self.use()
        message = samples.record(self.api)
        self.api.delete(samples.request(), message.id)
        self.assertEqual([(CREATE, message.id), (DELETE, message.id)],
                         self.stored())
        contents = [orjson.loads(row['content']) for row in
                    samples.stored(self.db, models.outbox)]
        # The columns that the database returned are the same.
        columns = models.messages.c.keys()
        for name in columns[:columns.index('created_at')]:
            index = columns.index(name)
            self.assertEqual(contents[0][index], contents[1][index])
        for name in ('created_at', 'expires_at'):
            index = columns.index(name)
            self.assertEqual(*(datetime.datetime.fromisoformat(content[index])
                               for content in contents))

    def test_failed_delete_stores_no_notification(self):
        self.use()
        message_id, = self.insert([samples.row()])
        for context, ident, prefix in (
                (samples.request(), samples.VOLUME, None),
                (samples.request(samples.OTHER_PROJECT), message_id, None),
                (samples.request(), message_id, 'SHARE')):
            self.assertRaises(
                exception.MessageNotFound, self.api.delete, context, ident,
                prefix=prefix)
        self.assertEqual([], self.stored())

    def test_delete_sorts_after_create_despite_clock_skew(self):
        self.use()
        ahead = message_api.API(self.service,
                                now=clocks.ahead(30 * DAY.total_seconds()))
        new_messages = [ahead.new_message(
            {'project_id': samples.PROJECT, 'event_id': samples.EVENT})
            for _number in range(2)]
        ahead.record(new_messages)
        self.api.delete(samples.request(), new_messages[0].row.id)
        with self.db.engine().begin() as connection:
            connection.execute(models.messages.update().values(
                expires_at=datetime.datetime(2020, 1, 1)))
        self.api.cleanup_expired_messages()
        for new_message, event in zip(new_messages, (DELETE, EXPIRE)):
            rows = [row for row in samples.stored(self.db, models.outbox)
                    if row['subject'] == new_message.row.id]
            self.assertEqual([CREATE, event],
                             [row['event_type'] for row in rows])
            self.assertLess(rows[0]['occurred_at'], rows[1]['occurred_at'])

    def test_expiry_stores_one_notification_per_message(self):
        self.use(reaper={'batch_delay': 0, 'batch_size': 100})
        kept = expiry.rows(2, DAY)
        self.insert(kept)
        for clean_up in (self.api.cleanup_expired_messages, lambda:
                         reaper.Reaper(self.service).reap(threading.Event())):
            gone = self.insert(expiry.rows(250, 31 * DAY))
            clean_up()
            self.assertEqual([(EXPIRE, ident) for ident in gone],
                             sorted(self.stored(), key=lambda entry: entry[1]))
            self.clear()

    def test_eviction_stores_one_notification_per_message(self):
        self.use(reaper={'batch_delay': 0}, messages={'max_per_project': 3})
        stored_ids = self.insert(expiry.rows(10, DAY))
        reaper.Reaper(self.service).reap(threading.Event())
        self.assertEqual([(DELETE, ident) for ident in stored_ids[:7]],
                         sorted(self.stored(), key=lambda entry: entry[1]))

    def test_outbox_is_bounded_by_the_rate_of_recording(self):
        self.use(reaper={'batch_delay': 0}, api=base.EXPOSED, messages={
            'max_per_project': 3, 'record_rate': 0.001, 'record_burst': 1000})
        wsgi_app = app.make_app(self.service)
        data = orjson.dumps({'messages': [
            {'project_id': samples.PROJECT, 'event_id': samples.EVENT}
        ] * 500})
        statuses = [http_client.request(
            wsgi_app, '/v3/messages', 'POST', {
                **http_client.build_headers('services', 'service'),
                'Content-Type': 'application/json'}, data).status_int
            for _ in range(5)]
        self.assertEqual([201, 201, 429, 429, 429], statuses)
        self.assertEqual(1000, len(self.stored()))
        for _ in range(2):
            reaper.Reaper(self.service).reap(threading.Event())
        self.assertEqual(
            {CREATE: 1000, DELETE: 997},
            collections.Counter(event for event, _ident in self.stored()))

    def test_purge_stores_one_notification_per_message(self):
        self.use(reaper={'batch_delay': 0, 'batch_size': 100})
        expired = self.insert(expiry.rows(120, 31 * DAY))
        old = self.insert(expiry.rows(120, 2 * DAY))
        self.insert(expiry.rows(2, DAY))
        for arguments in (('--dry-run',), (), ('--older-than', '36h')):
            end = commands.manage('purge', *arguments,
                                  config=str(self.home / 'usermsg.conf'))
            self.assertEqual(0, end.returncode, end.stderr)
            if '--dry-run' in arguments:
                self.assertEqual([], self.stored())
        self.assertEqual(
            [*((EXPIRE, ident) for ident in expired),
             *((DELETE, ident) for ident in old)],
            sorted(self.stored(), key=lambda entry: entry[1]))

    def test_concurrent_removals_store_one_notification(self):
        self.use(reaper={'batch_delay': 0, 'batch_size': 10})
        gone = self.insert(expiry.rows(200, 31 * DAY))
        ready = threading.Barrier(4)

        def delete(idents):
            ready.wait(60)
            number = 0
            for ident in idents:
                try:
                    self.api.delete(samples.request(), ident)
                    number += 1
                except exception.MessageNotFound:
                    pass
            return number

        def reap():
            ready.wait(60)
            return reaper.Reaper(self.service).reap(
                threading.Event())['expired']

        def clean_up():
            ready.wait(60)
            return self.api.cleanup_expired_messages()

        with futures.ThreadPoolExecutor(4) as threads:
            numbers = [future.result() for future in [
                threads.submit(delete, gone),
                threads.submit(delete, gone[::-1]),
                threads.submit(reap), threads.submit(clean_up)]]
        self.assertEqual(200, sum(numbers))
        self.assertEqual(
            gone, sorted(ident for _event, ident in self.stored()))
        self.assertEqual(sum(numbers[:2]), sum(
            event == DELETE for event, _ident in self.stored()))
