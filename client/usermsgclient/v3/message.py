# SPDX-License-Identifier: Apache-2.0
"""A message: how an operation on a resource ended."""

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
        'all_projects', 'project_id')

    #: What happened, an id of the catalogue: VOLUME_000002.
    event_id = resource.Body('event_id')
    #: The text, in the language that was asked for.
    user_message = resource.Body('user_message')
    #: INFO, WARN or ERROR.
    message_level = resource.Body('message_level')
    #: What kind of resource it is about: VOLUME. None if that isn't known.
    resource_type = resource.Body('resource_type')
    #: The resource, as its service knows it, or None.
    resource_uuid = resource.Body('resource_uuid')
    #: The request that began the operation, or None.
    request_id = resource.Body('request_id')
    #: When it was recorded, in ISO 8601 and UTC.
    created_at = resource.Body('created_at')
    #: Until when it is kept at least, likewise.
    guaranteed_until = resource.Body('guaranteed_until')

    # Those below are given when a message is recorded, and not shown.

    #: Who will be able to read it.
    project_id = resource.Body('project_id')
    #: Who began the operation.
    user_id = resource.Body('user_id')
    #: What was being done; instead of ``event_id``.
    action = resource.Body('action')
    #: Why it failed; goes with ``action``.
    detail = resource.Body('detail')
    #: The caller's own key for this outcome, which makes it safe to repeat.
    source_id = resource.Body('source_id')

    #: Of each of a batch: 201 if it is new, 200 if it was recorded before,
    #: 409 or 410 if there is an error.
    status = resource.Body('status', type=int)
    #: Of one of a batch that is not stored: a dict with ``code`` and
    #: ``detail``.
    error = resource.Body('error', type=dict)
