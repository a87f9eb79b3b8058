# SPDX-License-Identifier: Apache-2.0
"""``/v3/messages``"""

import datetime

from usermsg.api import body
from usermsg.api import errors
from usermsg.api import project_scope
from usermsg.api import query
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.policies import messages as rules
from usermsg import validation

_MICROSECOND = datetime.timedelta(microseconds=1)


class Messages:
    def __init__(self, runtime):
        self._api = message_api.API(runtime)
        self._catalogue = runtime.catalogue
        self._max_limit = runtime.conf.api.max_limit
        self._max_body = runtime.conf.api.max_request_body_size

    @route.handle('GET', *rules.COLLECTION, rule=rules.GET_ALL,
                  query=schemas.LIST_QUERY, answers={200: schemas.MESSAGES})
    def list(self, request, response):
        """List messages.

        Newest first, those of the token's project if nothing else is said.
        """
        context, values = request.identity, request.query
        limit = query.limit(values, self._max_limit)
        filters = {name: values[name]
                   for name in schemas.FILTERS.keys() & values.keys()}
        all_projects, project_id = _projects(request)
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
                query.next_page(request.address, values, shown[-1].id)]
        return responses.localized_json(request, response, content)

    @route.handle('POST', *rules.COLLECTION, rule=rules.CREATE, query={},
                  body=schemas.CREATE,
                  answers={201: schemas.CREATED, 200: schemas.CREATED,
                           409: schemas.REFUSED})
    def create(self, request, response):
        """Record messages: one, or a batch.

        Invalid input refuses the whole batch. Otherwise each message has a
        status of its own: 201 if it is new; 200 if it was recorded before
        under its source_id; with an ``error``, 409 if that was with other
        content, and 410 if it has been deleted since. The response is 201
        if any is new, else 200 if any was recorded before, else 409.
        """
        project_scope.stay(request)
        new_messages = self._new_messages(request, body.read(request, self._max_body))

        results = dict(zip(new_messages, self._api.record(list(new_messages.values()))))

        if 'message' in results:
            content = self._recorded(request, response, results['message'])
        else:
            content = self._batch(request, response, results)
        return responses.localized_json(request, response, content)

    def _new_messages(self, request, content):
        """New messages: what errors call each -> a new_message."""
        schemas.new_messages().check(content)
        entries = content if 'message' in content else {
            f'messages[{number}]': entry
            for number, entry in enumerate(content['messages'])}
        now = datetime.datetime.now(datetime.timezone.utc)
        new_messages = {}
        for number, (place, entry) in enumerate(entries.items()):
            if entry.get('request_id') is None:
                entry['request_id'] = request.global_request_id
            # Each its own time, so that they are listed in their order.
            new_messages[place] = self._api.new_message(
                entry, created_at=now + number * _MICROSECOND, place=place)
        return new_messages

    def _recorded(self, request, response, result):
        if result.error is not None:
            raise result.error.at('message')
        [view] = self._views(request, [result.message])
        if result.new:
            response.status = 201
            response.headers['Location'] = view['links'][0]['href']
        return {'message': view}

    def _batch(self, request, response, results):
        request_id = request.environ['openstack.request_id']
        stored = [result for result in results.values()
                  if result.error is None]
        views = iter(self._views(
            request, [result.message for result in stored]))
        shown, refused = [], []
        for place, result in results.items():
            if result.error is None:
                shown.append({**next(views),
                              'status': 201 if result.new else 200})
            else:
                error = errors.entry(result.error.at(place), request_id)
                refused.append(error)
                shown.append({'status': error['status'], 'error': error})
        if any(result.new for result in stored):
            response.status = 201
        elif not stored:
            response.status = 409
            return {'messages': shown, **errors.content(refused)}
        return {'messages': shown}

    @route.handle('GET', *rules.ELEMENT, rule=rules.GET, query={},
                  answers={200: schemas.MESSAGE})
    def show(self, request, response):
        """Show a message."""
        context = request.identity

        message = self._api.get(
            context, request.path_value('message_id'),
            all_projects=context.can(rules.READ_ALL_PROJECTS),
            project_id=project_scope.other(request))

        return responses.localized_json(request, response, {
            'message': self._views(request, [message])[0]})

    @route.handle('DELETE', *rules.ELEMENT, rule=rules.DELETE, query={},
                  answers={204: None})
    def delete(self, request, response):
        """Delete a message for good."""
        context = request.identity
        other = project_scope.other(request)

        self._api.delete(
            context, request.path_value('message_id'),
            # Another project's message is deleted without its project in the
            # path: that the path says so is no right to it.
            all_projects=(other is None and
                          context.can(rules.DELETE_ALL_PROJECTS)),
            project_id=other)

        response.status = 204
        return response

    def _views(self, request, messages):
        describe = self._catalogue.describe
        language = request.language
        address = f'{request.endpoint}/v3/messages/'
        views = []
        for message in messages:
            row = message.row
            views.append({
                'id': row.id,
                'event_id': row.event_id,
                'user_message': describe(row.event_id, language).user_message,
                'message_level': row.message_level,
                'resource_type': row.resource_type,
                'resource_uuid': row.resource_uuid,
                'created_at': row.created_at,
                'guaranteed_until': row.expires_at,
                'request_id': row.request_id,
                'links': [{'rel': 'self', 'href': address + row.id}],
            })
        return views


def _projects(request):
    """Whose messages a list is to show.

    :returns: whether to leave the caller's project, and a single project to
        show instead
    :raises usermsg.exception.Forbidden: the query asks for more than the
        caller may see
    """
    context, values = request.identity, request.query
    other = project_scope.other(request)
    asked = values.get('project_id')
    everything = query.boolean(values, 'all_projects')
    for value in (other, asked):
        validation.optional_identifier('project_id', value,
                                       validation.PROJECT_ID)
    if other is not None:
        project_scope.check_other(request)
        if everything or asked not in (None, other):
            raise exception.InvalidInput(
                'all_projects' if everything else 'project_id',
                'does not go with another project in the path.')
        return True, other
    if everything or asked not in (None, context.project_id):
        context.authorize(rules.READ_ALL_PROJECTS)
        return True, asked
    return False, None
