# SPDX-License-Identifier: Apache-2.0
"""Visibility of the panels in the navigation."""

from usermsg_dashboard import client


def has_service(context):
    """Return True if the user's region has a user messages service.

    Otherwise the panels have no entry in the navigation. They declare no
    permission, because their pages would then be "You are not authorized"
    after a switch to a region without the service.
    """
    return context['request'].user.has_perm(
        f'openstack.services.{client.SERVICE_TYPE}')
