# SPDX-License-Identifier: Apache-2.0
"""Payload of notifications of messages."""

from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields

from usermsg.db import clock
from usermsg.db import models
from usermsg.objects import base
from usermsg.objects import fields as field_types


@vo_base.VersionedObjectRegistry.register
class MessagePayload(base.UsermsgObject):
    """All columns of a message, with its text.

    ``user_message`` is the English text of its event; ``sequence`` numbers
    the notifications of one message, from 1.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        **field_types.fields_for_table(models.messages, fields.Field(
            field_types.UtcDateTime(tzinfo_aware=True))),
        'user_message': fields.StringField(),
        'sequence': fields.IntegerField(),
    }

    @classmethod
    def build_primitive(cls, message, user_message, sequence):
        """Return the result of :meth:`obj_to_primitive` of this object.

        Creating an object and calling that takes some fifteen times as long.

        :param message: a :class:`usermsg.objects.message.Message`
        """
        row = message.row
        return {
            'usermsg_object.name': 'MessagePayload',
            'usermsg_object.namespace': 'usermsg',
            'usermsg_object.version': cls.VERSION,
            'usermsg_object.data': {
                **row._asdict(),
                'created_at': field_types.format_time(
                    clock.aware(row.created_at)),
                'expires_at': field_types.format_time(
                    clock.aware(row.expires_at)),
                'user_message': user_message,
                'sequence': sequence,
            },
        }
