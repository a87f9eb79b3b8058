# SPDX-License-Identifier: Apache-2.0
"""Image notifications as Ceilometer converts them, with its definitions."""

import datetime
import json

from usermsg import context
from usermsg.notifications import image
from usermsg.tests import base
from usermsg.tests.fixtures import ceilometer
from usermsg.tests.fixtures import images

_OWNER = '81617689350b460aa78c857f82de9d11'
_DELETED = datetime.datetime(2026, 11, 21, 20, 9, 19, 482038,
                             tzinfo=datetime.timezone.utc)


class CeilometerTest(images.TestCase):

    def setUp(self):
        super().setUp()
        recorded = json.loads(
            (base.DATA / 'image_service.json').read_text(encoding='utf-8'))
        #: Event type -> payload of OpenStack's image service.
        self.payloads = {body['event_type']: body['payload']
                         for body in recorded}
        self.image = self.payloads[image.UPDATE]

    def build_notifier(self, delete_payload):
        return image.ImageNotifier(
            self.sink, self.configured.catalogue,
            properties=['os_distro', 'team'], publisher_id='image.cloud1',
            delete_payload=delete_payload, clock=lambda: _DELETED)

    def replay_sent(self, *more):
        return ceilometer.replay(
            [*(sent.body() for sent in self.sink.sent), *more])

    def test_metadata_is_converted_like_that_of_the_image_service(self):
        notifier = self.build_notifier('metadata')
        notifier.create(self.payloads[image.CREATE])
        notifier.uploaded(self.payloads[image.ACTIVATE])
        notifier.activate(self.payloads[image.ACTIVATE])
        notifier.update(self.image)
        sent = self.payloads[image.SEND]
        notifier.sent(
            self.image, context.RequestContext(
                project_id=sent['receiver_tenant_id'],
                user_id=sent['receiver_user_id']), sent['bytes_sent'])
        notifier.delete(self.image)
        self.payloads[image.UPLOAD] = self.payloads[image.ACTIVATE]
        results = self.replay_sent(*(
            {**body, 'payload': self.payloads[body['event_type']]}
            for body in (sent.body() for sent in self.sink.sent)))
        results, expected = results[:6], results[6:]
        self.assertEqual(expected, results)
        self.assertEqual(
            [('image.create', []), ('image.upload', ['image.size']),
             ('image.activate', []), ('image.update', ['image.size']),
             ('image.send', ['image.download', 'image.serve'])],
            [(result['event_type'], sorted(result['samples']))
             for result in results[:5]])
        self.assertEqual({
            'event_type': 'image.delete',
            'traits': {
                'service': 'image.cloud1', 'project_id': _OWNER,
                'user_id': _OWNER, 'resource_id': images.ID,
                'name': 'cirros-2', 'status': 'deleted', 'size': 65536,
                'created_at': '2026-11-21 20:08:58',
                'deleted_at': '2026-11-21 20:09:19'},
            'samples': {'image.size': [65536, images.ID, _OWNER, None]},
            'ended': [images.ID]}, results[5])

    def test_deletion_with_the_id_alone_names_no_image(self):
        self.build_notifier('id').delete(self.image)
        self.assertEqual([{
            'event_type': 'image.delete',
            'traits': {'service': 'image.cloud1'},
            'samples': {'image.size': [None, None, None, None]},
            'ended': [None]}], self.replay_sent())
