# SPDX-License-Identifier: Apache-2.0
"""Services of the region that a user has selected."""


def has_messages(context):
    """Return True if the region has a user messages service.

    Panels hide their navigation entry otherwise. They declare no permission,
    because their pages would then be "You are not authorized" after a switch
    to a region without the service.
    """
    return context['request'].user.has_perm('openstack.services.user-message')
