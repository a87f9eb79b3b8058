# SPDX-License-Identifier: Apache-2.0
import datetime
import inspect
import json
import threading


from usermsg.catalogue.catalogues import image as entries
from usermsg import context
from usermsg import exception
from usermsg.message import api
from usermsg.notifications import errors
from usermsg.notifications import image
from usermsg.notifications import notification
from usermsg.objects import image_payload as image_object
from usermsg.tests import base
from usermsg.tests.fixtures import images


MEMBER_TYPES = (image.MEMBER_CREATE, image.MEMBER_UPDATE,
                image.MEMBER_DELETE)


class StorageFull(Exception):
    """Exception class that the catalogue maps to a detail."""


class LifecycleTest(images.TestCase):

    def test_metadata_has_keys_and_types_of_the_image_service(self):
        for event_type, notify in (
                (image.CREATE, self.notifier.create),
                (image.PREPARE, self.notifier.prepare),
                (image.UPLOAD, self.notifier.uploaded),
                (image.ACTIVATE, self.notifier.activate),
                (image.UPDATE, self.notifier.update)):
            notify(images.METADATA)
            sent = self.sink.sent.pop()
            self.assertEqual((event_type, 'INFO', images.ID), (
                sent.event_type, sent.priority, sent.subject))
            self.assertEqual(images.PAYLOAD, sent.payload)
            self.assertEqual(list(images.PAYLOAD), list(sent.payload))

    def test_member_has_its_attributes_and_no_others(self):
        for event_type, notify in (
                (image.MEMBER_CREATE, self.notifier.member_created),
                (image.MEMBER_UPDATE, self.notifier.member_updated)):
            notify(images.MEMBER)
            sent = self.sink.sent.pop()
            self.assertEqual((event_type, 'INFO', images.ID), (
                sent.event_type, sent.priority, sent.subject))
            self.assertEqual(images.MEMBER_PAYLOAD, sent.payload)
            self.assertEqual(list(images.MEMBER_PAYLOAD), list(sent.payload))

    def test_deleted_member_has_a_time_of_deletion(self):
        now = datetime.datetime(2026, 11, 22, tzinfo=datetime.timezone.utc)
        notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue, clock=lambda: now)
        for attributes, expected in (
                ({}, '2026-11-22T00:00:00Z'),
                ({'deleted_at': None}, '2026-11-22T00:00:00Z'),
                ({'deleted_at': images.TIME}, '2026-11-21T20:08:58Z')):
            notifier.member_deleted({**images.MEMBER, **attributes})
            sent = self.sink.sent.pop()
            self.assertEqual((image.MEMBER_DELETE, 'INFO', images.ID, now), (
                sent.event_type, sent.priority, sent.subject, sent.timestamp))
            self.assertEqual({**images.MEMBER_PAYLOAD, 'deleted_at': expected},
                             sent.payload)
        self.notifier.member_deleted(None)
        self.assertEqual({(image.MEMBER_DELETE, 'INFO'): 1}, self.dropped())

    def test_invalid_member_is_dropped_and_counted(self):
        for number, member in enumerate((
                {}, None, {**images.MEMBER, 'image_id': 'x'},
                {**images.MEMBER, 'status': None},
                {**images.MEMBER, 'created_at': 'today'}), 1):
            self.notifier.member_created(member)
            self.assertEqual({(image.MEMBER_CREATE, 'INFO'): number},
                             self.dropped())
        self.assertEqual([], self.sink.sent)

    def test_metadata_equals_that_of_the_versioned_object(self):
        versioned = image_object.Image.from_mapping(
            {**images.METADATA, 'tags': ['a'], 'deleted_at': images.TIME},
            ['os_distro'])
        self.assertEqual(versioned.obj_to_primitive()['usermsg_object.data'],
                         versioned.payload())

    def test_payload_has_only_permitted_fields_and_properties(self):
        image.ImageNotifier(self.sink, self.configured.catalogue).create({
            **images.METADATA, 'location': 'swift://user:key@store',
            'path': '/srv'})
        [sent] = self.sink.sent
        self.assertEqual({**images.PAYLOAD, 'properties': {}}, sent.payload)

    def test_payload_is_a_copy_of_the_image(self):
        properties = {'os_distro': 'cirros'}
        self.notifier.create({**images.METADATA, 'properties': properties})
        properties['os_distro'] = 'other'
        self.assertEqual(images.PAYLOAD, self.sink.sent[0].payload)

    def test_disabled_types_are_not_sent(self):
        for disabled, expected in (
                ('image.send, image.delete', [(image.CREATE, 'INFO')]),
                ('image.*', []),
                ('message.*', [(image.CREATE, 'INFO'), (image.SEND, 'INFO'),
                               (image.DELETE, 'INFO')])):
            sink = images.Sink()
            notifier = image.ImageNotifier.from_runtime(
                self.runtime(notifications={'disabled': disabled}), sink)
            notifier.create(images.METADATA)
            notifier.sent(images.METADATA, None, 1)
            notifier.delete(images.METADATA)
            self.assertEqual(expected, [
                (sent.event_type, sent.priority) for sent in sink.sent])

    def test_delete_sends_only_the_id_by_default(self):
        for attributes in (images.METADATA, {'id': images.ID}, images.ID):
            self.notifier.delete(attributes)
            sent = self.sink.sent.pop()
            self.assertEqual((image.DELETE, 'INFO', images.ID, images.ID), (
                sent.event_type, sent.priority, sent.subject, sent.payload))

    def test_delete_with_metadata_sends_a_deleted_image(self):
        now = images.TIME + datetime.timedelta(hours=1)
        notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue, properties=['os_distro'],
            delete_payload='metadata', clock=lambda: now)
        deleted = {**images.PAYLOAD, 'status': 'deleted', 'deleted': True}
        for deleted_at, expected in (
                (None, '2026-11-21T21:08:58Z'),
                (images.TIME, '2026-11-21T20:08:58Z')):
            notifier.delete({**images.METADATA, 'deleted_at': deleted_at})
            sent = self.sink.sent.pop()
            self.assertEqual((image.DELETE, 'INFO', images.ID, now), (
                sent.event_type, sent.priority, sent.subject,
                sent.timestamp))
            self.assertEqual({**deleted, 'deleted_at': expected},
                             sent.payload)

    def test_payload_of_delete_is_configurable(self):
        for options, cls in (({}, str), ({'image_delete_payload': 'id'}, str),
                             ({'image_delete_payload': 'metadata'}, dict)):
            image.ImageNotifier.from_runtime(
                self.runtime(notifications=options), self.sink).delete(
                    images.METADATA)
            self.assertIsInstance(self.sink.sent.pop().payload, cls)

    def test_unknown_payload_of_delete_is_refused(self):
        error = self.assertRaises(
            exception.InvalidInput, image.ImageNotifier, self.sink,
            self.configured.catalogue, delete_payload='name')
        self.assertEqual('delete_payload: must be one of id, metadata.',
                         str(error))

    def test_delete_with_incomplete_metadata_is_counted(self):
        notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue, delete_payload='metadata',
            metrics=self.configured.metrics)
        for attributes in (images.ID, None, {'id': images.ID},
                           {**images.METADATA, 'created_at': None}):
            notifier.delete(attributes)
        self.assertEqual([], self.sink.sent)
        self.assertEqual({(image.DELETE, 'INFO'): 4}, self.dropped())

    def test_envelope_has_publisher_time_and_id_of_the_event(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        self.notifier.delete(images.METADATA)
        [sent] = self.sink.sent
        self.assertLessEqual(before, sent.timestamp)
        self.assertEqual(notification.Notification('x', None).publisher_id,
                         sent.publisher_id)
        image.ImageNotifier.from_runtime(
            self.runtime(notifications={'publisher_id': 'image.cloud1'}),
            self.sink).delete(images.METADATA)
        self.assertEqual('image.cloud1', self.sink.sent[-1].publisher_id)
        self.assertNotEqual(sent.message_id, self.sink.sent[-1].message_id)

    def test_times_are_sent_in_utc(self):
        zone = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
        self.notifier.create({
            **images.METADATA, 'created_at': images.TIME.astimezone(zone),
            'updated_at': '2026-11-21T20:08:58.5',
            'deleted_at': '2026-11-21 22:08:58+02:00'})
        payload = self.sink.sent[0].payload
        for name in ('created_at', 'updated_at', 'deleted_at'):
            self.assertEqual('2026-11-21T20:08:58Z', payload[name], name)

    def test_is_public_follows_visibility(self):
        for attributes, expected in (
                ({'visibility': 'public'}, (True, 'public')),
                ({'visibility': 'community', 'is_public': True},
                 (False, 'community')),
                ({'visibility': None, 'is_public': True}, (True, 'public')),
                ({'visibility': None}, (False, 'private'))):
            self.notifier.create({**images.METADATA, **attributes})
            payload = self.sink.sent.pop().payload
            self.assertEqual(expected,
                             (payload['is_public'], payload['visibility']))

    def test_texts_of_users_are_truncated(self):
        self.notifier.create({
            **images.METADATA, 'name': 'x' * 10**6,
            'tags': {f'{number:0300}' for number in range(1000)},
            'properties': {'os_distro': 'two\nlines\x00\ud800' + 'x' * 300,
                           'os_version': None}})
        payload = self.sink.sent[0].payload
        self.assertEqual('x' * 255, payload['name'])
        self.assertEqual({'0' * 255}, set(payload['tags']))
        self.assertEqual(128, len(payload['tags']))
        properties = payload['properties']
        self.assertIsNone(properties['os_version'])
        self.assertEqual(255, len(properties['os_distro']))
        self.assertEqual('two\ufffdlines\ufffd\ufffdx',
                         properties['os_distro'][:12])

    def test_failure_has_the_text_of_the_catalogue(self):
        for event_type, action in image.ACTIONS.items():
            self.notifier.failed(event_type, images.ID, exception=StorageFull(
                'no room in /var/lib/images'))
            sent = self.sink.sent.pop()
            self.assertEqual(('ERROR', images.ID),
                             (sent.priority, sent.subject))
            self.assertEqual(
                f'{action.text}: {entries.Details.STORE_FULL.text} '
                f'(image {images.ID})', sent.payload)
            self.notifier.failed(event_type, images.ID, priority='WARN',
                                 detail=entries.Details.TIMED_OUT)
            sent = self.sink.sent.pop()
            self.assertEqual('WARN', sent.priority)
            self.assertIn(entries.Details.TIMED_OUT.text, sent.payload)

    def test_unmapped_exception_is_sent_without_its_text(self):
        self.notifier.failed(image.UPDATE, images.ID, exception=OSError(
            30, 'Read-only file system', '/var/lib/images'))
        self.assertEqual(
            f'update image: {entries.Details.UNKNOWN_ERROR.text} '
            f'(image {images.ID})', self.sink.sent[0].payload)


class FaultTest(images.TestCase):

    def send_all(self):
        notifier = self.notifier
        notifier.create(images.METADATA)
        notifier.delete(images.METADATA)
        notifier.failed(image.UPLOAD, images.ID)
        notifier.sent(images.METADATA, self.receiver, 1)
        with notifier.upload(images.METADATA) as upload:
            upload.update(status='active')
        with notifier.download(images.METADATA, self.receiver) as download:
            download.add(1)

    def test_sink_failure_is_counted_and_never_raised(self):
        self.sink.error = errors.NotDelivered('rabbit: no connection')
        self.send_all()
        self.assertEqual([], self.sink.sent)
        self.assertEqual({
            (image.CREATE, 'INFO'): 1, (image.DELETE, 'INFO'): 1,
            (image.UPLOAD, 'ERROR'): 1, (image.SEND, 'INFO'): 2,
            (image.PREPARE, 'INFO'): 1, (image.UPLOAD, 'INFO'): 1,
            (image.ACTIVATE, 'INFO'): 1}, self.dropped())
        lines = self.log.output.splitlines()
        self.assertEqual(8, len(lines))
        self.assertEqual(
            f'The notification image.create (INFO) of image {images.ID} could '
            'not be sent: NotDelivered: rabbit: no connection', lines[0])
        self.assertNotIn('cirros', self.log.output)

    def test_unexpected_sink_error_is_logged_without_its_text(self):
        self.sink.error = RuntimeError('amqp://user:s3cr3t@mq1')
        self.notifier.create(images.METADATA)
        self.assertIn(f'RuntimeError at {images.__file__}', self.log.output)
        self.assertNotIn('s3cr3t', self.log.output)

    def test_sink_failure_does_not_hide_the_exception(self):
        self.sink.error = errors.NotDelivered('unavailable')
        failure = StorageFull()

        def upload():
            with self.notifier.upload(images.METADATA):
                raise failure

        def download():
            with self.notifier.download(images.METADATA, self.receiver):
                raise failure
        for run in (upload, download):
            raised = self.assertRaises(StorageFull, run)
            self.assertIs(failure, raised)
            self.assertIsNone(raised.__context__)

    def test_invalid_metadata_is_logged_without_its_value(self):
        for wrong in (
                {'id': None}, {'id': 'bogus'}, {'id': 7},
                {'status': None}, {'status': ''}, {'owner': 'x' * 256},
                {'owner': 'two\nlines'}, {'owner': ['bogus']},
                {'created_at': None}, {'created_at': 'bogus'},
                {'size': -1}, {'size': 'bogus'}, {'size': float('inf')},
                {'min_ram': 'bogus'}, {'tags': 5}, {'tags': [None, 'a']},
                {'tags': [{}]}, {'properties': 'os_distro'},
                {'properties': {'os_distro': {}}}, {'name': {}}):
            [name] = wrong
            self.notifier.update({**images.METADATA, **wrong})
            self.assertEqual([], self.sink.sent, wrong)
            [line] = self.log.output.splitlines()
            self.assertIn(f'could not be sent: InvalidInput: {name}: ', line)
            self.assertNotIn('bogus', line.partition('sent:')[2])
            self.log._output.truncate(0)
            self.log._output.seek(0)

    def test_invalid_image_is_counted_and_never_raises(self):
        class DetachedImage:
            """Record that can't be loaded any more."""

            def get(self, name):
                raise RuntimeError('s3cr3t')

        messages = []
        notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue, messages=messages,
            metrics=self.configured.metrics)
        for wrong in (None, object(), DetachedImage(), 7, 'bogus',
                      [images.METADATA]):
            for notify in (
                    notifier.create, notifier.prepare, notifier.uploaded,
                    notifier.activate, notifier.update, notifier.delete):
                notify(wrong)
            notifier.failed(image.UPDATE, wrong)
            notifier.sent(wrong, self.receiver, 1)
            notifier.notify_owner(wrong, self.receiver)
            with notifier.upload(wrong) as upload:
                upload.stored(size=7)
                upload.update(status='active')
            with notifier.download(wrong, self.receiver) as download:
                list(download.count([b'a']))

            def fail(block):
                with block:
                    raise StorageFull
            for block in (notifier.upload(wrong, self.receiver),
                          notifier.download(wrong, self.receiver)):
                self.assertRaises(StorageFull, fail, block)
        self.assertEqual([], self.sink.sent)
        self.assertEqual({
            (image.CREATE, 'INFO'): 6, (image.PREPARE, 'INFO'): 18,
            (image.UPLOAD, 'INFO'): 12, (image.ACTIVATE, 'INFO'): 12,
            (image.UPDATE, 'INFO'): 6, (image.DELETE, 'INFO'): 6,
            (image.UPDATE, 'ERROR'): 6, (image.UPLOAD, 'ERROR'): 6,
            (image.SEND, 'INFO'): 12, (image.SEND, 'ERROR'): 6},
            self.dropped())
        self.assertIn('could not be sent: InvalidInput: attributes: must be '
                      'a mapping.', self.log.output)
        self.assertNotIn('s3cr3t', self.log.output)

    def test_invalid_image_id_sends_no_notification(self):
        for ident in (None, 7, 'bogus', f'{images.ID}x'):
            self.notifier.delete({'id': ident})
            self.notifier.failed(image.UPDATE, ident)
            self.notifier.sent({'id': ident}, self.receiver, 1)
        self.assertEqual([], self.sink.sent)
        lines = self.log.output.splitlines()
        self.assertEqual(12, len(lines))
        for line in lines:
            self.assertIn('could not be sent: InvalidInput: id: ', line)

    def test_failed_with_an_invalid_type_is_logged(self):
        self.notifier.failed(image.SEND, images.ID)
        self.notifier.failed(image.UPLOAD, images.ID, detail='no such detail')
        self.assertEqual([], self.sink.sent)
        self.assertIn('no such detail', self.log.output)
        self.assertEqual({(image.SEND, 'ERROR'): 1,
                          (image.UPLOAD, 'ERROR'): 1}, self.dropped())


class UploadTest(images.TestCase):

    def test_upload_sends_prepare_upload_and_activate(self):
        with self.notifier.upload(images.METADATA) as upload:
            self.assertEqual([('image.prepare', 'INFO')], self.sent_events())
            upload.update(status='active', size=7)
        self.assertEqual([('image.prepare', 'INFO'), ('image.upload', 'INFO'),
                          ('image.activate', 'INFO')], self.sent_events())
        self.assertEqual([('queued', None), ('active', 7), ('active', 7)], [
            (sent.payload['status'], sent.payload['size'])
            for sent in self.sink.sent])
        self.assertEqual('queued', images.METADATA['status'])
        self.assertEqual(
            {images.ID}, {sent.subject for sent in self.sink.sent})

    def test_stored_sends_upload_once(self):
        with self.notifier.upload(images.METADATA) as upload:
            upload.stored(status='saving', size=7)
            self.assertEqual(('image.upload', 'INFO'), self.sent_events()[-1])
            upload.stored()
            upload.update(status='active')
        self.assertEqual([('image.prepare', 'INFO'), ('image.upload', 'INFO'),
                          ('image.activate', 'INFO')], self.sent_events())
        self.assertEqual(['queued', 'saving', 'active'], [
            sent.payload['status'] for sent in self.sink.sent])

    def fail(self, error, stored=False):
        def run():
            with self.notifier.upload(
                    images.METADATA, self.receiver) as upload:
                if stored:
                    upload.stored()
                raise error
        self.assertIs(error, self.assertRaises(type(error), run))
        return self.sent_events()[-1]

    def test_failed_upload_names_the_failed_step(self):
        self.assertEqual(('image.upload', 'ERROR'), self.fail(StorageFull()))
        self.assertEqual(('image.activate', 'ERROR'),
                         self.fail(StorageFull(), stored=True))
        self.assertEqual(5, len(self.sink.sent))
        for sent in (self.sink.sent[1], self.sink.sent[-1]):
            self.assertEqual(
                f'upload image data: {entries.Details.STORE_FULL.text} '
                f'(image {images.ID})', sent.payload)

    def test_interrupted_upload_sends_an_error(self):
        for error in (KeyboardInterrupt(), SystemExit(), GeneratorExit()):
            self.assertEqual(('image.upload', 'ERROR'), self.fail(error))
            self.assertIn(entries.Details.TRANSFER_INTERRUPTED.text,
                          self.sink.sent[-1].payload)

    def test_failed_upload_records_a_message_for_the_owner(self):
        messages = api.API(self.configured)
        self.notifier = image.ImageNotifier.from_runtime(
            self.configured, self.sink, messages)
        self.fail(StorageFull('no room in /var/lib/images'))
        self.fail(SystemExit())
        with self.notifier.upload(images.METADATA, self.receiver):
            pass
        owner = context.RequestContext(project_id='red')
        second, first = messages.get_all(owner)
        self.assertEqual(
            ('IMAGE_IMAGE_003_002', 'IMAGE', images.ID, 'ERROR', 'bob',
             self.receiver.request_id),
            (first.event_id, first.resource_type, first.resource_uuid,
             first.message_level, first.user_id, first.request_id))
        self.assertEqual('IMAGE_IMAGE_003_022', second.event_id)
        self.assertEqual([], list(messages.get_all(self.receiver)))

    def test_unrecordable_message_for_the_owner_is_logged(self):
        self.notifier = image.ImageNotifier.from_runtime(
            self.configured, self.sink, api.API(self.configured))
        error = StorageFull()
        for owner in (None, 'x' * 255):
            def run():
                with self.notifier.upload({**images.METADATA, 'owner': owner}):
                    raise error
            self.assertIs(error, self.assertRaises(StorageFull, run))
        self.assertEqual([('image.prepare', 'INFO'),
                          ('image.upload', 'ERROR')] * 2, self.sent_events())
        [line] = self.log.output.splitlines()
        self.assertIn(f'The message for the owner of image {images.ID} could '
                      'not be recorded: InvalidInput: project_id: ', line)

    def test_concurrent_uploads_are_independent(self):
        def upload(number):
            with self.notifier.upload(
                    {**images.METADATA, 'id': ids[number]}) as up:
                together.wait(60)
                up.stored(size=number)
        ids = [f'{number:08}{images.ID[8:]}' for number in range(16)]
        together = threading.Barrier(len(ids))
        threads = [threading.Thread(target=upload, args=[number])
                   for number in range(len(ids))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number, ident in enumerate(ids):
            self.assertEqual(
                [('image.prepare', None), ('image.upload', number),
                 ('image.activate', number)],
                [(sent.event_type, sent.payload['size'])
                 for sent in self.sink.sent if sent.subject == ident])


class DownloadTest(images.TestCase):

    def download(self, blocks, image_size=6, destination_ip='192.0.2.7',
                 **options):
        """Yield a response body, as a WSGI server reads it."""
        with self.notifier.download(
                {**images.METADATA, 'size': image_size}, self.receiver,
                destination_ip, **options) as download:
            yield from download.count(blocks)

    def ended(self):
        [sent] = self.sink.sent
        self.assertEqual((image.SEND, images.ID),
                         (sent.event_type, sent.subject))
        return sent.priority, sent.payload['bytes_sent']

    def test_download_sends_six_keys(self):
        blocks = list(self.download([b'abc', b'def']))
        self.assertEqual([b'abc', b'def'], blocks)
        [sent] = self.sink.sent
        self.assertEqual('INFO', sent.priority)
        self.assertEqual({
            'image_id': images.ID, 'owner_id': 'red',
            'receiver_tenant_id': 'blue', 'receiver_user_id': 'bob',
            'destination_ip': '192.0.2.7',
            'bytes_sent': 6}, sent.payload)

    def test_download_is_sent_at_its_end_only(self):
        body = self.download([b'abc', b'def'])
        next(body)
        next(body)
        self.assertEqual([], self.sink.sent)
        self.assertEqual([], list(body))
        self.assertEqual(('INFO', 6), self.ended())

    def test_download_of_another_size_is_an_error(self):
        for size in (5, 7, 0):
            list(self.download([b'abc', b'def'], image_size=size))
            self.assertEqual(('ERROR', 6), self.ended())
            self.sink.sent.clear()

    def test_range_is_complete_by_its_requested_size(self):
        list(self.download([b'abc'], size=3))
        self.assertEqual(('INFO', 3), self.ended())

    def test_download_of_unknown_size_is_complete_at_its_end(self):
        list(self.download([b'abc'], image_size=None))
        self.assertEqual(('INFO', 3), self.ended())

    def test_download_of_an_empty_image_is_complete(self):
        list(self.download([], image_size=0))
        self.assertEqual(('INFO', 0), self.ended())

    def test_early_disconnection_is_an_error(self):
        body = self.download([b'abc', b'def'])
        next(body)
        next(body)
        body.close()
        # It is unknown whether the second block was sent.
        self.assertEqual(('ERROR', 3), self.ended())

    def test_disconnection_after_the_last_byte_is_complete(self):
        body = self.download([b'abc', b'def', b''])
        for _block in range(3):
            next(body)
        body.close()
        self.assertEqual(('INFO', 6), self.ended())

    def test_disconnection_with_unknown_size_is_an_error(self):
        body = self.download([b'abc', b'def'], image_size=None)
        next(body)
        body.close()
        self.assertEqual(('ERROR', 0), self.ended())

    def test_unread_response_body_sends_no_notification(self):
        self.download([b'abc']).close()
        self.assertEqual([], self.sink.sent)

    def test_store_failure_is_an_error(self):
        def blocks():
            yield b'abc'
            raise error
        for error in (OSError('gone'), KeyboardInterrupt(), SystemExit()):
            raised = self.assertRaises(
                type(error), lambda: list(self.download(blocks())))
            self.assertIs(error, raised)
            self.assertEqual(('ERROR', 3), self.ended())
            self.sink.sent.clear()

    def test_store_failure_after_the_last_block_is_an_error(self):
        def blocks():
            yield b'abcdef'
            raise OSError('the checksum is another')
        self.assertRaises(OSError, lambda: list(self.download(blocks())))
        self.assertEqual(('ERROR', 6), self.ended())

    def test_add_counts_bytes_without_a_generator(self):
        with self.notifier.download({**images.METADATA, 'size': 6},
                                    None) as download:
            download.add(2)
            download.add(4)
        self.assertEqual(('INFO', 6), self.ended())
        payload = self.sink.sent[0].payload
        for name in ('receiver_tenant_id', 'receiver_user_id',
                     'destination_ip'):
            self.assertIsNone(payload[name])

    def test_texts_are_truncated(self):
        list(self.download([b'abcdef'], destination_ip='x' * 1000))
        payload = self.sink.sent[0].payload
        self.assertEqual('x' * 255, payload['destination_ip'])


class ImageServiceTest(images.TestCase):
    """Comparison with notifications that OpenStack's image service sent."""

    def setUp(self):
        super().setUp()
        self.notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue,
            properties=['os_distro', 'team'])
        path = base.DATA / 'image_service.json'
        self.recorded = json.loads(path.read_text(encoding='utf-8'))

    def test_image_has_the_payload_of_the_image_service(self):
        payloads = [body['payload'] for body in self.recorded
                    if 'status' in body['payload']]
        self.assertEqual(4, len(payloads))
        for payload in payloads:
            self.notifier.update(payload)
            [sent] = self.sink.sent
            self.assertEqual(json.dumps(payload, sort_keys=True),
                             json.dumps(sent.payload, sort_keys=True))
            self.sink.sent.clear()

    def test_download_has_also_the_documented_key(self):
        [payload] = [body['payload'] for body in self.recorded
                     if body['event_type'] == image.SEND]
        self.notifier.sent(
            {'id': payload['image_id'], 'owner': payload['owner_id']},
            context.RequestContext(project_id=payload['receiver_tenant_id'],
                                   user_id=payload['receiver_user_id']),
            payload['bytes_sent'])
        self.assertEqual({**payload, 'destination_ip': None},
                         self.sink.sent[0].payload)


class EventTypesTest(images.TestCase):

    def test_module_defines_ten_event_types(self):
        types = {value for name, value in inspect.getmembers(image)
                 if isinstance(value, str) and value.startswith('image.')}
        self.assertEqual({*image.ACTIONS, image.SEND, *MEMBER_TYPES}, types)
        self.assertEqual(10, len(types))
