# SPDX-License-Identifier: Apache-2.0
"""Resource of a defined message: an entry of the catalogue."""

from openstack import resource

from usermsgclient.v3 import _resource


class DefinedMessage(_resource.Resource):
    resource_key = 'defined_message'
    resources_key = 'defined_messages'
    base_path = '/defined-messages'
    allow_fetch = allow_list = True

    _query_mapping = resource.QueryParameters(
        'prefix', 'resource_type', 'user_fixable', 'retryable')

    #: Namespace prefix, usually of one service: VOLUME.
    prefix = resource.Body('prefix')
    #: Type of resource the message is about; None if of any type.
    resource_type = resource.Body('resource_type')
    #: Action; None unless the message is composed of an action and a detail.
    action_id = resource.Body('action_id')
    #: Detail: the cause of the failure; likewise.
    detail_id = resource.Body('detail_id')
    #: The text, in the requested language.
    text = resource.Body('text')
    #: The remedy in that language, or None.
    remedy = resource.Body('remedy')
    #: True if users can remove the cause themselves.
    user_fixable = resource.Body('user_fixable', type=bool)
    #: True if the same request may succeed later.
    retryable = resource.Body('retryable', type=bool)
    #: URL of further information, or None.
    link = resource.Body('link')
