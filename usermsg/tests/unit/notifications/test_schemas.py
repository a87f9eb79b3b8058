# SPDX-License-Identifier: Apache-2.0
"""Validation of real notifications against the published schemas."""

import datetime
import json
import pathlib
import runpy

import jsonschema

import usermsg
from usermsg.db import models
from usermsg.message import bus
from usermsg.notifications import image
from usermsg.notifications import notification
from usermsg.objects import image_member_payload as member_object
from usermsg.objects import image_payload as image_object
from usermsg.objects import message
from usermsg.objects import message_payload
from usermsg.outbox import body as notification_body
from usermsg.tests.fixtures import images
from usermsg.tests.fixtures import message_rows

_PACKAGE = pathlib.Path(usermsg.__file__).parent
_TOOL = _PACKAGE.parent / 'tools' / 'notification_schemas.py'
_ALL = ('INFO', 'WARN', 'ERROR')


def schemas():
    """Return all published schemas, by event type."""
    return {path.stem: json.loads(path.read_text(encoding='utf-8'))
            for path in (_PACKAGE / 'notifications' / 'schemas').iterdir()}


class SchemaTest(images.TestCase):

    def setUp(self):
        super().setUp()
        self.schemas = schemas()
        self.validators = {
            event_type: jsonschema.Draft202012Validator(schema)
            for event_type, schema in self.schemas.items()}

    def errors(self, body):
        return [error.message for error in
                self.validators[body['event_type']].iter_errors(body)]

    def is_valid(self, body):
        return self.validators[body['event_type']].is_valid(body)

    def unique_bodies(self):
        """Return one notification of each event type and payload type."""
        unique = {}
        for body in self.bodies():
            unique.setdefault(
                (body['event_type'], type(body['payload'])), body)
        return unique.values()

    def bodies(self):
        """Return real notifications of each event type and priority."""
        full = {
            **images.METADATA, 'size': 65536, 'virtual_size': 65536,
            'checksum': '79e89d497098889a5bb7b7c427334e5d',
            'tags': ['one', 'two'], 'deleted': True,
            'deleted_at': images.TIME, 'visibility': 'public'}
        # Without optional attributes, which must be valid too.
        empty = {name: images.METADATA[name] for name in (
            'id', 'status', 'created_at', 'updated_at')}
        for metadata in (full, empty):
            self.notifier.create(metadata)
            with self.notifier.upload(metadata):
                pass
            self.notifier.update(metadata)
        for delete_payload in ('id', 'metadata'):
            image.ImageNotifier(
                self.sink, self.configured.catalogue,
                delete_payload=delete_payload).delete(full)
        for member in (images.MEMBER,
                       {**images.MEMBER, 'deleted_at': images.TIME}):
            self.notifier.member_created(member)
            self.notifier.member_updated(member)
            self.notifier.member_deleted(member)
        for event_type in image.ACTIONS:
            for priority in ('WARN', 'ERROR'):
                self.notifier.failed(event_type, images.ID,
                                     priority=priority)
        for priority in _ALL:
            self.notifier.sent(full, self.receiver, 65536, '192.0.2.7',
                               priority)
            self.notifier.sent(empty, None, 0, priority=priority)
        nulls = {'user_id', 'request_id', 'resource_type', 'resource_uuid',
                 'action_id', 'detail_id'}
        rows = [message_rows.ROW, tuple(
            None if name in nulls else value for name, value in
            zip(message.Message.fields, message_rows.ROW))]
        for event_type in notification_body.SEQUENCE:
            for row in rows:
                self.sink.send(notification.Notification(
                    event_type, notification_body.build_message_payload(
                        event_type, message.Message.from_row(row),
                        self.configured.catalogue), row[0]))
        for row in rows:
            self.sink.send(bus.build_report(message.NewMessage(
                models.MessageRow._make(row))))
        # In the form in which they arrive.
        return [json.loads(json.dumps(sent.body()))
                for sent in self.sink.sent]

    def test_schemas_equal_the_generated_ones(self):
        tool = runpy.run_path(str(_TOOL))
        tool['write'](self.home)
        self.assertEqual(
            self.schemas,
            {path.stem: json.loads(path.read_text(encoding='utf-8'))
             for path in self.home.glob('*.json')},
            'run tools/notification_schemas.py')

    def test_schemas_are_valid_json_schemas(self):
        self.assertEqual(14, len(self.schemas))
        for event_type, schema in self.schemas.items():
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertEqual(event_type, schema['title'])

    def test_schemas_have_all_fields_of_their_objects(self):
        for event_type, schema in self.schemas.items():
            if event_type in (image.SEND, bus.EVENT_TYPE):
                continue
            family = event_type.rpartition('.')[0]
            if family == 'image.member':
                cls = member_object.ImageMember
                payload = schema['properties']['payload']
            elif family == 'image':
                cls = image_object.Image
                payload = schema['then']['properties']['payload']
                if event_type == image.DELETE:
                    ident, payload = payload['oneOf']
                    self.assertEqual('string', ident['type'])
            else:
                cls = message_payload.MessagePayload
                payload = schema['properties']['payload']['properties'][
                    'usermsg_object.data']
            self.assertEqual(list(cls.fields), payload['required'])
            self.assertEqual(list(cls.fields), list(payload['properties']))
            self.assertIn(cls.VERSION, schema['$id'])
            for name, field in cls.fields.items():
                types = payload['properties'][name]['type']
                self.assertEqual(field.nullable, 'null' in types, name)

    def test_sent_notifications_are_valid(self):
        bodies = self.bodies()
        for body in bodies:
            self.assertEqual([], self.errors(body), body)
        self.assertEqual(
            {(event_type, priority) for event_type in self.schemas
             for priority in _ALL
             if priority == 'INFO' or event_type.rpartition('.')[0] ==
             'image'},
            {(body['event_type'], body['priority']) for body in bodies})

    def test_attributes_added_by_transports_are_valid(self):
        for body in self.bodies():
            self.assertEqual([], self.errors({**body, '_unique_id': 'x'}))

    def test_payload_with_another_priority_is_invalid(self):
        bodies = self.bodies()
        for body in bodies:
            event_type = body['event_type']
            if event_type.startswith(
                    ('message', 'image.member', 'usermsg')):
                others = ('WARN', 'ERROR', 'CRITICAL')
            elif event_type == image.SEND:
                others = ('CRITICAL', 'info')
            elif body['priority'] == 'INFO':
                others = ('WARN', 'ERROR', 'CRITICAL')
            else:
                others = ('INFO', 'CRITICAL')
            for priority in others:
                self.assertNotEqual(
                    [], self.errors({**body, 'priority': priority}),
                    (body, priority))

    def test_missing_or_additional_key_is_invalid(self):
        for body in self.unique_bodies():
            for path in keys(body):
                if 'properties' in path[:-1]:
                    continue  # their names are arbitrary
                changed, parent = at(body, path)
                parent['location'] = 'file:///var/lib/images'
                self.assertFalse(self.is_valid(changed), path)
                if path != ['event_type']:
                    changed, parent = at(body, path)
                    del parent[path[-1]]
                    self.assertFalse(self.is_valid(changed), path)

    def test_value_of_another_type_is_invalid(self):
        for body in self.unique_bodies():
            for path in keys(body):
                if path == ['event_type']:
                    continue
                _same, parent = at(body, path)
                for wrong in self.others(parent[path[-1]]):
                    changed, parent = at(body, path)
                    parent[path[-1]] = wrong
                    self.assertFalse(self.is_valid(changed), (path, wrong))

    def others(self, value):
        yield from (1.5, [1])
        if not isinstance(value, dict):
            yield {'location': 'file:///var/lib/images'}
        if not isinstance(value, bool):
            yield False
        if isinstance(value, str):
            yield 7
        elif value is not None:
            yield 'x'

    def test_too_long_value_is_invalid(self):
        unbounded = {'event_type', 'priority', 'user_message', 'payload'}
        for body in self.unique_bodies():
            for path in keys(body):
                changed, parent = at(body, path)
                if (isinstance(parent[path[-1]], str) and
                        path[-1] not in unbounded):
                    parent[path[-1]] += 'x' * 256
                    self.assertFalse(self.is_valid(changed), path)

    def test_time_in_another_format_is_invalid(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        for body in self.unique_bodies():
            for path in keys(body):
                if path[-1].endswith('_at') or path == ['timestamp']:
                    for wrong in (now.isoformat()[:-6], 'now', ''):
                        changed, parent = at(body, path)
                        parent[path[-1]] = wrong
                        self.assertFalse(self.is_valid(changed), path)


def keys(value, path=()):
    """Iterate over the paths of all keys of nested dicts."""
    for name, inner in value.items():
        yield [*path, name]
        if isinstance(inner, dict):
            yield from keys(inner, [*path, name])


def at(body, path):
    """Return (a copy, the dict in it that has the last key of a path)."""
    body = json.loads(json.dumps(body))
    parent = body
    for name in path[:-1]:
        parent = parent[name]
    return body, parent
