# SPDX-License-Identifier: Apache-2.0
"""Client of the service, on a plain adapter of keystoneauth.

openstacksdk is not used: Horizon counts all its HTTP errors as missing
authorization, so that a page about a deleted message, or of a service that is
unavailable, would be the page "You are not authorized". The errors here are
keystoneauth's, :class:`InvalidResponse`, and Horizon's
``ServiceCatalogException`` if the region has no endpoint; :data:`ERRORS` are
all of them. A token that is no longer valid is not among them: it raises
Horizon's ``NotAuthenticated``, and the user gets the login page.
"""

import dataclasses
import datetime
import re
import time
import urllib.parse

from django.conf import settings
from django.utils import translation
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
from openstack_dashboard.api import base

SERVICE_TYPE = 'user-message'

#: Seconds for all requests of one client. A page says within ten seconds that
#: the service is unavailable.
TIMEOUT = 8.0
_CONNECT_TIMEOUT = 2.0

_VERSION = re.compile(r'/v3(/|$)')


class InvalidResponse(exceptions.ClientException):
    message = 'The response is not one of the user-messages API.'


ERRORS = (exceptions.ClientException,
          horizon_exceptions.ServiceCatalogException)


@dataclasses.dataclass(frozen=True)
class Message:
    """Message of a project. ``unread`` is None if it is unknown."""

    id: str
    project_id: str
    event_id: str
    text: str
    remedy: str
    user_fixable: bool
    retryable: bool
    link: str
    level: str
    resource_type: str
    resource_id: str
    created_at: datetime.datetime
    kept_until: datetime.datetime
    request_id: str
    unread: bool = None

    @classmethod
    def parse(cls, view):
        return cls(
            id=view['id'], project_id=view['project_id'],
            event_id=view['event_id'], text=view['user_message'],
            remedy=view['remedy'], user_fixable=view['user_fixable'],
            retryable=view['retryable'], link=_parse_link(view['link']),
            level=view['message_level'], resource_type=view['resource_type'],
            resource_id=view['resource_uuid'],
            created_at=datetime.datetime.fromisoformat(view['created_at']),
            kept_until=datetime.datetime.fromisoformat(
                view['guaranteed_until']),
            request_id=view['request_id'], unread=view.get('unread'))


@dataclasses.dataclass(frozen=True)
class Page:
    """Messages in the order of the request, and True if there are more."""

    messages: list
    has_more: bool


@dataclasses.dataclass(frozen=True)
class Count:
    """Numbers of messages of a level; at least these if there are more."""

    total: int
    more: bool
    unread: int = None
    more_unread: bool = None


@dataclasses.dataclass(frozen=True)
class Summary:
    """Numbers of messages: a dict of level -> :class:`Count`."""

    newest_id: str
    levels: dict


@dataclasses.dataclass(frozen=True)
class Definition:
    """Permitted message of the catalogue."""

    id: str
    prefix: str
    resource_type: str
    text: str
    remedy: str
    user_fixable: bool
    retryable: bool
    link: str

    @classmethod
    def parse(cls, view):
        return cls(
            id=view['id'], prefix=view['prefix'],
            resource_type=view['resource_type'], text=view['text'],
            remedy=view['remedy'], user_fixable=view['user_fixable'],
            retryable=view['retryable'], link=_parse_link(view['link']))


def _parse_link(link):
    """Return a link that is safe in a page, else None."""
    return link if link and link.startswith(('https://', 'http://')) else None


class MessageClient:
    """Client with the token, the region and the language of a request.

    :param request: a Django request
    :param timeout: seconds for all requests of this client together
    """

    def __init__(self, request, timeout=TIMEOUT):
        self._request = request
        self._deadline = time.monotonic() + timeout

    def list(self, **query):
        """Return a :class:`Page` of messages.

        :param query: parameters of the API; those that are None are left out
        """
        content = self._get('/messages', query)
        return _parse(lambda: Page(
            [Message.parse(view) for view in content['messages']],
            bool(content.get('messages_links'))))

    def show(self, message_id):
        content = self._get(f'/messages/{_quote(message_id)}')
        return _parse(lambda: Message.parse(content['message']))

    def delete(self, message_id):
        self._send('DELETE', f'/messages/{_quote(message_id)}')

    def summary(self, **filters):
        """Return a :class:`Summary` of the messages that match filters."""
        content = self._get('/messages/summary', filters)
        return _parse(lambda: Summary(
            content['summary']['newest_id'], {
                level: Count(count['total'], count['more'],
                             count.get('unread'), count.get('more_unread'))
                for level, count in content['summary']['levels'].items()}))

    def mark_read(self, message_id):
        """Move the read mark forward, and return the resulting position.

        It is before the message if that is younger than some seconds.
        """
        response = self._send('PUT', '/messages/read-mark',
                              json={'message': message_id})
        return _parse(lambda: response.json()['message'])

    def definitions(self, **query):
        """Return all permitted messages, from as many pages as there are."""
        definitions = []
        marker = None
        while True:
            content = self._get('/defined-messages',
                                {**query, 'marker': marker})
            page = _parse(lambda: [  # noqa: B023
                Definition.parse(view)
                for view in content['defined_messages']])
            definitions += page
            if not (page and content.get('defined_messages_links')):
                return definitions
            marker = page[-1].id

    def _get(self, path, query=None):
        response = self._send('GET', path, params={
            name: value for name, value in (query or {}).items()
            if value is not None})
        return _parse(response.json)

    def _send(self, method, path, **more):
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise exceptions.RequestTimeout()
        connect_timeout = min(_CONNECT_TIMEOUT, remaining / 2)
        try:
            return self._make_adapter().request(
                path, method, redirect=False, timeout=(
                    connect_timeout, remaining - connect_timeout), **more)
        except exceptions.Unauthorized as error:
            raise horizon_exceptions.NotAuthenticated() from error

    def _make_adapter(self):
        request = self._request
        url = base.url_for(request, SERVICE_TYPE).rstrip('/')
        if not _VERSION.search(urllib.parse.urlsplit(url).path):
            url += '/v3'
        verify = not settings.OPENSTACK_SSL_NO_VERIFY and (
            settings.OPENSTACK_SSL_CACERT or True)
        return adapter.Adapter(
            session.Session(
                token_endpoint.Token(url, request.user.token.id),
                verify=verify),
            endpoint_override=url,
            additional_headers={
                'Accept': 'application/json',
                'Accept-Language': translation.get_language() or 'en'})


def _quote(value):
    return urllib.parse.quote(value, safe='')


def _parse(function):
    """Call a function that parses a response.

    :raises InvalidResponse: it can't be parsed
    """
    try:
        return function()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidResponse() from error
