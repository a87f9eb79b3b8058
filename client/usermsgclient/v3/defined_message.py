# SPDX-License-Identifier: Apache-2.0
"""A defined message: what may be said, and what can be done about it."""

from openstack import resource

from usermsgclient.v3 import _resource


class DefinedMessage(_resource.Resource):
    resource_key = 'defined_message'
    resources_key = 'defined_messages'
    base_path = '/defined-messages'
    allow_fetch = allow_list = True

    _query_mapping = resource.QueryParameters(
        'prefix', 'resource_type', 'user_fixable', 'retryable')

    #: The namespace, usually of one service: VOLUME.
    prefix = resource.Body('prefix')
    #: Of what kind of resource it is said; None if of any.
    resource_type = resource.Body('resource_type')
    #: What was being done; None unless it is composed of two parts.
    action_id = resource.Body('action_id')
    #: Why that failed; likewise.
    detail_id = resource.Body('detail_id')
    #: The text, in the language that was asked for.
    text = resource.Body('text')
    #: Advice in that language, or None.
    remedy = resource.Body('remedy')
    #: Whether users can remove the cause themselves.
    user_fixable = resource.Body('user_fixable', type=bool)
    #: Whether the same request may succeed later.
    retryable = resource.Body('retryable', type=bool)
    #: Where more is said, or None.
    link = resource.Body('link')
