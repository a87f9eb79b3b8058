# SPDX-License-Identifier: Apache-2.0
"""Resource of the position up to which a user has read messages."""

from openstack import resource

from usermsgclient.v3 import _resource


class ReadMark(_resource.Resource):
    base_path = '/messages/read-mark'
    requires_id = False
    allow_fetch = allow_commit = True
    commit_method = 'PUT'
    create_requires_id = False

    #: Position: messages with this id and lower ones are read. None if the
    #: user has read none.
    message = resource.Body('message')
