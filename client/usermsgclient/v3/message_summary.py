# SPDX-License-Identifier: Apache-2.0
"""Resource of the numbers of messages by level."""

from openstack import resource

from usermsgclient.v3 import _resource


class MessageSummary(_resource.Resource):
    resource_key = 'summary'
    base_path = '/messages/summary'
    requires_id = False
    allow_fetch = True

    #: Id of the newest message of all levels, or None.
    newest_id = resource.Body('newest_id')
    #: Marker after which a list with ``sort='created_at:asc'`` contains all
    #: messages that it has held back until the request of the summary.
    follow_id = resource.Body('follow_id')
    #: A dict: level -> a dict with ``total``; ``unread``, which is missing for
    #: other projects; ``more`` and ``more_unread``, which are true if there
    #: may be more messages than these numbers; and ``ttl``, the seconds for
    #: which new messages are kept.
    levels = resource.Body('levels', type=dict)
