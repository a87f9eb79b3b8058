# SPDX-License-Identifier: Apache-2.0
"""Writes the JSON Schema of each type of notification.

The schemas are made of the objects behind the payloads, and are part of the
package: run this after a change of one of them. A test says when to.
"""

import json
import pathlib

from usermsg.concurrency import backend

backend.use_threads()

from usermsg.db import models  # noqa: E402
from usermsg.notifications import image  # noqa: E402
from usermsg.notifications import notification  # noqa: E402
from usermsg.objects import fields  # noqa: E402
from usermsg.objects import image_payload as image_object  # noqa: E402
from usermsg.objects import message_payload  # noqa: E402
from usermsg.outbox import body  # noqa: E402
from usermsg.outbox import event_types  # noqa: E402
from usermsg import validation  # noqa: E402

DIRECTORY = (pathlib.Path(__file__).parents[1] / 'usermsg' /
             'notifications' / 'schemas')

_UUID = fields.Uuid().get_schema()['pattern'].strip('^$')

#: Event type -> what has happened.
TYPES = {
    image.CREATE: 'An image is recorded; its data may come later.',
    image.PREPARE: 'The data of an image begins to be stored.',
    image.UPLOAD: 'The data of an image is stored.',
    image.ACTIVATE: 'An image is active: it is known where its data is.',
    image.SEND: 'The data of an image was sent to somebody.',
    image.UPDATE: 'The record of an image has changed.',
    image.DELETE: 'An image is deleted.',
    event_types.MESSAGE_CREATE: 'A message is recorded.',
    event_types.MESSAGE_DELETE: 'A message is deleted by somebody, or as its '
                                'project had too many.',
    event_types.MESSAGE_EXPIRE: 'A message is removed, as it was kept for '
                                'long enough.',
}

_IMAGE_FIELDS = {
    'id': 'UUID of the image.',
    'name': 'What its owner calls it.',
    'status': 'Such as "queued", "saving", "active", "deleted".',
    'created_at': 'When it was recorded, in UTC.',
    'updated_at': 'When its record changed last, in UTC.',
    'min_disk': 'Disk that it needs, in GiB.',
    'min_ram': 'Memory that it needs, in MiB.',
    'protected': 'Whether it is protected against deletion.',
    'checksum': 'Of its data; null before that is stored.',
    'owner': 'Id of the project, or of the user, that owns it.',
    'disk_format': 'Such as "raw" or "qcow2".',
    'container_format': 'Such as "bare".',
    'size': 'Bytes of its data; null before they are known.',
    'virtual_size': 'Bytes of the disk that its data stands for.',
    'is_public': 'The same as a visibility of "public".',
    'visibility': 'Such as "private", "shared", "community", "public".',
    'properties': 'Those that the operator allows to be told.',
    'tags': f'In alphabetical order, {image_object.TAGS} at most.',
    'deleted': 'Whether it is deleted.',
    'deleted_at': 'When it was deleted, in UTC; null before.',
}

_SEND_FIELDS = {
    'image_id': 'UUID of the image.',
    'owner_id': 'Id of the project, or of the user, that owns it.',
    'receiver_tenant_id': 'Id of the project that received it.',
    'receiver_user_id': 'Id of the user who received it.',
    'destination_ip': 'Address that it was sent to; null if unknown.',
    'bytes_sent': 'How many bytes were really sent.',
}

_MESSAGE_FIELDS = {
    'id': 'UUID of the message; ids are in the order of creation.',
    'prefix': 'Namespace of the catalogue, such as "VOLUME".',
    'project_id': 'Id of the project that can read it.',
    'user_id': 'Id of the user whose request it was.',
    'request_id': 'Id of the request it tells the outcome of.',
    'resource_type': 'Such as "VOLUME".',
    'resource_uuid': 'Id of what was being worked on.',
    'event_id': 'What happened, in the catalogue.',
    'action_id': 'What was being done, if the event is made of two.',
    'detail_id': 'Why it ended so, likewise.',
    'message_level': 'How severe it is.',
    'created_at': 'When it was recorded, in UTC.',
    'expires_at': 'Until when it is kept at least, in UTC.',
    'user_message': 'What the event says, in English.',
    'sequence': '1 for its creation; 2 for its end, which comes after.',
}


def describe(event_type):
    """The schema of the notifications of one type."""
    family = event_type.partition('.')[0]
    schema = {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        '$id': f'urn:usermsg:notification:{event_type}:{_VERSIONS[family]}',
        'title': event_type,
        'description': TYPES[event_type],
        'type': 'object',
        'properties': {
            'message_id': {
                'description': 'The same each time that it is sent.',
                'type': 'string', 'format': 'uuid', 'pattern': f'^{_UUID}$'},
            'publisher_id': {
                'description': 'Who tells it: in general a host.',
                'type': 'string', 'minLength': 1,
                'maxLength': fields.LENGTH},
            'event_type': {'const': event_type},
            'priority': {'enum': [notification.INFO]},
            'timestamp': {
                'description': 'When it happened, in UTC.',
                'type': 'string',
                'pattern': r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$'},
            'payload': {},
        },
        'required': ['message_id', 'publisher_id', 'event_type', 'priority',
                     'timestamp', 'payload'],
        'patternProperties': {
            '^_': {'description': 'What a transport adds of its own.'}},
        'additionalProperties': False,
    }
    properties = schema['properties']
    if family == 'message':
        properties['payload'] = _message(event_type)
        return schema
    properties['priority']['enum'] = [
        notification.INFO, notification.WARN, notification.ERROR]
    if event_type == image.SEND:
        properties['payload'] = _object(_send())
        return schema
    schema['if'] = {'properties': {'priority': {'const': notification.INFO}}}
    schema['then'] = {'properties': {
        'payload': _send()['image_id'] if event_type == image.DELETE else
        _object(_fields(image_object.Image, _IMAGE_FIELDS))}}
    schema['else'] = {'properties': {'payload': {
        'description': 'Why it went wrong, in words of the catalogue, and '
                       'the UUID of the image.',
        'type': 'string', 'pattern': rf'\(image {_UUID}\)$'}}}
    return schema


_VERSIONS = {'image': image_object.Image.VERSION,
             'message': message_payload.MessagePayload.VERSION}


def _send():
    known = {'type': ['string', 'null'], 'maxLength': fields.LENGTH}
    own = {'image_id': fields.Uuid().get_schema(),
           'bytes_sent': {'type': 'integer', 'minimum': 0}}
    return {name: _simple({'description': description,
                           **own.get(name, known)})
            for name, description in _SEND_FIELDS.items()}


def _message(event_type):
    found = _fields(message_payload.MessagePayload, _MESSAGE_FIELDS)
    for column in models.messages.columns:
        if length := getattr(column.type, 'length', None):
            found[column.name]['maxLength'] = length
    found['message_level']['enum'] = list(validation.LEVELS)
    found['sequence']['const'] = body.SEQUENCE[event_type]
    return _object({
        'usermsg_object.name': {'const': 'MessagePayload'},
        'usermsg_object.namespace': {'const': 'usermsg'},
        'usermsg_object.version': {'const': _VERSIONS['message']},
        'usermsg_object.data': _object(found),
    })


def _fields(cls, descriptions):
    """name -> schema, of a versioned object."""
    found = {}
    for name, field in cls.fields.items():
        schema = field.get_schema()
        del schema['readonly']
        if type(field).__name__ == 'DateTimeField':
            # Without it "format" alone would be a remark.
            schema['pattern'] = r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$'
        found[name] = _simple({'description': descriptions[name], **schema})
    return found


def _simple(schema):
    """One type instead of a list of one, here and in what it holds."""
    types = schema.get('type')
    if isinstance(types, list) and len(types) == 1:
        schema['type'] = types[0]
    for name in ('items', 'additionalProperties'):
        if isinstance(schema.get(name), dict):
            schema[name].pop('readonly', None)
            _simple(schema[name])
    return schema


def _object(properties):
    return {'type': 'object', 'properties': properties,
            'required': list(properties), 'additionalProperties': False}


def write(directory):
    directory.mkdir(exist_ok=True)
    for event_type in TYPES:
        text = json.dumps(describe(event_type), indent=2)
        (directory / f'{event_type}.json').write_text(
            text + '\n', encoding='utf-8')


if __name__ == '__main__':
    write(DIRECTORY)
