# SPDX-License-Identifier: Apache-2.0
"""Payload of notifications of the members of images."""

from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields

from usermsg.objects import fields as field_types
from usermsg.objects import payload
from usermsg import validation


@vo_base.VersionedObjectRegistry.register
class ImageMember(payload.Payload):
    """Project with which an image is shared."""

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'image_id': fields.Field(field_types.Uuid()),
        'member_id': fields.Field(field_types.Identifier()),
        'status': fields.Field(field_types.Identifier()),
        'created_at': fields.DateTimeField(),
        'updated_at': fields.DateTimeField(),
        'deleted_at': fields.DateTimeField(nullable=True),
    }

    @classmethod
    def from_mapping(cls, attributes):
        """Return a member with these fields of a mapping, and no others.

        :param attributes: all but ``deleted_at`` are required; times are
            datetimes, or text in ISO 8601
        :raises usermsg.exception.InvalidInput: names an attribute that is
            missing or invalid
        """
        values = {name: attributes.get(name) for name in cls.fields}
        for name in ('created_at', 'updated_at', 'deleted_at'):
            if values[name] is not None:
                values[name] = validation.time(name, values[name])
        member = cls()
        for name in cls.fields:
            member._set(name, values)
        return member
