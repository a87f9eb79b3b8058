# SPDX-License-Identifier: Apache-2.0
"""Availability of the service and of the panels."""

from django import urls
from horizon import exceptions
from openstack_dashboard.api import base

from usermsg_dashboard import client


def has_service(context):
    """Return True if the user's region has a user messages service.

    Otherwise the panels have no entry in the navigation. They declare no
    permission, because their pages would then be "You are not authorized"
    after a switch to a region without the service. And a permission of Horizon
    ignores the interface of the endpoint.
    """
    try:
        base.url_for(context['request'], client.SERVICE_TYPE)
    except exceptions.ServiceCatalogException:
        return False
    return True


def has_panel(dashboard):
    """Return True if the panel Messages of a dashboard is installed.

    :param dashboard: ``project`` or ``admin``
    """
    try:
        urls.reverse(f'horizon:{dashboard}:usermsg:index')
    except urls.NoReverseMatch:
        return False
    return True
