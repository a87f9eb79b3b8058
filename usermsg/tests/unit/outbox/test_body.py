# SPDX-License-Identifier: Apache-2.0
import json

import hypothesis

from usermsg.catalogue import catalogue
from usermsg.catalogue import loader
from usermsg.objects import message
from usermsg.objects import message_payload
from usermsg.outbox import body
from usermsg.outbox import event_types
from usermsg.tests import base
from usermsg.tests.fixtures import message_rows

ENGLISH = catalogue.Catalogue([])


class TestMessagePayload(base.TestCase):

    def test_payload_contains_message_fields_and_text(self):
        definitions = loader.load(None)
        self.assertEqual({
            'usermsg_object.name': 'MessagePayload',
            'usermsg_object.namespace': 'usermsg',
            'usermsg_object.version': '1.0',
            'usermsg_object.data': {
                'id': '01a20023-4e6b-74b8-8e8c-e1c6aa724b8f',
                'prefix': 'VOLUME', 'project_id': 'red', 'user_id': 'bob',
                'request_id': None, 'resource_type': 'VOLUME',
                'resource_uuid': 'some-volume',
                'event_id': 'VOLUME_VOLUME_002_021', 'action_id': '002',
                'detail_id': '021', 'message_level': 'ERROR',
                'created_at': '2026-11-21T22:04:03.000000+00:00',
                'expires_at': '2026-12-21T22:04:03.563295+00:00',
                'user_message': definitions.describe(
                    'VOLUME_VOLUME_002_021').user_message,
                'sequence': 1,
            }}, body.build_message_payload(
                event_types.MESSAGE_CREATE, message.Message.from_row(
                    message_rows.ROW),
                definitions))

    def test_sequence_orders_the_event_types_of_a_message(self):
        stored = message.Message.from_row(message_rows.ROW)
        self.assertEqual({
            'message.create': 1, 'message.delete': 2, 'message.expire': 2}, {
            event_type: body.build_message_payload(
                event_type, stored, ENGLISH)['usermsg_object.data']['sequence']
            for event_type in vars(event_types).values()
            if isinstance(event_type, str) and
            event_type.startswith('message.')})

    def test_unknown_event_has_general_text(self):
        payload = body.build_message_payload(
            event_types.MESSAGE_DELETE,
            message.Message.from_row(message_rows.ROW), ENGLISH)
        self.assertEqual(catalogue.UNKNOWN_EVENT,
                         payload['usermsg_object.data']['user_message'])

    def test_payload_object_has_all_message_fields(self):
        fields = message_payload.MessagePayload.fields
        for name, field in message.Message.fields.items():
            self.assertEqual(field.nullable, fields[name].nullable, name)
        self.assertEqual({'user_message', 'sequence'},
                         set(fields) - set(message.Message.fields))

    @hypothesis.given(message_rows.ROWS)
    def test_fast_primitive_equals_object_primitive(self, row):
        stored = message.Message.from_row(row)
        payload = message_payload.MessagePayload(
            user_message='some text', sequence=2, **{
                name: getattr(stored, name)
                for name in message.Message.fields})
        payload.obj_reset_changes()
        primitive = message_payload.MessagePayload.build_primitive(
            stored, 'some text', 2)
        self.assertEqual(payload.obj_to_primitive(), primitive)
        # As a consumer parses it.
        parsed = message_payload.MessagePayload.obj_from_primitive(
            json.loads(json.dumps(primitive)))
        for name in message_payload.MessagePayload.fields:
            self.assertEqual(
                getattr(payload, name), getattr(parsed, name), name)
