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
    image.CREATE: 'The record of an image was created; its data may follow '
                  'later.',
    image.PREPARE: 'The upload of the data of an image starts.',
    image.UPLOAD: 'The data of an image was stored, or could not be.',
    image.ACTIVATE: 'An image became active: the location of its data is '
                    'recorded.',
    image.SEND: 'The data of an image, or a part of it, was sent to a client.',
    image.UPDATE: 'The attributes of an image were changed.',
    image.DELETE: 'An image was deleted.',
    event_types.MESSAGE_CREATE: 'A message was recorded.',
    event_types.MESSAGE_DELETE: 'A message was deleted by a user, or because '
                                'its project exceeded the limit.',
    event_types.MESSAGE_EXPIRE: 'A message was removed because it had '
                                'expired.',
}

_IMAGE_FIELDS = {
    'id': 'UUID of the image.',
    'name': 'Name given by the owner.',
    'status': 'Status, for example "queued", "saving", "active" or "deleted".',
    'created_at': 'Time of its creation, in UTC.',
    'updated_at': 'Time of the last change of its record, in UTC.',
    'min_disk': 'Required disk size, in GiB.',
    'min_ram': 'Required memory, in MiB.',
    'protected': 'True if it is protected against deletion.',
    'checksum': 'Checksum of its data; null until the data is stored.',
    'owner': 'Id of the project, or of the user, that owns it.',
    'disk_format': 'Disk format, for example "raw" or "qcow2".',
    'container_format': 'Container format, for example "bare".',
    'size': 'Size of its data in bytes; null if unknown.',
    'virtual_size': 'Size of the virtual disk in bytes; null if unknown.',
    'is_public': 'True if the visibility is "public".',
    'visibility': 'Visibility, for example "private", "shared", "community" '
                  'or "public".',
    'properties': 'Properties that the operator permits in notifications.',
    'tags': f'Tags in alphabetical order, {image_object.TAGS} at most.',
    'deleted': 'True if it is deleted.',
    'deleted_at': 'Time of its deletion, in UTC; null before.',
}

_SEND_FIELDS = {
    'image_id': 'UUID of the image.',
    'owner_id': 'Id of the project, or of the user, that owns it.',
    'receiver_tenant_id': 'Id of the project that received the data.',
    'receiver_user_id': 'Id of the user who received the data.',
    'destination_ip': 'IP address of the receiver; null if unknown.',
    'bytes_sent': 'Number of bytes that were sent.',
}

_MESSAGE_FIELDS = {
    'id': 'UUID of the message; ids are in the order of creation.',
    'prefix': 'Namespace of the catalogue, such as "VOLUME".',
    'project_id': 'Id of the project that can read it.',
    'user_id': 'Id of the user who made the request.',
    'request_id': 'Id of the request whose result the message reports.',
    'resource_type': 'Resource type, for example "VOLUME".',
    'resource_uuid': 'Id of the resource.',
    'event_id': 'Id of the event in the catalogue.',
    'action_id': 'Id of the action; null for an event without action and '
                 'detail.',
    'detail_id': 'Id of the detail, the reason of the result; null likewise.',
    'message_level': 'Severity of the message.',
    'created_at': 'Time of its creation, in UTC.',
    'expires_at': 'Time until which it is kept at least, in UTC.',
    'user_message': 'Text of the event, in English.',
    'sequence': '1 for its creation; 2 for its deletion or expiry, which '
                'follows.',
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
                'description': 'The same in each delivery attempt.',
                'type': 'string', 'format': 'uuid', 'pattern': f'^{_UUID}$'},
            'publisher_id': {
                'description': 'Publisher, in general the name of a host.',
                'type': 'string', 'minLength': 1,
                'maxLength': fields.LENGTH},
            'event_type': {'const': event_type},
            'priority': {'enum': [notification.INFO]},
            'timestamp': {
                'description': 'Time of the event, in UTC.',
                'type': 'string',
                'pattern': r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$'},
            'payload': {},
        },
        'required': ['message_id', 'publisher_id', 'event_type', 'priority',
                     'timestamp', 'payload'],
        'patternProperties': {
            '^_': {'description': 'Added by the transport.'}},
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
        'description': 'Reason of the failure, a text of the catalogue, and '
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
