# SPDX-License-Identifier: Apache-2.0
"""Payload of notifications of images."""

from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields

from usermsg.objects import fields as field_types
from usermsg.objects import payload
from usermsg import validation

#: Maximum number of tags.
MAX_TAGS = 128


@vo_base.VersionedObjectRegistry.register
class Image(payload.Payload):
    """Metadata of an image in notifications.

    Names and types are those of the image service, whose consumers read them.
    There is no field for the location of the data, nor for credentials.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'id': fields.Field(field_types.Uuid()),
        'name': fields.Field(field_types.Text(), nullable=True),
        'status': fields.Field(field_types.Identifier()),
        'created_at': fields.DateTimeField(),
        'updated_at': fields.DateTimeField(),
        'min_disk': fields.NonNegativeIntegerField(),
        'min_ram': fields.NonNegativeIntegerField(),
        'protected': fields.FlexibleBooleanField(),
        'checksum': fields.Field(field_types.Identifier(), nullable=True),
        'owner': fields.Field(field_types.Identifier(), nullable=True),
        'disk_format': fields.Field(field_types.Identifier(), nullable=True),
        'container_format': fields.Field(
            field_types.Identifier(), nullable=True),
        'size': fields.NonNegativeIntegerField(nullable=True),
        'virtual_size': fields.NonNegativeIntegerField(nullable=True),
        'is_public': fields.FlexibleBooleanField(),
        'visibility': fields.Field(field_types.Identifier()),
        'properties': fields.Field(
            fields.Dict(field_types.Text(), nullable=True)),
        'tags': fields.Field(fields.List(field_types.Text())),
        'deleted': fields.FlexibleBooleanField(),
        'deleted_at': fields.DateTimeField(nullable=True),
    }

    @classmethod
    def from_mapping(cls, attributes, properties=()):
        """Return an image with these fields of a mapping, and no others.

        :param attributes: ``id``, ``status``, ``created_at`` and
            ``updated_at`` are required; times are datetimes, or text in ISO
            8601; ``properties`` is a mapping
        :param properties: names of the properties to include
        :raises usermsg.exception.InvalidInput: names an attribute that is
            missing or invalid; a free text that is too long is truncated
        """
        values = {name: attributes.get(name) for name in cls.fields}
        for name, default in _DEFAULTS.items():
            if values[name] is None:
                values[name] = default
        # is_public is older, and follows from visibility.
        if values['visibility'] is None:
            values['visibility'] = (
                'public' if values['is_public'] else 'private')
        values['is_public'] = values['visibility'] == 'public'
        for name in ('created_at', 'updated_at', 'deleted_at'):
            if values[name] is not None:
                values[name] = validation.time(name, values[name])
        image = cls()
        image._set('tags', values, lambda tags: sorted(tags)[:MAX_TAGS])
        image._set('properties', values, lambda mapping: {
            name: mapping[name] for name in properties if name in mapping})
        for name in cls.fields:
            if name not in ('tags', 'properties'):
                image._set(name, values)
        return image


_DEFAULTS = {'min_disk': 0, 'min_ram': 0, 'protected': False,
             'properties': {}, 'tags': (), 'deleted': False}
