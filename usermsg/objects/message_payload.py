# SPDX-License-Identifier: Apache-2.0
"""What is told of a message."""

from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields

from usermsg.db import models
from usermsg.objects import base
from usermsg.objects import fields as own_fields


@vo_base.VersionedObjectRegistry.register
class MessagePayload(base.UsermsgObject):
    """All columns of a message, and what follows from them.

    ``user_message`` is what its event says in English; ``sequence`` counts
    what is told of one message, from 1.
    """

    # Version 1.0: Initial version
    VERSION = '1.0'

    fields = {
        **own_fields.of_table(models.messages, fields.Field(
            own_fields.Moment(tzinfo_aware=True))),
        'user_message': fields.StringField(),
        'sequence': fields.IntegerField(),
    }

    @classmethod
    def primitive_of(cls, message, user_message, sequence):
        """The same as :meth:`obj_to_primitive` of such an object.

        To make one and ask it takes some fifteen times as long.

        :param message: a :class:`usermsg.objects.message.Message`
        """
        row = message.row
        return {
            'usermsg_object.name': 'MessagePayload',
            'usermsg_object.namespace': 'usermsg',
            'usermsg_object.version': cls.VERSION,
            'usermsg_object.data': {
                **row._asdict(),
                'created_at': own_fields.written(row.created_at),
                'expires_at': own_fields.written(row.expires_at),
                'user_message': user_message,
                'sequence': sequence,
            },
        }
