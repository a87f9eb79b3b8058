# SPDX-License-Identifier: Apache-2.0
"""Notifications from the outbox against their published schemas."""

import importlib.resources
import json

import jsonschema

from usermsg import context
from usermsg.message import api
from usermsg.notifications import image
from usermsg.objects import message_payload
from usermsg.objects import outbox
from usermsg.outbox import body as outbox_body
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import databases


def schema_errors(body):
    """Validate a notification by the schema of its event type."""
    schema = json.loads(importlib.resources.files(
        'usermsg.notifications').joinpath(
        'schemas', f'{body["event_type"]}.json').read_text())
    return [error.message for error in
            jsonschema.Draft202012Validator(schema).iter_errors(body)]


class TestOutboxForms(databases.TestCase):

    def setUp(self):
        super().setUp()
        self.configured = self.runtime(
            oslo_messaging_notifications={'driver': 'log'},
            notifications={'publisher_id': 'usermsg.cloud1'})
        self.messages = api.API(self.configured)
        self.request = context.RequestContext(
            project_id='red', user_id='bob', overwrite=False)

    def pending_bodies(self):
        """Return the bodies of all pending entries, in their order."""
        return [json.loads(json.dumps(outbox_body.build_body(
            entry, self.configured.catalogue)))
            for shard in outbox.shards(self.configured.db, 'log')
            for entry in outbox.pending(self.configured.db, 'log', shard)]

    def test_notifications_of_the_life_of_a_message(self):
        past_api = api.API(self.configured, now=clocks.ahead(-40 * 24 * 3600))
        complete = self.messages.create(
            self.request, action='attach_volume', resource_type='volume',
            resource_uuid='some-volume', level='WARN')
        [recorded] = past_api.record([past_api.new_message(
            {'project_id': 'red', 'event_id': 'VOLUME_000002'})])
        minimal = recorded.message
        self.messages.delete(self.request, complete.id)
        self.messages.cleanup_expired_messages()

        bodies = self.pending_bodies()
        for body in bodies:
            self.assertEqual([], schema_errors(body), body)
            self.assertEqual('usermsg.cloud1', body['publisher_id'])
        by_message = {message.id: [
            body for body in bodies
            if body['payload']['usermsg_object.data']['id'] == message.id]
            for message in (complete, minimal)}
        self.assertEqual(
            [['message.create', 'message.delete'],
             ['message.create', 'message.expire']],
            [[body['event_type'] for body in bodies]
             for bodies in by_message.values()])
        for message in (complete, minimal):
            for number, body in enumerate(by_message[message.id], start=1):
                payload = message_payload.MessagePayload.obj_from_primitive(
                    body['payload'])
                for name in message.fields:
                    self.assertEqual(getattr(message, name),
                                     getattr(payload, name), name)
                self.assertEqual(number, payload.sequence)
                self.assertEqual(self.configured.catalogue.describe(
                    message.event_id).user_message, payload.user_message)

    def test_notification_of_the_largest_image(self):
        name = '\U0001f4bf' * 255
        image.ImageNotifier.from_runtime(
            self.configured, self.configured.outbox).create({
                'id': 'a281631a-a6aa-4b8e-9ecf-21e7940c5cdd',
                'status': 'queued', 'created_at': '2026-11-21T20:08:58Z',
                'updated_at': '2026-11-21T20:08:58Z', 'name': name,
                'tags': [f'{number:03}{name}' for number in range(128)]})
        [body] = self.pending_bodies()
        self.assertEqual([], schema_errors(body))
        self.assertEqual(name, body['payload']['name'])
        self.assertEqual(128, len(body['payload']['tags']))
