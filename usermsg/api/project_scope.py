# SPDX-License-Identifier: Apache-2.0
"""The project that may stand in a path.

In many clouds it is a part of the endpoint, so it says nothing if it is the
token's own. Another one is not there, but for those who may read it.
"""

from usermsg.api import errors
from usermsg import validation


def other(request, context):
    """The project in the path, if it isn't the token's; else None."""
    project_id = request.path_value('project_id')
    return None if project_id == context.project_id else project_id


def stay(request, context):
    """:raises usermsg.api.errors.NotFound: the path names another project"""
    if other(request, context) is not None:
        raise errors.NotFound()


def may_leave(request, context, rule):
    """Whether what belongs to other projects may be shown.

    :raises usermsg.api.errors.NotFound: the path names another project, and
        it may not
    :raises usermsg.exception.InvalidInput: ... which can't be one
    """
    allowed = context.can(rule)
    if not allowed:
        stay(request, context)
    validation.optional_identifier(
        'project_id', request.path_value('project_id'), validation.PROJECT_ID)
    return allowed
