# SPDX-License-Identifier: Apache-2.0
"""What is told of an image."""

from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields

from usermsg import exception
from usermsg.objects import base
from usermsg.objects import fields as own_fields
from usermsg import validation

#: Tags that are told at most.
TAGS = 128


@vo_base.VersionedObjectRegistry.register
class Image(base.UsermsgObject):
    """The metadata of an image, as notifications show it.

    The names and types are those of the image service, whose consumers read
    them. There is no field for where the data lies, nor for how to get there.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        'id': fields.Field(own_fields.Uuid()),
        'name': fields.Field(own_fields.Text(), nullable=True),
        'status': fields.Field(own_fields.Identifier()),
        'created_at': fields.DateTimeField(),
        'updated_at': fields.DateTimeField(),
        'min_disk': fields.NonNegativeIntegerField(),
        'min_ram': fields.NonNegativeIntegerField(),
        'protected': fields.FlexibleBooleanField(),
        'checksum': fields.Field(own_fields.Identifier(), nullable=True),
        'owner': fields.Field(own_fields.Identifier(), nullable=True),
        'disk_format': fields.Field(own_fields.Identifier(), nullable=True),
        'container_format': fields.Field(
            own_fields.Identifier(), nullable=True),
        'size': fields.NonNegativeIntegerField(nullable=True),
        'virtual_size': fields.NonNegativeIntegerField(nullable=True),
        'is_public': fields.FlexibleBooleanField(),
        'visibility': fields.Field(own_fields.Identifier()),
        'properties': fields.Field(
            fields.Dict(own_fields.Text(), nullable=True)),
        'tags': fields.Field(fields.List(own_fields.Text())),
        'deleted': fields.FlexibleBooleanField(),
        'deleted_at': fields.DateTimeField(nullable=True),
    }

    @classmethod
    def of(cls, attributes, properties=()):
        """From a mapping, of which nothing is taken but these fields.

        :param attributes: ``id``, ``status``, ``created_at`` and
            ``updated_at`` must be there; times are datetimes, or text in ISO
            8601; ``properties`` is a mapping
        :param properties: names of the only properties to take
        :raises usermsg.exception.InvalidInput: names an attribute that is
            missing or wrong; a text of users' that is too long is cut
        """
        found = {name: attributes.get(name) for name in cls.fields}
        for name, empty in _IF_MISSING.items():
            if found[name] is None:
                found[name] = empty
        # The older of the two says nothing that the other doesn't.
        if found['visibility'] is None:
            found['visibility'] = 'public' if found['is_public'] else 'private'
        found['is_public'] = found['visibility'] == 'public'
        for name in ('created_at', 'updated_at', 'deleted_at'):
            if found[name] is not None:
                found[name] = validation.time(name, found[name])
        image = cls()
        image._take('tags', found, lambda tags: sorted(tags)[:TAGS])
        image._take('properties', found, lambda given: {
            name: given[name] for name in properties if name in given})
        for name in cls.fields:
            if name not in ('tags', 'properties'):
                image._take(name, found)
        return image

    def _take(self, name, found, select=lambda value: value):
        try:
            setattr(self, name, select(found[name]))
        except (TypeError, ValueError, OverflowError):
            # Without its words, which repeat the value.
            raise exception.InvalidInput(
                name, 'is missing.' if found[name] is None else
                'is not what an image has there.') from None

    def payload(self):
        """What a notification says of it: a dict that JSON can hold."""
        # The data of obj_to_primitive, without looking for what has changed.
        return {name: field.to_primitive(self, name, getattr(self, name))
                for name, field in self.fields.items()}


_IF_MISSING = {'min_disk': 0, 'min_ram': 0, 'protected': False,
               'properties': {}, 'tags': (), 'deleted': False}
