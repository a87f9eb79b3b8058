# SPDX-License-Identifier: Apache-2.0
"""``/v3/defined-messages``: what may be said."""

import bisect
import hashlib
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
                  answers={200: schemas.DEFINITIONS, 304: None})
    def list(self, request, response):
        """List the messages that may be recorded, in the order of their ids.

        A composed message, of an action and a detail, is one for each pair.
        """
        project_scope.check_other(request)
        values = request.query
        limit = query.limit(values, self._max_limit)
        wanted = _filters(values)
        marker = values.get('marker')

        outcomes = self._catalogue.resolved_events
        event_ids = list(outcomes)
        if marker is not None:
            marker = self._catalogue.expand_event_id(validation.identifier(
                'marker', marker, validation.EVENT_ID))
            del event_ids[:bisect.bisect_right(event_ids, marker)]
        view = self._viewer(request)
        views = (view(outcomes[event_id]) for event_id in event_ids)
        # One more than is shown tells whether there is a next page.
        found = list(itertools.islice(
            (entry for entry in views if wanted.items() <= entry.items()),
            limit + 1))
        shown = found[:limit]
        content = {'defined_messages': shown}
        if len(found) > limit:
            content['defined_messages_links'] = [
                query.next_page(request.address, values, shown[-1]['id'])]
        return _tagged(request, response, content)

    @route.handle('GET', *rules.ELEMENT, rule=rules.GET, query={},
                  answers={200: schemas.DEFINITION, 304: None})
    def show(self, request, response):
        """Show a message that may be recorded."""
        project_scope.check_other(request)
        outcome = self._catalogue.find(request.path_value('event_id'))
        return _tagged(request, response, {
            'defined_message': self._viewer(request)(outcome)})

    def _viewer(self, request):
        """Makes views of outcomes; a list may go through thousands."""
        describe = self._catalogue.describe
        language = request.language
        address = f'{request.endpoint}/v3/defined-messages/'

        def view(outcome):
            words = describe(outcome.event_id, language)
            return {
                'id': outcome.event_id,
                'prefix': outcome.prefix,
                'resource_type': outcome.resource_type,
                'action_id': outcome.action_id,
                'detail_id': outcome.detail_id,
                'text': words.user_message,
                'remedy': words.remedy,
                'user_fixable': words.user_fixable,
                'retryable': words.retryable,
                'link': words.link,
                'links': [{'rel': 'self',
                           'href': f'{address}{outcome.event_id}'}],
            }
        return view


def _filters(values):
    """Attribute of a view -> the value that it must have."""
    wanted = {}
    for name, length in (('prefix', 32), ('resource_type', 64)):
        if name in values:
            wanted[name] = validation.identifier(
                name, values[name], length).upper()
    for name in ('user_fixable', 'retryable'):
        if name in values:
            wanted[name] = query.boolean(values, name)
    return wanted


def _tagged(request, response, content):
    """An answer that a client can keep, and ask whether it still holds."""
    responses.localized_json(request, response, content)
    response.etag = hashlib.sha256(response.body).hexdigest()[:32]
    response.cache_control = 'private, no-cache'
    # Not WebOb's conditional_response: that would take "*" for nothing, and
    # also serve parts, and refuse others in plain text.
    if response.etag in request.if_none_match:
        response.status = 304
        response.content_type = None
        response.app_iter = ()
    return response
