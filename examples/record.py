# SPDX-License-Identifier: Apache-2.0
"""A service records that it could not allocate storage for a volume.

It reads usermsg's configuration from the files that the environment variable
OS_USERMSG_CONFIG_FILES names, or from /etc/usermsg/usermsg.conf.
"""

from usermsg import context
from usermsg.message import api as message_api
from usermsg.message import defined_messages
from usermsg.message import resource_types


class VolumeService:
    def __init__(self):
        self.message_api = message_api.API()

    def allocate(self, context, project_id, volume_id):
        # ... no back end has room ...
        return self.message_api.create(
            context,
            defined_messages.EventIds.UNABLE_TO_ALLOCATE,
            project_id,
            resource_type=resource_types.VOLUME,
            resource_uuid=volume_id)


message = VolumeService().allocate(
    context.RequestContext(),
    '6c430ede-9476-4128-8838-8d3929ced223',
    'f292cc0c-54a7-4b3b-8174-d2ff82d87008')
if message is None:
    raise SystemExit('The message could not be recorded; see the log.')
print(f'recorded {message.event_id} as message {message.id}')
