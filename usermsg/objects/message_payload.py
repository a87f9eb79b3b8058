# SPDX-License-Identifier: Apache-2.0
"""What is told of a message."""

from oslo_versionedobjects import base as vo_base
from oslo_versionedobjects import fields

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
        'id': fields.StringField(),
        'prefix': fields.StringField(),
        'project_id': fields.StringField(),
        'user_id': fields.StringField(nullable=True),
        'request_id': fields.StringField(nullable=True),
        'resource_type': fields.StringField(nullable=True),
        'resource_uuid': fields.StringField(nullable=True),
        'event_id': fields.StringField(),
        'action_id': fields.StringField(nullable=True),
        'detail_id': fields.StringField(nullable=True),
        'message_level': fields.StringField(),
        'created_at': own_fields.MomentField(),
        'expires_at': own_fields.MomentField(),
        'user_message': fields.StringField(),
        'sequence': fields.IntegerField(),
    }

    @classmethod
    def primitive_of(cls, message, user_message, sequence):
        """The same as :meth:`obj_to_primitive` of such an object.

        To make one and ask it takes some fifteen times as long.

        :param message: a :class:`usermsg.objects.message.Message`
        """
        (ident, prefix, project_id, user_id, request_id, resource_type,
         resource_uuid, event_id, action_id, detail_id, level, created_at,
         expires_at) = message.values()
        return {
            'usermsg_object.name': 'MessagePayload',
            'usermsg_object.namespace': 'usermsg',
            'usermsg_object.version': cls.VERSION,
            'usermsg_object.data': {
                'id': ident,
                'prefix': prefix,
                'project_id': project_id,
                'user_id': user_id,
                'request_id': request_id,
                'resource_type': resource_type,
                'resource_uuid': resource_uuid,
                'event_id': event_id,
                'action_id': action_id,
                'detail_id': detail_id,
                'message_level': level,
                'created_at': own_fields.written(created_at),
                'expires_at': own_fields.written(expires_at),
                'user_message': user_message,
                'sequence': sequence,
            },
        }
