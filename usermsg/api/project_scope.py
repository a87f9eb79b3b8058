# SPDX-License-Identifier: Apache-2.0
"""Checks of the project id in a path.

In many clouds the project id is a part of the endpoint, so the token's own
project in a path has no meaning. With another project the path doesn't exist,
except for clients that may read all projects.
"""

from usermsg.api import errors
from usermsg.policies import messages as rules
from usermsg import validation


def other_project_id(request):
    """Return the project id in the path, or None if it is the token's."""
    project_id = request.path_value('project_id')
    return None if project_id == request.identity.project_id else project_id


def refuse_other(request):
    """:raises usermsg.api.errors.NotFound: the path names another project"""
    if other_project_id(request) is not None:
        raise errors.NotFound()


def check_other(request):
    """Check that the client may read another project named in the path.

    :raises usermsg.api.errors.NotFound: the policy doesn't permit it
    :raises usermsg.exception.InvalidInput: it isn't a valid project id
    """
    if not request.identity.can(rules.READ_ALL_PROJECTS):
        refuse_other(request)
    validation.optional_identifier(
        'project_id', request.path_value('project_id'), validation.PROJECT_ID)
