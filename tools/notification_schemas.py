# SPDX-License-Identifier: Apache-2.0
"""Write the JSON Schema of each type of notification.

The schemas are generated from the payload objects, and are part of the
package: run this after a change of such an object. A test fails until then.
"""

import json
import pathlib

from usermsg.concurrency import backend

backend.use_threads()

from usermsg.db import models  # noqa: E402
from usermsg.message import bus  # noqa: E402
from usermsg.message import schemas  # noqa: E402
from usermsg.notifications import image  # noqa: E402
from usermsg.notifications import notification  # noqa: E402
from usermsg.objects import fields  # noqa: E402
from usermsg.objects import image_member_payload as member_object  # noqa: E402
from usermsg.objects import image_payload as image_object  # noqa: E402
from usermsg.objects import message_payload  # noqa: E402
from usermsg.outbox import body  # noqa: E402
from usermsg.outbox import event_types  # noqa: E402
from usermsg import validation  # noqa: E402

DIRECTORY = (pathlib.Path(__file__).parents[1] / 'usermsg' /
             'notifications' / 'schemas')

_UUID = fields.Uuid().get_schema()['pattern'].strip('^$')

#: Event type -> description.
TYPES = {
    image.CREATE: 'The record of an image was created; its data may follow.',
    image.PREPARE: 'The upload of the data of an image has begun.',
    image.UPLOAD: 'The data of an image was stored.',
    image.ACTIVATE: 'An image became active: the location of its data is '
                    'known.',
    image.SEND: 'The data of an image was sent to a client.',
    image.UPDATE: 'The record of an image was changed.',
    image.DELETE: 'An image was deleted.',
    image.MEMBER_CREATE: 'A project became a member of an image.',
    image.MEMBER_UPDATE: 'The status of a member of an image was changed.',
    image.MEMBER_DELETE: 'A project is no longer a member of an image.',
    event_types.MESSAGE_CREATE: 'A message was recorded.',
    event_types.MESSAGE_DELETE: 'A message was deleted by a user, or evicted '
                                'because its project had too many.',
    event_types.MESSAGE_EXPIRE: 'A message was removed because it had '
                                'expired.',
    bus.EVENT_TYPE: 'A service reports a message, which the listener of '
                    'usermsg records.',
}

_IMAGE_FIELDS = {
    'id': 'UUID of the image.',
    'name': 'Name of the image.',
    'status': 'Status, such as "queued", "saving", "active" or "deleted".',
    'created_at': 'Time of creation of the record, in UTC.',
    'updated_at': 'Time of the last change of the record, in UTC.',
    'min_disk': 'Minimum disk size for an instance, in GiB.',
    'min_ram': 'Minimum memory for an instance, in MiB.',
    'protected': 'True if the image is protected against deletion.',
    'checksum': 'Checksum of the data; null before the data is stored.',
    'owner': 'Id of the project, or of the user, that owns the image.',
    'disk_format': 'Disk format, such as "raw" or "qcow2".',
    'container_format': 'Container format, such as "bare".',
    'size': 'Size of the data in bytes; null if unknown.',
    'virtual_size': 'Size of the virtual disk in bytes; null if unknown.',
    'is_public': 'True if the visibility is "public".',
    'visibility': 'Visibility, such as "private", "shared", "community" or '
                  '"public".',
    'properties': 'Properties that the operator permits in notifications.',
    'tags': f'Tags in alphabetical order, at most {image_object.MAX_TAGS}.',
    'deleted': 'True if the image is deleted.',
    'deleted_at': 'Time of deletion, in UTC; null if not deleted.',
}

_MEMBER_FIELDS = {
    'image_id': 'UUID of the image.',
    'member_id': 'Id of the project that the image is shared with.',
    'status': 'Status, such as "pending", "accepted" or "rejected".',
    'created_at': 'Time of creation of the member, in UTC.',
    'updated_at': 'Time of the last change of the member, in UTC.',
    'deleted_at': 'Time of deletion, in UTC; null if not deleted.',
}

_SEND_FIELDS = {
    'image_id': 'UUID of the image.',
    'owner_id': 'Id of the project, or of the user, that owns the image.',
    'receiver_tenant_id': 'Id of the project that received the data.',
    'receiver_user_id': 'Id of the user who received the data.',
    'destination_ip': 'IP address of the receiver; null if unknown.',
    'bytes_sent': 'Number of bytes that were actually sent.',
}

_MESSAGE_FIELDS = {
    'id': 'UUID of the message; ids are in the order of creation.',
    'prefix': 'Namespace prefix of the event, such as "VOLUME".',
    'project_id': 'Id of the project that can read the message.',
    'user_id': 'Id of the user who started the operation.',
    'request_id': 'Id of the request that started the operation.',
    'resource_type': 'Resource type, such as "VOLUME".',
    'resource_uuid': 'Id of the resource that the message is about.',
    'event_id': 'Id of the event in the catalogue.',
    'action_id': 'Id of the action, if the event has an action and a detail.',
    'detail_id': 'Id of the detail, if the event has an action and a detail.',
    'message_level': 'Severity of the message.',
    'created_at': 'Time of recording, in UTC.',
    'expires_at': 'Earliest time of removal, in UTC.',
    'user_message': 'Text of the event, in English.',
    'sequence': '1 for the creation of a message; 2 for its removal, which is '
                'later.',
}


def describe(event_type):
    """Return the schema of the notifications of one type."""
    family = event_type.rpartition('.')[0]
    schema = {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        '$id': f'urn:usermsg:notification:{event_type}:{_VERSIONS[family]}',
        'title': event_type,
        'description': TYPES[event_type],
        'type': 'object',
        'properties': {
            'message_id': {
                'description': 'Id of the notification; the same in each '
                               'delivery attempt.',
                'type': 'string', 'format': 'uuid', 'pattern': f'^{_UUID}$'},
            'publisher_id': {
                'description': 'Id of the publisher, in general a host.',
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
            '^_': {'description': 'Fields that a transport adds.'}},
        'additionalProperties': False,
    }
    properties = schema['properties']
    if family == 'message':
        properties['payload'] = _message(event_type)
        return schema
    if event_type == bus.EVENT_TYPE:
        properties['payload'] = _without_annotations(schemas.REPORT)
        return schema
    if family == 'image.member':
        properties['payload'] = _object(
            _fields(member_object.ImageMember, _MEMBER_FIELDS))
        return schema
    properties['priority']['enum'] = [
        notification.INFO, notification.WARN, notification.ERROR]
    if event_type == image.SEND:
        properties['payload'] = _object(_send())
        return schema
    schema['if'] = {'properties': {'priority': {'const': notification.INFO}}}
    payload = _object(_fields(image_object.Image, _IMAGE_FIELDS))
    if event_type == image.DELETE:
        payload = {'oneOf': [_send()['image_id'], payload]}
    schema['then'] = {'properties': {'payload': payload}}
    schema['else'] = {'properties': {'payload': {
        'description': 'Text of the failure from the catalogue, and the UUID '
                       'of the image.',
        'type': 'string', 'pattern': rf'\(image {_UUID}\)$'}}}
    return schema


_VERSIONS = {'image': image_object.Image.VERSION,
             'image.member': member_object.ImageMember.VERSION,
             'message': message_payload.MessagePayload.VERSION,
             'usermsg': '1.0'}


def _send():
    default = {'type': ['string', 'null'], 'maxLength': fields.LENGTH}
    special = {'image_id': fields.Uuid().get_schema(),
               'bytes_sent': {'type': 'integer', 'minimum': 0}}
    return {name: _simplify({'description': description,
                             **special.get(name, default)})
            for name, description in _SEND_FIELDS.items()}


def _message(event_type):
    properties = _fields(message_payload.MessagePayload, _MESSAGE_FIELDS)
    for column in models.messages.columns:
        if length := getattr(column.type, 'length', None):
            properties[column.name]['maxLength'] = length
    properties['message_level']['enum'] = list(validation.LEVELS)
    properties['sequence']['const'] = body.SEQUENCE[event_type]
    return _object({
        'usermsg_object.name': {'const': 'MessagePayload'},
        'usermsg_object.namespace': {'const': 'usermsg'},
        'usermsg_object.version': {'const': _VERSIONS['message']},
        'usermsg_object.data': _object(properties),
    })


def _fields(cls, descriptions):
    """Return a dict of name -> schema for a versioned object."""
    properties = {}
    for name, field in cls.fields.items():
        schema = field.get_schema()
        del schema['readonly']
        if type(field).__name__ == 'DateTimeField':
            # Validators ignore "format" by default, unlike "pattern".
            schema['pattern'] = r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$'
        properties[name] = _simplify(
            {'description': descriptions[name], **schema})
    return properties


def _simplify(schema):
    """Replace a list of one type by the type, also in nested schemas."""
    types = schema.get('type')
    if isinstance(types, list) and len(types) == 1:
        schema['type'] = types[0]
    for name in ('items', 'additionalProperties'):
        if isinstance(schema.get(name), dict):
            schema[name].pop('readonly', None)
            _simplify(schema[name])
    return schema


def _without_annotations(schema):
    """Return a schema without the keywords of :mod:`usermsg.validation`."""
    if isinstance(schema, list):
        return [_without_annotations(part) for part in schema]
    if isinstance(schema, dict):
        return {name: _without_annotations(part)
                for name, part in schema.items()
                if not name.startswith('x-')}
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
