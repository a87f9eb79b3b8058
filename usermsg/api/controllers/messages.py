# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""``/v3/messages``"""

import orjson

from usermsg.api import errors
from usermsg.api import query
from usermsg.api import route
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.policies import messages as rules
from usermsg import validation

_FILTERS = frozenset({
    'resource_type', 'resource_uuid', 'event_id', 'request_id',
    'message_level', 'created_since', 'created_before'})
_QUERY = _FILTERS | {'limit', 'marker', 'sort', 'all_projects', 'project_id'}


class Messages:
    def __init__(self, runtime):
        self._api = message_api.API(runtime)
        self._catalogue = runtime.catalogue
        self._max_limit = runtime.conf.api.max_limit

    @route.handle('GET', '/v3/messages', '/v3/{project_id}/messages',
                  rule=rules.GET_ALL)
    def list(self, request, response):
        context = request.identity
        context.authorize(rules.GET_ALL)
        values = query.read(request, _QUERY)
        limit = query.limit(values, self._max_limit)
        filters = {name: values[name] for name in _FILTERS & values.keys()}
        if 'message_level' in filters:
            validation.level('message_level', filters['message_level'])
        all_projects, project_id = _projects(request, context, values)
        if project_id is not None:
            filters['project_id'] = project_id

        page = self._api.get_all(
            context, filters, marker=values.get('marker'),
            # One more than is shown tells whether there is a next page.
            limit=limit + 1,
            sort=values.get('sort', message_api.NEWEST_FIRST),
            all_projects=all_projects)

        shown = page.objects[:limit]
        content = {'messages': self._views(request, shown)}
        if len(page.objects) > limit:
            content['messages_links'] = [
                query.next_page(request, values, shown[-1].id)]
        return _answer(request, response, content)

    @route.handle('GET', '/v3/messages/{message_id}',
                  '/v3/{project_id}/messages/{message_id}', rule=rules.GET)
    def show(self, request, response):
        context = request.identity
        context.authorize(rules.GET)
        query.read(request, ())
        all_projects = _may_leave_project(
            request, context, rules.READ_ALL_PROJECTS)

        message = self._api.get(context, request.path_value('message_id'),
                                all_projects=all_projects)

        in_path = request.path_value('project_id')
        if in_path not in (None, message.project_id):
            raise errors.NotFound()
        return _answer(request, response,
                       {'message': self._views(request, [message])[0]})

    @route.handle('DELETE', '/v3/messages/{message_id}',
                  '/v3/{project_id}/messages/{message_id}',
                  rule=rules.DELETE)
    def delete(self, request, response):
        context = request.identity
        context.authorize(rules.DELETE)
        query.read(request, ())
        in_path = request.path_value('project_id')
        if in_path not in (None, context.project_id):
            raise errors.NotFound()

        self._api.delete(
            context, request.path_value('message_id'),
            all_projects=(in_path is None and
                          context.can(rules.DELETE_ALL_PROJECTS)))

        response.status = 204
        return response

    def _views(self, request, messages):
        describe = self._catalogue.describe
        language = request.language
        address = f'{request.endpoint}/v3/messages/'
        return [{
            'id': message.id,
            'event_id': message.event_id,
            'user_message': describe(message.event_id, language).user_message,
            'message_level': message.message_level,
            'resource_type': message.resource_type,
            'resource_uuid': message.resource_uuid,
            'created_at': message.created_at,
            'guaranteed_until': message.expires_at,
            'request_id': message.request_id,
            'links': [{'rel': 'self', 'href': address + message.id}],
        } for message in messages]


def _may_leave_project(request, context, rule):
    """Whether messages of other projects may be shown.

    :raises usermsg.api.errors.NotFound: the path names another project, and
        they may not
    """
    allowed = context.can(rule)
    if (request.path_value('project_id') not in (None, context.project_id) and
            not allowed):
        raise errors.NotFound()
    return allowed


def _projects(request, context, values):
    """Whose messages a list is to show.

    :returns: whether to leave the caller's project, and a single project to
        show instead
    :raises usermsg.exception.Forbidden: the query asks for more than the
        caller may see
    """
    in_path = request.path_value('project_id')
    asked = values.get('project_id')
    everything = query.boolean(values, 'all_projects')
    for value in (in_path, asked):
        validation.optional_identifier('project_id', value,
                                       validation.PROJECT_ID)
    # The caller's own project in the path says nothing: in many clouds it is
    # a part of the endpoint.
    if in_path not in (None, context.project_id):
        _may_leave_project(request, context, rules.READ_ALL_PROJECTS)
        if everything or asked not in (None, in_path):
            raise exception.InvalidInput(
                'all_projects' if everything else 'project_id',
                'does not go with another project in the path.')
        return True, in_path
    if everything or asked not in (None, context.project_id):
        context.authorize(rules.READ_ALL_PROJECTS)
        return True, asked
    return False, None


def _answer(request, response, content):
    response.content_type = 'application/json'
    response.charset = None
    response.headers['Content-Language'] = request.language
    response.headers['Vary'] = 'Accept-Language'
    response.body = orjson.dumps(content)
    return response
