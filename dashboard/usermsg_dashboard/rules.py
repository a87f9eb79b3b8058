# SPDX-License-Identifier: Apache-2.0
"""Checks of the service's policy rules."""

from openstack_dashboard import policy

_SCOPE = 'user-message'

READ = ((_SCOPE, 'message:get_all'),)
READ_UNREAD_ERRORS = (*READ, (_SCOPE, 'message:get_summary'))
# Of a panel's rules one is enough for Horizon.
READ_ALL_PROJECTS = ((_SCOPE, 'message:read_all_projects'),)
READ_DEFINITIONS = ((_SCOPE, 'defined_message:get_all'),)
MARK_READ = ((_SCOPE, 'message:update_read_mark'),)
_DELETE = ((_SCOPE, 'message:delete'),)
_DELETE_ALL_PROJECTS = (*_DELETE, (_SCOPE, 'message:delete_all_projects'))


def permit_deletion(request, all_projects):
    """Return True if the user may delete messages.

    :param all_projects: True for those of all projects, otherwise of the
        user's current one
    """
    return policy.check(
        _DELETE_ALL_PROJECTS if all_projects else _DELETE, request)


def permit_read_mark(request):
    return policy.check(MARK_READ, request)
