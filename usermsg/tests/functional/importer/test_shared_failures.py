# SPDX-License-Identifier: Apache-2.0
"""Failures that a service both announces and stores in its own table."""

import threading
import types
import uuid

from usermsg.db import models
from usermsg.db import url as urls
from usermsg.importer import conversion
from usermsg.importer import source as import_source
from usermsg.importer import transfer
from usermsg.listener import assembly
from usermsg.listener import envelope
from usermsg.listener import rule_set
from usermsg.listener import source as bus_source
from usermsg.message import api as message_api
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import import_sources
from usermsg.tests.fixtures import recorded_notifications
from usermsg.tests.fixtures import samples

YEAR = 366 * 24 * 3600

#: A real failure to create a volume: a notification, and its values.
[CAPTURE] = [delivery.body for delivery in captures.read(
    '21-volume-create-no-backend')]
PROJECT = '81617689350b460aa78c857f82de9d11'
VOLUME = 'fdc9d8a8-b3d0-403c-ae64-b38a4aa164d1'
REQUEST = 'req-f27214bf-77a2-4590-aa61-1f1609a7e601'


def captured_row(**values):
    """Return the row that block storage stores beside the notification."""
    return import_sources.volume_row(**{
        'project_id': PROJECT, 'request_id': REQUEST, 'resource_uuid': VOLUME,
        'event_id': 'VOLUME_VOLUME_001_003', 'action_id': '001',
        'detail_id': '003', **values})


def renamed_capture(name):
    """Return the notification and the row of another failed volume."""
    ids = {old: str(uuid.uuid5(uuid.NAMESPACE_OID, f'{name} {old}'))
           for old in (VOLUME, REQUEST.removeprefix('req-'),
                       envelope.parse(CAPTURE).message_id)}
    body = CAPTURE
    for old, new in ids.items():
        body = body.replace(old, new)
    return body, captured_row(
        resource_uuid=ids[VOLUME],
        request_id=f'req-{ids[REQUEST.removeprefix("req-")]}')


class TestCase(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.service = self.runtime(listener={'max_age': YEAR})
        self.db = self.service.db
        self.api = message_api.API(self.service)
        self.processor = self.build_processor()

    def build_processor(self):
        return assembly.Listener(self.service, rule_set.load(
            self.service.conf, self.service.catalogue)).build_processor()

    def cinder_database(self):
        if self.db.dialect == 'mysql':
            return import_sources.on_mariadb('cinder')
        return import_sources.cinder_on_sqlite(self.home)

    def receive(self, *bodies, processor=None):
        processor = processor or self.processor
        processor.store(processor.prepare([
            bus_source.Received(body, None, 'default', False)
            for body in bodies]))

    def transfer(self, source, converter_class=conversion.Volume, size=500,
                 db=None):
        """Import all rows; return the numbers of the report above 0."""
        current = transfer.Transfer(
            db or self.db, self.service.conf, self.service.catalogue,
            converter_class, self.api.now())
        with import_source.connect(urls.parse_url(source.url, 'url'),
                                   converter_class, True) as table:
            for rows in table.batches(size):
                current.import_batch(rows)
        return +current.report.numbers

    def events(self):
        """Return (resource, event) of all messages, sorted."""
        return sorted((row['resource_uuid'], row['event_id'])
                      for row in samples.stored(self.db))

    def already_reported(self):
        return sum(sample.value for metric in
                   self.service.metrics.registry.collect()
                   for sample in metric.samples if sample.name ==
                   'usermsg_listener_already_reported_total')


class TestOneFailure(TestCase):

    EVENTS = [(VOLUME, 'VOLUME_VOLUME_001_003')]

    def test_row_before_notification_is_one_message(self):
        source = self.cinder_database()
        source.insert(captured_row())
        self.assertEqual({'new': 1}, self.transfer(source))
        self.receive(CAPTURE)
        self.receive(CAPTURE, CAPTURE)
        self.assertEqual({'imported_before': 1}, self.transfer(source))
        self.assertEqual(self.EVENTS, self.events())
        self.assertEqual(3, self.already_reported())

    def test_notification_before_row_is_one_message(self):
        source = self.cinder_database()
        source.insert(captured_row())
        self.receive(CAPTURE)
        before = samples.stored(self.db)
        self.assertEqual({'merged': 1}, self.transfer(source))
        self.assertEqual({'imported_before': 1}, self.transfer(source))
        self.receive(CAPTURE)
        self.assertEqual(before, samples.stored(self.db))
        self.assertEqual(self.EVENTS, self.events())

    def test_messages_of_services_themselves_are_merged(self):
        source = self.cinder_database()
        source.report(PROJECT, REQUEST, VOLUME)
        self.receive(CAPTURE)
        self.assertEqual({'merged': 1}, self.transfer(source))
        self.assertEqual(self.EVENTS, self.events())

    def test_concurrent_imports_and_listeners_store_each_failure_once(self):
        source = self.cinder_database()
        bodies, rows = zip(*map(renamed_capture, range(60)))
        source.insert(*rows)
        errors = []
        barrier = threading.Barrier(4)

        def run(work):
            barrier.wait()
            try:
                work()
            except Exception as error:
                errors.append(error)

        def receive(order):
            processor = self.build_processor()
            for first in range(0, 60, 7):
                self.receive(*order[first:first + 7], processor=processor)

        threads = [threading.Thread(target=run, args=(work,)) for work in (
            lambda: self.transfer(source, size=7),
            lambda: self.transfer(source, size=10),
            lambda: receive(bodies), lambda: receive(bodies[::-1]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], errors)
        self.assertEqual(sorted(
            (row['resource_uuid'], 'VOLUME_VOLUME_001_003') for row in rows),
            self.events())
        # Each failure has been taken over by its row.
        self.receive(*bodies)
        self.assertEqual({'imported_before': 60}, self.transfer(source))
        self.assertEqual(60, len(samples.stored(self.db)))
        keys = samples.stored(self.db, models.source_keys)
        self.assertEqual(120, len(keys))
        self.assertEqual(60, sum(
            row['digest'] == 'imported' for row in keys))

    def database_with_other_writer(self, other):
        """Return the database; ``other`` writes before the first write."""
        def write(work):
            database.write = self.db.write
            other()
            return self.db.write(work)

        database = types.SimpleNamespace(reader=self.db.reader, write=write)
        return database

    def test_notification_after_look_up_is_merged(self):
        source = self.cinder_database()
        source.insert(captured_row())
        self.assertEqual({'merged': 1}, self.transfer(
            source, db=self.database_with_other_writer(
                lambda: self.receive(CAPTURE))))
        self.assertEqual(self.EVENTS, self.events())

    def test_failure_taken_over_after_look_up_is_not_merged(self):
        source = self.cinder_database()
        source.insert(captured_row(id='b'))
        self.receive(CAPTURE)

        def take_over():
            source.insert(captured_row(id='a'))
            self.assertEqual({'new': 1, 'merged': 1}, self.transfer(source))
            source.execute(source.table.delete().where(
                source.table.c.id == 'a'))

        self.assertEqual({'imported_before': 1}, self.transfer(
            source, db=self.database_with_other_writer(take_over)))
        self.assertEqual(2, len(self.events()))

    def test_all_rows_of_one_operation_are_listed(self):
        source = self.cinder_database()
        source.insert(
            captured_row(), captured_row(event_id='VOLUME_VOLUME_001_001',
                                         detail_id='001'),
            captured_row(event_id='VOLUME_VOLUME_001_030', detail_id='030',
                         message_level='WARNING'))
        self.receive(CAPTURE)
        self.assertEqual({'new': 2, 'merged': 1},
                         self.transfer(source, size=1))
        self.receive(CAPTURE)
        self.assertEqual({'imported_before': 3}, self.transfer(source))
        self.assertEqual(3, len(self.events()))

    def test_warning_does_not_hide_the_failure(self):
        source = self.cinder_database()
        source.insert(captured_row(message_level='WARNING'))
        self.transfer(source)
        self.receive(CAPTURE)
        self.assertEqual(2, len(self.events()))

    def test_rows_of_earlier_versions_are_not_imported_again(self):
        source = self.cinder_database()
        source.insert(captured_row(), captured_row())
        self.transfer(source)
        keys = models.source_keys
        with self.db.engine().begin() as connection:
            self.assertEqual(1, connection.execute(keys.delete().where(
                keys.c.source_id.like('notification:%'))).rowcount)
        self.assertEqual({'imported_before': 2}, self.transfer(source))
        self.assertEqual(2, len(self.events()))

    def test_message_deleted_by_user_is_not_restored(self):
        source = self.cinder_database()
        source.insert(captured_row())
        context = samples.request(PROJECT)
        self.receive(CAPTURE)
        [message] = self.api.get_all(context).objects
        self.api.delete(context, message.id)
        for _number in range(2):
            self.assertEqual({'deleted_here': 1}, self.transfer(source))
            self.receive(CAPTURE)
        self.assertEqual([], self.events())

    def test_message_of_deleted_row_is_deleted(self):
        source = self.cinder_database()
        source.insert(captured_row())
        self.receive(CAPTURE)
        self.transfer(source)
        source.execute(source.table.update().values(deleted=True))
        self.assertEqual({'deleted_there': 1}, self.transfer(source))
        self.receive(CAPTURE)
        self.assertEqual([], self.events())


class TestCauses(TestCase):
    """Causes that the service knows better than its notification."""

    scenarios = databases.SCENARIOS[:1]

    def read_notification(self, service, event_type):
        return next(
            line['body'] for line in recorded_notifications.read_lines(
                service)
            if envelope.parse(line['body']).event_type == event_type)

    def backup_row(self, detail_id):
        body = self.read_notification('cinder', 'backup.create.end')
        notification = envelope.parse(body)
        return body, captured_row(
            request_id=notification.context['request_id'],
            resource_type='VOLUME_BACKUP',
            resource_uuid=notification.payload['backup_id'],
            event_id=f'VOLUME_VOLUME_BACKUP_013_{detail_id}',
            action_id='013', detail_id=detail_id)

    def assert_event(self, detail_id, row_detail_id):
        source = self.cinder_database()
        body, row = self.backup_row(row_detail_id)
        source.insert(row)
        self.receive(body)
        [before] = samples.stored(self.db)
        self.assertEqual('001', before['detail_id'])
        self.assertEqual({'merged': 1}, +self.count_events(source))
        [after] = samples.stored(self.db)
        self.assertEqual(
            {**before, 'detail_id': detail_id,
             'event_id': f'VOLUME_VOLUME_BACKUP_013_{detail_id}'}, after)

    def count_events(self, source):
        numbers = self.transfer(source)
        numbers.pop('unknown', None)
        return numbers

    def test_known_cause_of_the_service_replaces_that_of_the_listener(self):
        self.assert_event('020', '020')

    def test_cause_that_is_not_in_the_catalogue_replaces_nothing(self):
        self.assert_event('001', '999')

    def test_unknown_cause_of_the_service_replaces_nothing(self):
        source = self.cinder_database()
        source.insert(captured_row(
            event_id='VOLUME_VOLUME_001_001', detail_id='001'))
        self.receive(CAPTURE)
        self.assertEqual({'merged': 1}, self.transfer(source))
        self.assertEqual([(VOLUME, 'VOLUME_VOLUME_001_003')], self.events())


class TestManila(TestCase):

    scenarios = databases.SCENARIOS[:1]

    def test_messages_of_services_themselves_are_merged(self):
        body = TestCauses.read_notification(
            self, 'manila', 'scheduler.create_share')
        notification = envelope.parse(body)
        source = import_sources.manila_on_sqlite(self.home)
        source.report(PROJECT, notification.context['request_id'],
                      notification.payload['share_id'])
        self.receive(body)
        self.assertEqual({'merged': 1}, self.transfer(
            source, conversion.Share))
        # The filter that rejected the last hosts isn't in the notification.
        self.assertEqual(
            [(notification.payload['share_id'], 'SHARE_SHARE_001_009')],
            self.events())
