# SPDX-License-Identifier: Apache-2.0
import datetime
import inspect
import json
import threading


from usermsg.catalogue.catalogues import image as entries
from usermsg import context
from usermsg.message import api
from usermsg.notifications import errors
from usermsg.notifications import image
from usermsg.notifications import notification
from usermsg.objects import image_payload as image_object
from usermsg.tests import base
from usermsg.tests.fixtures import images


class StorageFull(Exception):
    """Its name is in the catalogue."""


class RecordTest(images.TestCase):

    def test_metadata_has_the_keys_and_types_of_the_image_service(self):
        for event_type, tell in (
                (image.CREATE, self.notifier.create),
                (image.PREPARE, self.notifier.prepare),
                (image.UPLOAD, self.notifier.uploaded),
                (image.ACTIVATE, self.notifier.activate),
                (image.UPDATE, self.notifier.update)):
            tell(images.METADATA)
            found = self.sink.sent.pop()
            self.assertEqual((event_type, 'INFO', images.ID), (
                found.event_type, found.priority, found.subject))
            self.assertEqual(images.TOLD, found.payload)
            self.assertEqual(list(images.TOLD), list(found.payload))

    def test_metadata_is_that_of_the_versioned_object(self):
        told = image_object.Image.from_mapping(
            {**images.METADATA, 'tags': ['a'], 'deleted_at': images.TIME},
            ['os_distro'])
        self.assertEqual(told.obj_to_primitive()['usermsg_object.data'],
                         told.payload())

    def test_nothing_but_the_allowed_fields_and_properties_is_told(self):
        image.ImageNotifier(self.sink, self.configured.catalogue).create({
            **images.METADATA, 'location': 'swift://user:key@store',
            'path': '/srv'})
        [sent] = self.sink.sent
        self.assertEqual({**images.TOLD, 'properties': {}}, sent.payload)

    def test_the_record_that_was_told_does_not_change(self):
        properties = {'os_distro': 'cirros'}
        self.notifier.create({**images.METADATA, 'properties': properties})
        properties['os_distro'] = 'other'
        self.assertEqual(images.TOLD, self.sink.sent[0].payload)

    def test_a_deletion_tells_the_id_alone(self):
        self.notifier.delete(images.ID)
        [sent] = self.sink.sent
        self.assertEqual((image.DELETE, 'INFO', images.ID, images.ID), (
            sent.event_type, sent.priority, sent.subject, sent.payload))

    def test_the_envelope_is_the_events_own(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        self.notifier.delete(images.ID)
        [sent] = self.sink.sent
        self.assertLessEqual(before, sent.timestamp)
        self.assertEqual(notification.Notification('x', None).publisher_id,
                         sent.publisher_id)
        image.ImageNotifier.from_runtime(
            self.runtime(notifications={'publisher_id': 'image.cloud1'}),
            self.sink).delete(images.ID)
        self.assertEqual('image.cloud1', self.sink.sent[-1].publisher_id)
        self.assertNotEqual(sent.message_id, self.sink.sent[-1].message_id)

    def test_times_are_told_in_utc(self):
        zone = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
        self.notifier.create({
            **images.METADATA, 'created_at': images.TIME.astimezone(zone),
            'updated_at': '2026-11-21T20:08:58.5',
            'deleted_at': '2026-11-21 22:08:58+02:00'})
        told = self.sink.sent[0].payload
        for name in ('created_at', 'updated_at', 'deleted_at'):
            self.assertEqual('2026-11-21T20:08:58Z', told[name], name)

    def test_visibility_decides_who_sees_it(self):
        for given, expected in (
                ({'visibility': 'public'}, (True, 'public')),
                ({'visibility': 'community', 'is_public': True},
                 (False, 'community')),
                ({'visibility': None, 'is_public': True}, (True, 'public')),
                ({'visibility': None}, (False, 'private'))):
            self.notifier.create({**images.METADATA, **given})
            told = self.sink.sent.pop().payload
            self.assertEqual(expected,
                             (told['is_public'], told['visibility']))

    def test_what_users_wrote_is_bounded(self):
        self.notifier.create({
            **images.METADATA, 'name': 'x' * 10**6,
            'tags': {f'{number:0300}' for number in range(1000)},
            'properties': {'os_distro': 'two\nlines\x00\ud800' + 'x' * 300,
                           'os_version': None}})
        told = self.sink.sent[0].payload
        self.assertEqual('x' * 255, told['name'])
        self.assertEqual({'0' * 255}, set(told['tags']))
        self.assertEqual(128, len(told['tags']))
        properties = told['properties']
        self.assertIsNone(properties['os_version'])
        self.assertEqual(255, len(properties['os_distro']))
        self.assertEqual('two\ufffdlines\ufffd\ufffdx',
                         properties['os_distro'][:12])

    def test_a_failure_is_told_in_words_of_the_catalogue(self):
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

    def test_an_exception_without_an_entry_says_nothing_of_itself(self):
        self.notifier.failed(image.UPDATE, images.ID, exception=OSError(
            30, 'Read-only file system', '/var/lib/images'))
        self.assertEqual(
            f'update image: {entries.Details.UNKNOWN_ERROR.text} '
            f'(image {images.ID})', self.sink.sent[0].payload)


class FaultTest(images.TestCase):

    def tell_all(self):
        notifier = self.notifier
        notifier.create(images.METADATA)
        notifier.delete(images.ID)
        notifier.failed(image.UPLOAD, images.ID)
        notifier.sent(images.METADATA, self.receiver, 1)
        with notifier.upload(images.METADATA) as upload:
            upload.update(status='active')
        with notifier.download(images.METADATA, self.receiver) as sending:
            sending.add(1)

    def test_no_task_fails_because_nothing_takes_its_notifications(self):
        self.sink.error = errors.NotDelivered('rabbit: mq1:5672 is away')
        self.tell_all()
        self.assertEqual([], self.sink.sent)
        self.assertEqual({
            (image.CREATE, 'INFO'): 1, (image.DELETE, 'INFO'): 1,
            (image.UPLOAD, 'ERROR'): 1, (image.SEND, 'INFO'): 2,
            (image.PREPARE, 'INFO'): 1, (image.UPLOAD, 'INFO'): 1,
            (image.ACTIVATE, 'INFO'): 1}, self.not_sent())
        lines = self.log.output.splitlines()
        self.assertEqual(8, len(lines))
        self.assertEqual(
            f'The notification image.create (INFO) of image {images.ID} could '
            'not be sent: NotDelivered: rabbit: mq1:5672 is away', lines[0])
        self.assertNotIn('cirros', self.log.output)

    def test_what_is_not_ours_to_repeat_is_not_logged(self):
        self.sink.error = RuntimeError('amqp://user:s3cr3t@mq1')
        self.notifier.create(images.METADATA)
        self.assertIn(f'RuntimeError at {images.__file__}', self.log.output)
        self.assertNotIn('s3cr3t', self.log.output)

    def test_the_tasks_own_failure_is_not_hidden(self):
        self.sink.error = errors.NotDelivered('away')
        failure = StorageFull()

        def upload():
            with self.notifier.upload(images.METADATA):
                raise failure

        def download():
            with self.notifier.download(images.METADATA, self.receiver):
                raise failure
        for task in (upload, download):
            raised = self.assertRaises(StorageFull, task)
            self.assertIs(failure, raised)
            self.assertIsNone(raised.__context__)

    def test_wrong_metadata_is_named_in_the_log_without_its_value(self):
        for wrong in (
                {'id': None}, {'id': 'nonsense'}, {'id': 7},
                {'status': None}, {'status': ''}, {'owner': 'x' * 256},
                {'owner': 'two\nlines'}, {'owner': ['nonsense']},
                {'created_at': None}, {'created_at': 'nonsense'},
                {'size': -1}, {'size': 'nonsense'}, {'size': float('inf')},
                {'min_ram': 'nonsense'}, {'tags': 5}, {'tags': [None, 'a']},
                {'tags': [{}]}, {'properties': 'os_distro'},
                {'properties': {'os_distro': {}}}, {'name': {}}):
            [name] = wrong
            self.notifier.update({**images.METADATA, **wrong})
            self.assertEqual([], self.sink.sent, wrong)
            [line] = self.log.output.splitlines()
            self.assertIn(f'could not be sent: InvalidInput: {name}: ', line)
            self.assertNotIn('nonsense', line.partition('sent:')[2])
            self.log._output.truncate(0)
            self.log._output.seek(0)

    def test_what_is_no_image_fails_no_task(self):
        class Gone:
            """As a record that can't be loaded any more."""

            def get(self, name):
                raise RuntimeError('s3cr3t')

        messages = []
        notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue, messages=messages,
            metrics=self.configured.metrics)
        for wrong in (None, object(), Gone(), 7, 'nonsense',
                      [images.METADATA]):
            for tell in (notifier.create, notifier.prepare, notifier.uploaded,
                         notifier.activate, notifier.update, notifier.delete):
                tell(wrong)
            notifier.failed(image.UPDATE, wrong)
            notifier.sent(wrong, self.receiver, 1)
            notifier.notify_owner(wrong, self.receiver)
            with notifier.upload(wrong) as upload:
                upload.stored(size=7)
                upload.update(status='active')
            with notifier.download(wrong, self.receiver) as sending:
                list(sending.count([b'a']))

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
            self.not_sent())
        self.assertIn('could not be sent: InvalidInput: image: must be a '
                      'mapping.', self.log.output)
        self.assertNotIn('s3cr3t', self.log.output)

    def test_without_the_uuid_of_an_image_nothing_is_told(self):
        for ident in (None, 7, 'nonsense', f'{images.ID}x'):
            self.notifier.delete(ident)
            self.notifier.failed(image.UPDATE, ident)
            self.notifier.sent({'id': ident}, self.receiver, 1)
        self.assertEqual([], self.sink.sent)
        lines = self.log.output.splitlines()
        self.assertEqual(12, len(lines))
        for line in lines:
            self.assertIn('could not be sent: InvalidInput: id: ', line)

    def test_a_type_without_a_failure_is_named_in_the_log(self):
        self.notifier.failed(image.SEND, images.ID)
        self.notifier.failed(image.UPLOAD, images.ID, detail='no such detail')
        self.assertEqual([], self.sink.sent)
        self.assertIn('no such detail', self.log.output)
        self.assertEqual({(image.SEND, 'ERROR'): 1,
                          (image.UPLOAD, 'ERROR'): 1}, self.not_sent())


class UploadTest(images.TestCase):

    def test_it_is_told_when_it_begins_and_when_it_is_active(self):
        with self.notifier.upload(images.METADATA) as upload:
            self.assertEqual([('image.prepare', 'INFO')], self.told())
            upload.update(status='active', size=7)
        self.assertEqual([('image.prepare', 'INFO'), ('image.upload', 'INFO'),
                          ('image.activate', 'INFO')], self.told())
        self.assertEqual([('queued', None), ('active', 7), ('active', 7)], [
            (each.payload['status'], each.payload['size'])
            for each in self.sink.sent])
        self.assertEqual('queued', images.METADATA['status'])
        self.assertEqual(
            {images.ID}, {each.subject for each in self.sink.sent})

    def test_it_is_told_once_when_the_data_is_stored(self):
        with self.notifier.upload(images.METADATA) as upload:
            upload.stored(status='saving', size=7)
            self.assertEqual(('image.upload', 'INFO'), self.told()[-1])
            upload.stored()
            upload.update(status='active')
        self.assertEqual([('image.prepare', 'INFO'), ('image.upload', 'INFO'),
                          ('image.activate', 'INFO')], self.told())
        self.assertEqual(['queued', 'saving', 'active'], [
            each.payload['status'] for each in self.sink.sent])

    def fail(self, error, stored=False):
        def task():
            with self.notifier.upload(
                    images.METADATA, self.receiver) as upload:
                if stored:
                    upload.stored()
                raise error
        self.assertIs(error, self.assertRaises(type(error), task))
        return self.told()[-1]

    def test_the_step_that_failed_is_told(self):
        self.assertEqual(('image.upload', 'ERROR'), self.fail(StorageFull()))
        self.assertEqual(('image.activate', 'ERROR'),
                         self.fail(StorageFull(), stored=True))
        self.assertEqual(5, len(self.sink.sent))
        for sent in (self.sink.sent[1], self.sink.sent[-1]):
            self.assertEqual(
                f'upload image data: {entries.Details.STORE_FULL.text} '
                f'(image {images.ID})', sent.payload)

    def test_an_upload_that_is_broken_off_is_told(self):
        for error in (KeyboardInterrupt(), SystemExit(), GeneratorExit()):
            self.assertEqual(('image.upload', 'ERROR'), self.fail(error))
            self.assertIn(entries.Details.TRANSFER_INTERRUPTED.text,
                          self.sink.sent[-1].payload)

    def test_the_owner_gets_a_message_of_a_failed_upload(self):
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

    def test_an_owner_who_cannot_be_told_breaks_nothing(self):
        self.notifier = image.ImageNotifier.from_runtime(
            self.configured, self.sink, api.API(self.configured))
        error = StorageFull()
        for owner in (None, 'x' * 255):
            def task():
                with self.notifier.upload({**images.METADATA, 'owner': owner}):
                    raise error
            self.assertIs(error, self.assertRaises(StorageFull, task))
        self.assertEqual([('image.prepare', 'INFO'),
                          ('image.upload', 'ERROR')] * 2, self.told())
        [line] = self.log.output.splitlines()
        self.assertIn(f'The owner of image {images.ID} gets no message: '
                      'InvalidInput: project_id: ', line)

    def test_uploads_of_many_threads_keep_apart(self):
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
                [(each.event_type, each.payload['size'])
                 for each in self.sink.sent if each.subject == ident])


class DownloadTest(images.TestCase):

    def download(self, blocks, image_size=6, destination_ip='192.0.2.7',
                 **options):
        """A generator such as WSGI servers get."""
        with self.notifier.download(
                {**images.METADATA, 'size': image_size}, self.receiver,
                destination_ip, **options) as sending:
            yield from sending.count(blocks)

    def ended(self):
        [sent] = self.sink.sent
        self.assertEqual((image.SEND, images.ID),
                         (sent.event_type, sent.subject))
        return sent.priority, sent.payload['bytes_sent']

    def test_it_tells_the_six_keys(self):
        blocks = list(self.download([b'abc', b'def']))
        self.assertEqual([b'abc', b'def'], blocks)
        [sent] = self.sink.sent
        self.assertEqual('INFO', sent.priority)
        self.assertEqual({
            'image_id': images.ID, 'owner_id': 'red',
            'receiver_tenant_id': 'blue', 'receiver_user_id': 'bob',
            'destination_ip': '192.0.2.7',
            'bytes_sent': 6}, sent.payload)

    def test_nothing_is_told_before_its_end(self):
        body = self.download([b'abc', b'def'])
        next(body)
        next(body)
        self.assertEqual([], self.sink.sent)
        self.assertEqual([], list(body))
        self.assertEqual(('INFO', 6), self.ended())

    def test_too_little_or_too_much_is_an_error(self):
        for size in (5, 7, 0):
            list(self.download([b'abc', b'def'], image_size=size))
            self.assertEqual(('ERROR', 6), self.ended())
            self.sink.sent.clear()

    def test_what_was_asked_for_counts_if_it_is_a_part(self):
        list(self.download([b'abc'], size=3))
        self.assertEqual(('INFO', 3), self.ended())

    def test_an_unknown_size_is_whatever_there_is(self):
        list(self.download([b'abc'], image_size=None))
        self.assertEqual(('INFO', 3), self.ended())

    def test_an_empty_image_is_sent_whole(self):
        list(self.download([], image_size=0))
        self.assertEqual(('INFO', 0), self.ended())

    def test_a_receiver_that_goes_away_is_an_error(self):
        body = self.download([b'abc', b'def'])
        next(body)
        next(body)
        body.close()
        # Nobody knows whether the second block went out.
        self.assertEqual(('ERROR', 3), self.ended())

    def test_a_receiver_may_leave_once_it_has_all(self):
        body = self.download([b'abc', b'def', b''])
        for _block in range(3):
            next(body)
        body.close()
        self.assertEqual(('INFO', 6), self.ended())

    def test_leaving_an_image_of_unknown_size_is_an_error(self):
        body = self.download([b'abc', b'def'], image_size=None)
        next(body)
        body.close()
        self.assertEqual(('ERROR', 0), self.ended())

    def test_a_body_that_nobody_began_to_read_is_no_download(self):
        self.download([b'abc']).close()
        self.assertEqual([], self.sink.sent)

    def test_a_store_that_fails_is_an_error(self):
        def blocks():
            yield b'abc'
            raise error
        for error in (OSError('gone'), KeyboardInterrupt(), SystemExit()):
            raised = self.assertRaises(
                type(error), lambda: list(self.download(blocks())))
            self.assertIs(error, raised)
            self.assertEqual(('ERROR', 3), self.ended())
            self.sink.sent.clear()

    def test_a_store_that_fails_after_the_last_block_is_an_error(self):
        def blocks():
            yield b'abcdef'
            raise OSError('the checksum is another')
        self.assertRaises(OSError, lambda: list(self.download(blocks())))
        self.assertEqual(('ERROR', 6), self.ended())

    def test_without_a_generator_bytes_are_added(self):
        with self.notifier.download({**images.METADATA, 'size': 6},
                                    None) as sending:
            sending.add(2)
            sending.add(4)
        self.assertEqual(('INFO', 6), self.ended())
        told = self.sink.sent[0].payload
        for name in ('receiver_tenant_id', 'receiver_user_id',
                     'destination_ip'):
            self.assertIsNone(told[name])

    def test_strings_are_bounded(self):
        list(self.download([b'abcdef'], destination_ip='x' * 1000))
        told = self.sink.sent[0].payload
        self.assertEqual('x' * 255, told['destination_ip'])


class ImageServiceTest(images.TestCase):
    """Notifications that the image service of OpenStack really sent."""

    def setUp(self):
        super().setUp()
        self.notifier = image.ImageNotifier(
            self.sink, self.configured.catalogue,
            properties=['os_distro', 'team'])
        self.real = json.loads((base.DATA / 'image_service.json').read_text(
            encoding='utf-8'))

    def test_the_same_image_is_told_in_the_same_way(self):
        told = [each['payload'] for each in self.real
                if 'status' in each['payload']]
        self.assertEqual(4, len(told))
        for payload in told:
            self.notifier.update(payload)
            [sent] = self.sink.sent
            self.assertEqual(json.dumps(payload, sort_keys=True),
                             json.dumps(sent.payload, sort_keys=True))
            self.sink.sent.clear()

    def test_the_same_download_is_told_with_the_documented_key_too(self):
        [real] = [each['payload'] for each in self.real
                  if each['event_type'] == image.SEND]
        self.notifier.sent(
            {'id': real['image_id'], 'owner': real['owner_id']},
            context.RequestContext(project_id=real['receiver_tenant_id'],
                                   user_id=real['receiver_user_id']),
            real['bytes_sent'])
        self.assertEqual({**real, 'destination_ip': None},
                         self.sink.sent[0].payload)


class DocumentTest(images.TestCase):

    def test_the_seven_types(self):
        types = {value for name, value in inspect.getmembers(image)
                 if isinstance(value, str) and value.startswith('image.')}
        self.assertEqual({*image.ACTIONS, image.SEND}, types)
        self.assertEqual(7, len(types))
