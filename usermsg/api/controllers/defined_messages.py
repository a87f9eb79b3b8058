# SPDX-License-Identifier: Apache-2.0
"""``/v3/defined-messages``: the catalogue of permitted messages.

A defined message is the representation of a permitted message in the API.
"""

import bisect
import itertools

from usermsg.api import project_scope
from usermsg.api import query
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas
from usermsg.policies import defined_messages as rules
from usermsg import validation


class DefinedMessages:
    def __init__(self, runtime):
        self._catalogue = runtime.catalogue
        self._max_limit = runtime.conf.api.max_limit

    @route.handle('GET', *rules.COLLECTION, rule=rules.GET_ALL,
                  query=schemas.DEFINITIONS_QUERY,
                  responses={200: schemas.DEFINITIONS, 304: None})
    def list(self, request, response):
        """List the permitted messages, ordered by id.

        Each permitted pair of an action and a detail is one message.
        """
        project_scope.check_other(request)
        values = request.query
        limit = query.limit(values, self._max_limit)
        filters = _build_filters(values)
        marker = values.get('marker')

        events = self._catalogue.resolved_events
        event_ids = list(events)
        if marker is not None:
            marker = self._catalogue.expand_event_id(validation.identifier(
                'marker', marker, validation.EVENT_ID))
            del event_ids[:bisect.bisect_right(event_ids, marker)]
        view = self._make_view(request)
        views = (view(events[event_id]) for event_id in event_ids)
        # One more than the page shows that there is a next page.
        matching = list(itertools.islice(
            (entry for entry in views if filters.items() <= entry.items()),
            limit + 1))
        page = matching[:limit]
        content = {'defined_messages': page}
        if len(matching) > limit:
            content['defined_messages_links'] = [
                query.build_next_link(
                    request.address, values, page[-1]['id'])]
        responses.set_language(request, response)
        return responses.cacheable_json(request, response, content)

    @route.handle('GET', *rules.ELEMENT, rule=rules.GET, query={},
                  responses={200: schemas.DEFINITION, 304: None})
    def show(self, request, response):
        """Show a permitted message."""
        project_scope.check_other(request)
        event = self._catalogue.find(request.path_value('event_id'))
        responses.set_language(request, response)
        return responses.cacheable_json(request, response, {
            'defined_message': self._make_view(request)(event)})

    def _make_view(self, request):
        """Return a function that builds the view of an event.

        It binds the values of the request once, because a list may need
        thousands of views.
        """
        describe = self._catalogue.describe
        language = request.language
        address = f'{request.endpoint}/v3/defined-messages/'

        def view(event):
            description = describe(event.event_id, language)
            return {
                'id': event.event_id,
                'prefix': event.prefix,
                'resource_type': event.resource_type,
                'action_id': event.action_id,
                'detail_id': event.detail_id,
                'text': description.user_message,
                'remedy': description.remedy,
                'user_fixable': description.user_fixable,
                'retryable': description.retryable,
                'link': description.link,
                'links': [{'rel': 'self',
                           'href': f'{address}{event.event_id}'}],
            }
        return view


def _build_filters(values):
    """Return a dict: attribute of a view -> value that it must have."""
    filters = {}
    for name, length in (('prefix', 32), ('resource_type', 64)):
        if name in values:
            filters[name] = query.names(name, validation.identifier(
                name, values[name], length))
    for name in ('user_fixable', 'retryable'):
        if name in values:
            filters[name] = query.boolean(values, name)
    return filters
