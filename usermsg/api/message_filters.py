# SPDX-License-Identifier: Apache-2.0
"""Filters of messages, and the projects whose messages a client may list."""

from usermsg.api import project_scope
from usermsg.api import query
from usermsg.api import schemas
from usermsg import exception
from usermsg.policies import messages as rules
from usermsg import validation


def read(request):
    """Return the filters of a request.

    :returns: a dict for :meth:`usermsg.message.api.API.get_all`, and True if
        it selects messages outside the token's project
    :raises usermsg.exception.Forbidden: the policy doesn't permit the client
        to list these projects
    """
    values = request.query
    filters = {name: query.filter_value(values, name)
               for name in schemas.FILTERS.keys() & values.keys()}
    for name in ('resource_type', 'event_id'):
        if name in filters:
            filters[name] = query.names(name, filters[name])
    all_projects, project_id = _select_projects(request)
    if project_id is not None:
        filters['project_id'] = project_id
    return filters, all_projects


def _select_projects(request):
    """Return the projects whose messages a list contains.

    :returns: True for messages outside the token's project, and the id of
        the only project to list, or None
    :raises usermsg.exception.Forbidden: the policy doesn't permit the client
        to list these projects
    """
    context, values = request.identity, request.query
    in_path = project_scope.other_project_id(request)
    in_query = values.get('project_id')
    all_projects = query.boolean(values, 'all_projects')
    for value in (in_path, in_query):
        validation.optional_identifier('project_id', value,
                                       validation.PROJECT_ID)
    if in_path is not None:
        project_scope.check_other(request)
        if all_projects or in_query not in (None, in_path):
            raise exception.InvalidInput(
                'all_projects' if all_projects else 'project_id',
                'cannot be combined with another project in the path.')
        return True, in_path
    if all_projects or in_query not in (None, context.project_id):
        context.authorize(rules.READ_ALL_PROJECTS)
        return True, in_query
    return False, None
