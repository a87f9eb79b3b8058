# SPDX-License-Identifier: Apache-2.0
"""What the facades have in common: messages of one namespace.

A facade is a view of what :class:`usermsg.message.api.API` gives: it says
which versions there are, what a query may have, and what a message looks
like.
"""

import dataclasses
import urllib.parse

from usermsg.api import errors
from usermsg.api.facades import dialect
from usermsg.api.facades import listing
from usermsg.api import microversion
from usermsg.api import query
from usermsg.api import response as responses
from usermsg.api import route
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.message import schemas
from usermsg.policies import messages as rules

_COLLECTION = ('/<segment>/<major>/messages',
               '/<segment>/<major>/{project_id}/messages')
_ELEMENT = tuple(f'{path}/{{message_id}}' for path in _COLLECTION)


@dataclasses.dataclass
class Wanted:
    """What a list is asked for.

    :param filters: see the API's get_all; None if nothing can match
    :param sort: see :func:`usermsg.api.facades.listing.page`
    """

    filters: dict | None
    sort: list
    limit: int
    offset: int = 0
    marker: str | None = None
    all_projects: bool = False
    linked: bool = True


class Messages:
    """A facade.

    A subclass has, beside what follows, ``wanted(request, values)``, which
    makes a :class:`Wanted` of a query, and ``view(row, words, links)``, which
    shows a :class:`usermsg.db.models.MessageRow` and its
    :class:`usermsg.catalogue.catalogue.Description` as the service does.

    :param runtime: a :class:`usermsg.service.Runtime`
    :cvar prefix: of the events that the service records
    :cvar segment: the first of the path
    :cvar major: the version in the path, behind it
    :cvar dialect: a :class:`usermsg.api.facades.dialect.Dialect`
    :cvar updated: since when the version is as it is
    :cvar described_by: address of a page about it
    :cvar media_type: of its responses
    :cvar first: the first version that has messages
    """

    #: Who may not do this isn't even told whether there is something to
    #: delete.
    before_delete = rules.DELETE
    #: What stands in a link as it is.
    plain_in_links = ''

    def __init__(self, runtime):
        self._api = message_api.API(runtime)
        self._catalogue = runtime.catalogue
        self._max_limit = runtime.conf.api.max_limit
        self._options = runtime.conf[f'{self.segment}_facade']

    @route.handle('GET', '/<segment>', '/<segment>/<major>')
    def versions(self, request, response):
        """List the versions, or show the one, as the service does."""
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
                 'href': f'{self._root(request)}/{self.major}/'}],
            'media-types': [{'base': 'application/json',
                             'type': self.media_type}],
        }]}, dialect.dumps)

    @route.handle('GET', *_COLLECTION, rule=rules.GET_ALL)
    def list(self, request, response):
        """List the messages, as the service does."""
        context = self._enter(request, rules.GET_ALL)
        values = query.read_any(request)
        wanted = self.wanted(request, values)
        shown = [] if wanted.filters is None else listing.page(
            self._api, context, {**wanted.filters, 'prefix': self.prefix},
            sort=wanted.sort, offset=wanted.offset, limit=wanted.limit,
            marker=(None if wanted.marker is None else
                    self._get(context, wanted.marker)),
            all_projects=wanted.all_projects)
        content = {'messages': self._views(request, shown)}
        if shown and wanted.linked and len(shown) >= wanted.limit:
            content['messages_links'] = [query.next_page(
                self._addresses(request)[0], values, shown[-1].id,
                self.plain_in_links)]
        return self._written(request, response, content)

    def _get(self, context, message_id, all_projects=rules.READ_ALL_PROJECTS):
        """:param all_projects: the rule for messages of other projects"""
        return self._api.get(context, message_id, prefix=self.prefix,
                             all_projects=context.can(all_projects))

    @route.handle('GET', *_ELEMENT, rule=rules.GET)
    def show(self, request, response):
        """Show a message, as the service does."""
        context = self._enter(request, rules.GET)
        message = self._get(context, request.path_value('message_id'))
        return self._written(
            request, response,
            {'message': self._views(request, [message])[0]})

    @route.handle('DELETE', *_ELEMENT, rule=rules.DELETE)
    def delete(self, request, response):
        """Delete a message."""
        context = self._enter(request, self.before_delete)
        message = self._get(context, request.path_value('message_id'),
                            rules.DELETE_ALL_PROJECTS)
        context.authorize(rules.DELETE)
        self._api.delete(
            context, message.id, prefix=self.prefix,
            all_projects=context.can(rules.DELETE_ALL_PROJECTS))
        response.status = 204
        return response

    def _enter(self, request, rule):
        """Who asks, if the address is one for them and for the version.

        :raises usermsg.exception.InvalidInput: it is of another project
        :raises usermsg.api.errors.NotFound: there were no messages yet
        :raises usermsg.exception.Forbidden: they may not at all
        """
        context = request.identity
        if request.path_value('project_id') not in (None, context.project_id):
            raise exception.InvalidInput(
                'project_id', 'the address is of another project than the '
                'token.')
        if request.version < self.first:
            raise errors.NotFound()
        context.authorize(rule)
        return context

    def _views(self, request, found):
        describe = self._catalogue.describe
        language = request.language
        address, bookmark = self._addresses(request)
        return [self.view(
            row, describe(row.event_id, language),
            [{'rel': 'self', 'href': f'{address}/{row.id}'},
             {'rel': 'bookmark', 'href': f'{bookmark}/{row.id}'}])
            for row in (message.row for message in found)]

    def _addresses(self, request):
        """Of the collection, with the version and without."""
        root = self._root(request)
        project_id = request.path_value('project_id')
        collection = '/messages' if project_id is None else (
            f'/{urllib.parse.quote(project_id)}/messages')
        return f'{root}/{self.major}{collection}', f'{root}{collection}'

    def _root(self, request):
        """The address of the facade, without a version."""
        if self._options.public_endpoint:
            return self._options.public_endpoint.rstrip('/')
        return f'{request.endpoint}/{self.segment}'

    @staticmethod
    def _written(request, response, content):
        if 'Accept-Language' in request.headers:
            return responses.localized_json(request, response, content,
                                      dialect.dumps)
        return responses.json(response, content, dialect.dumps)


def time(value):
    """As those services write times: UTC, but without saying so."""
    return value.strftime('%Y-%m-%dT%H:%M:%S.%f')


def flag(values, name):
    """Whether a key of a query says yes, in any case."""
    return query.boolean({name: values.get(name, '0').lower()}, name)


def matchable(values, columns):
    """Filters that a message could match.

    :param values: name in the query -> value
    :param columns: name in the query -> filter
    :returns: filters; None if no message can have such names and values
    """
    try:
        return schemas.filters().check({
            columns[name]: value for name, value in values.items()})
    except (KeyError, exception.InvalidInput):
        return None
