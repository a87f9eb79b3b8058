# SPDX-License-Identifier: Apache-2.0
"""Resource of a message: the result of an operation on a resource."""

from openstack import resource

from usermsgclient.v3 import _resource


class Message(_resource.Resource):
    resource_key = 'message'
    resources_key = 'messages'
    base_path = '/messages'
    allow_create = allow_fetch = allow_delete = allow_list = True

    _query_mapping = resource.QueryParameters(
        'resource_type', 'resource_uuid', 'event_id', 'request_id',
        'message_level', 'created_since', 'created_before', 'sort',
        'all_projects', 'project_id', 'latest_by')

    #: Id of the project whose users can read the message.
    project_id = resource.Body('project_id')
    #: Id of the event in the catalogue: VOLUME_000002.
    event_id = resource.Body('event_id')
    #: The text, in the requested language.
    user_message = resource.Body('user_message')
    #: The remedy in that language, or None.
    remedy = resource.Body('remedy')
    #: True if users can remove the cause themselves.
    user_fixable = resource.Body('user_fixable', type=bool)
    #: True if the same request may succeed later.
    retryable = resource.Body('retryable', type=bool)
    #: URL of further information, or None.
    link = resource.Body('link')
    #: True if it is newer than the user's read mark; None except in lists of
    #: the token's project.
    unread = resource.Body('unread', type=bool)
    #: INFO, WARN or ERROR.
    message_level = resource.Body('message_level')
    #: Type of the resource: VOLUME. None if it isn't known.
    resource_type = resource.Body('resource_type')
    #: Id of the resource in its service, or None.
    resource_uuid = resource.Body('resource_uuid')
    #: Id of the request that started the operation, or None.
    request_id = resource.Body('request_id')
    #: Time at which the message was recorded, in ISO 8601 and UTC.
    created_at = resource.Body('created_at')
    #: Time until which the message is kept at least, likewise.
    guaranteed_until = resource.Body('guaranteed_until')

    # Responses don't contain the following attributes: they are only sent when
    # a message is recorded.

    #: Id of the user who started the operation.
    user_id = resource.Body('user_id')
    #: Action that was performed; instead of ``event_id``.
    action = resource.Body('action')
    #: Cause of the failure; only with ``action``.
    detail = resource.Body('detail')
    #: The caller's unique key of this result, which makes a repetition safe.
    source_id = resource.Body('source_id')

    #: Status of a message in a batch: 201 if it is new, 200 if it was recorded
    #: before, 409 or 410 if there is an error.
    status = resource.Body('status', type=int)
    #: Error of a message in a batch that is not stored: a dict with ``code``
    #: and ``detail``.
    error = resource.Body('error', type=dict)
