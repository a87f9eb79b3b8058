# SPDX-License-Identifier: Apache-2.0
"""The project that may stand in a path.

In many clouds it is a part of the endpoint, so it says nothing if it is the
token's own. Another one is not there, but for those who may read it.
"""

from usermsg.api import errors
from usermsg.policies import messages as rules
from usermsg import validation


def other(request):
    """The project in the path, if it isn't the token's; else None."""
    project_id = request.path_value('project_id')
    return None if project_id == request.identity.project_id else project_id


def stay(request):
    """:raises usermsg.api.errors.NotFound: the path names another project"""
    if other(request) is not None:
        raise errors.NotFound()


def check_other(request):
    """Refuse another project in the path to who may not read it.

    :raises usermsg.api.errors.NotFound: the path names another project, and
        it may not
    :raises usermsg.exception.InvalidInput: ... which can't be one
    """
    if not request.identity.can(rules.READ_ALL_PROJECTS):
        stay(request)
    validation.optional_identifier(
        'project_id', request.path_value('project_id'), validation.PROJECT_ID)
