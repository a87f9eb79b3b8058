# SPDX-License-Identifier: Apache-2.0
"""Base class of the facades: messages of one namespace, for existing clients.

A facade is a view of what :class:`usermsg.message.api.API` returns: it defines
the supported versions, the permitted queries and the representation of a
message.
"""

import dataclasses
import functools
import types
import urllib.parse

from usermsg.api import errors
from usermsg.api.facades import listing
from usermsg.api import microversion
from usermsg.api import query
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.db import models
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.message import schemas
from usermsg.policies import messages as rules

_COLLECTION = ('/<segment>/<major>/messages',
               '/<segment>/<major>/{project_id}/messages')
_ELEMENT = tuple(f'{path}/{{message_id}}' for path in _COLLECTION)


# Columns of a row that isn't unpacked.
_ID = models.MessageRow._fields.index('id')
_EVENT_ID = models.MessageRow._fields.index('event_id')

#: Filters that no message matches.
NO_MESSAGE = types.MappingProxyType({'id': '-'})


@dataclasses.dataclass
class ListQuery:
    """Parsed query of a list request.

    :param filters: see :meth:`usermsg.message.api.API.get_all`; None if a
        filter isn't an attribute of a message
    :param sort: see :func:`usermsg.api.facades.listing.prepare`
    :param linked: True if the response may have a next link
    """

    filters: dict | None
    sort: list
    limit: int
    offset: int = 0
    marker: str | None = None
    all_projects: bool = False
    linked: bool = True


class Messages:
    """Controller of a facade.

    Beside the class attributes below, a subclass has
    ``parse_query(request, values)``, which makes a :class:`ListQuery` of the
    query string, and ``view(row, description, links)``, which represents a
    row of a :class:`usermsg.objects.message.MessageList` and its
    :class:`usermsg.catalogue.catalogue.Description` as the service does.

    :param runtime: a :class:`usermsg.service.Runtime`
    :param limiter: a :class:`usermsg.api.expensive_requests.Limiter`
    :cvar prefix: namespace prefix of the events that the service records
    :cvar segment: first segment of the path
    :cvar major: second segment of the path, the major version
    :cvar dialect: a :class:`usermsg.api.facades.dialect.Dialect`
    :cvar updated: time of the last change of the API version
    :cvar described_by: URL of a page about the API
    :cvar media_type: media type of the responses in the version document
    :cvar first: first microversion that has messages
    :cvar columns: frozenset of the names of the columns that ``view`` reads,
        and of ``id`` and ``event_id``
    """

    #: Policy rule that is checked before the message is looked up: without
    #: it the response doesn't even disclose if the message exists.
    before_delete = rules.DELETE
    #: Characters that a link contains unquoted.
    plain_in_links = ''

    def __init__(self, runtime, limiter):
        self._limiter = limiter
        self._api = message_api.API(runtime)
        self._catalogue = runtime.catalogue
        self._max_limit = runtime.conf.api.max_limit
        self._options = runtime.conf[f'{self.segment}_facade']

    @route.handle('GET', '/<segment>', '/<segment>/<major>')
    def versions(self, request, response):
        """List the versions, or show the only one, as the service does."""
        if request.route.path == f'/{self.segment}':
            response.status = 300
        return responses.json(response, {'versions': [{
            'id': f'v{microversion.text(self.dialect.minimum)}',
            'status': 'CURRENT',
            'version': microversion.text(self.dialect.maximum),
            'min_version': microversion.text(self.dialect.minimum),
            'updated': self.updated,
            'links': [
                {'rel': 'describedby', 'type': 'text/html',
                 'href': self.described_by},
                {'rel': 'self',
                 'href': f'{self._root_url(request)}/{self.major}/'}],
            'media-types': [{'base': 'application/json',
                             'type': self.media_type}],
        }]})

    @route.handle('GET', *_COLLECTION, rule=rules.GET_ALL)
    def list(self, request, response):
        """List the messages, as the service does."""
        context = self._authorize(request, rules.GET_ALL)
        values = query.read_any(request)
        parsed = self.parse_query(request, values)
        rows = ([] if parsed.filters is None else
                self._get_page(request, context, parsed))
        content = {'messages': self._build_views(request, rows)}
        if rows and parsed.linked and len(rows) >= parsed.limit:
            content['messages_links'] = [query.build_next_link(
                self._collection_urls(request)[0], values, rows[-1][_ID],
                self.plain_in_links)]
        return self._render(request, response, content)

    def _get_page(self, request, context, parsed):
        """Return rows of a :class:`usermsg.objects.message.MessageList`."""
        marker = (None if parsed.marker is None else
                  self._get(context, parsed.marker))
        page = listing.prepare(
            self._api, context, {**parsed.filters, 'prefix': self.prefix},
            sort=parsed.sort, marker=marker, offset=parsed.offset,
            limit=parsed.limit, all_projects=parsed.all_projects,
            columns=self.columns)
        if page is None:
            return []
        with self._limiter.admit(
                context.project_id, page.find_cause(),
                request.environ['wsgi.multithread']):
            return page.read().rows

    def _get(self, context, message_id, all_projects=rules.READ_ALL_PROJECTS):
        """:param all_projects: policy rule for messages of other projects"""
        return self._api.get(context, message_id, prefix=self.prefix,
                             all_projects=context.can(all_projects))

    @route.handle('GET', *_ELEMENT, rule=rules.GET)
    def show(self, request, response):
        """Show a message, as the service does."""
        context = self._authorize(request, rules.GET)
        message = self._get(context, request.path_value('message_id'))
        return self._render(
            request, response,
            {'message': self._build_views(request, [message.row])[0]})

    @route.handle('DELETE', *_ELEMENT, rule=rules.DELETE)
    def delete(self, request, response):
        """Delete a message."""
        context = self._authorize(request, self.before_delete)
        message = self._get(context, request.path_value('message_id'),
                            rules.DELETE_ALL_PROJECTS)
        context.authorize(rules.DELETE)
        self._api.delete(
            context, message.id, prefix=self.prefix,
            all_projects=context.can(rules.DELETE_ALL_PROJECTS))
        response.status = 204
        return response

    def _authorize(self, request, rule):
        """Check a request's path, version and policy rule.

        :returns: the client's :class:`usermsg.context.RequestContext`
        :raises usermsg.exception.InvalidInput: the path contains another
            project than the token
        :raises usermsg.api.errors.NotFound: the version has no messages yet
        :raises usermsg.exception.Forbidden: the rule doesn't allow it
        """
        context = request.identity
        if request.path_value('project_id') not in (None, context.project_id):
            raise exception.InvalidInput(
                'project_id', 'the project in the path is not the project of '
                'the token.')
        if request.version < self.first:
            raise errors.NotFound()
        context.authorize(rule)
        return context

    def _build_views(self, request, rows):
        describe = self._catalogue.describe
        language = request.language
        url, bookmark = self._collection_urls(request)
        return [self.view(
            row, describe(row[_EVENT_ID], language),
            [{'rel': 'self', 'href': f'{url}/{row[_ID]}'},
             {'rel': 'bookmark', 'href': f'{bookmark}/{row[_ID]}'}])
            for row in rows]

    def _collection_urls(self, request):
        """Return the collection's URLs with and without the version."""
        root = self._root_url(request)
        project_id = request.path_value('project_id')
        collection = '/messages' if project_id is None else (
            f'/{urllib.parse.quote(project_id)}/messages')
        return f'{root}/{self.major}{collection}', f'{root}{collection}'

    def _root_url(self, request):
        """Return the URL of the facade, without a version."""
        if self._options.public_endpoint:
            return self._options.public_endpoint.rstrip('/')
        return f'{request.endpoint}/{self.segment}'

    @staticmethod
    def _render(request, response, content):
        respond = (
            functools.partial(responses.localized_json, request)
            if 'HTTP_ACCEPT_LANGUAGE' in request.environ else responses.json)
        return respond(response, content, has_offsets=False)


def format_time(value):
    """Format a time of a row as those services do: without an offset.

    The encoder does that in a fraction of the time, but without a fraction
    of a second that is zero.
    """
    return value if value.microsecond else value.isoformat(
        'T', 'microseconds')


def is_true(values, name):
    """Return True if a query key has a true value, in any letter case."""
    return query.boolean({name: values.get(name, '0').lower()}, name)


def build_filters(values, columns):
    """Translate query parameters into filters of the API.

    :param values: query key -> value
    :param columns: query key -> name of the filter
    :returns: filters, :data:`NO_MESSAGE` if a value is invalid; None if a key
        is unknown
    """
    if not values.keys() <= columns.keys():
        return None
    try:
        return schemas.filters().check({
            columns[name]: value for name, value in values.items()})
    except exception.InvalidInput:
        return NO_MESSAGE
