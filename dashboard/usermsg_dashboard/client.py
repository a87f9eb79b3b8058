# SPDX-License-Identifier: Apache-2.0
"""Client of the user messages service."""

import dataclasses
import datetime
import uuid

from django.utils import translation
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions

from usermsg_dashboard import connection

SERVICE_TYPE = 'user-message'

#: Seconds for all requests of one client. A page explains within ten seconds
#: that the service is unavailable, and some ask another service before.
TIMEOUT = 7.0


#: All errors of the client, except Horizon's ``NotAuthenticated``.
ERRORS = (exceptions.ClientException,
          horizon_exceptions.ServiceCatalogException)


@dataclasses.dataclass(frozen=True)
class Message:
    """Message of a project. ``unread`` is None if it is unknown."""

    id: str
    project_id: str
    event_id: str
    text: str
    remedy: str | None
    user_fixable: bool
    retryable: bool
    link: str | None
    level: str
    resource_type: str | None
    resource_id: str | None
    created_at: datetime.datetime
    kept_until: datetime.datetime
    request_id: str | None
    unread: bool | None

    @classmethod
    def parse(cls, view):
        return _check(cls(
            id=str(uuid.UUID(view['id'])), project_id=view['project_id'],
            event_id=view['event_id'], text=view['user_message'],
            remedy=view['remedy'], user_fixable=view['user_fixable'],
            retryable=view['retryable'], link=_parse_link(view['link']),
            level=view['message_level'], resource_type=view['resource_type'],
            resource_id=view['resource_uuid'],
            created_at=_parse_time(view['created_at']),
            kept_until=_parse_time(view['guaranteed_until']),
            request_id=view['request_id'], unread=view.get('unread')))


@dataclasses.dataclass(frozen=True)
class Page:
    """Messages in the order of the request, and True if there are more."""

    messages: list
    has_more: bool


@dataclasses.dataclass(frozen=True)
class UnreadCount:
    """Number of unread messages; at least this if there are more."""

    number: int
    more: bool


@dataclasses.dataclass(frozen=True)
class Definition:
    """Permitted message of the catalogue."""

    id: str
    prefix: str
    resource_type: str | None
    text: str
    remedy: str | None
    user_fixable: bool
    retryable: bool
    link: str | None

    @classmethod
    def parse(cls, view):
        return _check(cls(
            id=view['id'], prefix=view['prefix'],
            resource_type=view['resource_type'], text=view['text'],
            remedy=view['remedy'], user_fixable=view['user_fixable'],
            retryable=view['retryable'], link=_parse_link(view['link'])))


def _check(record):
    """Return a record whose fields have their types.

    :raises TypeError: a field has another one
    :raises ValueError: a text can't be part of a page
    """
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if not isinstance(value, field.type):
            raise TypeError(field.name)
        if isinstance(value, str):
            value.encode()
    return record


def _parse_time(text):
    """Return a time that any time zone has.

    :raises ValueError: it is none
    """
    time = datetime.datetime.fromisoformat(text)
    if not (time.tzinfo and datetime.MINYEAR < time.year < datetime.MAXYEAR):
        raise ValueError(text)
    return time


def _parse_link(link):
    """Return a link that is safe in a page, else None."""
    return link if link and link.startswith(('https://', 'http://')) else None


class MessageClient:
    """Client with the token, the region and the language of a request.

    :param request: a Django request
    :param timeout: seconds for all requests of this client together
    :raises horizon.exceptions.ServiceCatalogException: the region has no user
        messages service
    """

    def __init__(self, request, timeout=TIMEOUT):
        self._connection = connection.Connection(
            request, [SERVICE_TYPE], timeout, version='v3', headers={
                'Accept-Language': translation.get_language() or 'en'})

    def list(self, **query):
        """Return a :class:`Page` of messages.

        :param query: parameters of the API; those that are None are left out
        """
        content = self._get('/messages', query)
        return _parse(lambda: Page(
            [Message.parse(view) for view in content['messages']],
            bool(content['messages'] and content.get('messages_links'))))

    def show(self, message_id):
        """Return a :class:`Message`.

        :raises keystoneauth1.exceptions.NotFound: it doesn't exist
        """
        response = self._connection.send('GET', _build_path(message_id))
        return _parse(lambda: Message.parse(response.json()['message']))

    def delete(self, message_id):
        """Delete a message.

        :raises keystoneauth1.exceptions.NotFound: it doesn't exist
        """
        response = self._connection.send('DELETE', _build_path(message_id))
        if response.status_code != 204:
            raise connection.InvalidResponse()

    def count_unread(self, level):
        """Return the :class:`UnreadCount` of the messages of a level."""
        content = self._get('/messages/summary', {'message_level': level})

        def parse():
            count = content['summary']['levels'][level]
            return _check(UnreadCount(count['unread'], count['more_unread']))

        return _parse(parse)

    def mark_read(self, message_id):
        """Move the read mark forward, and return the resulting position.

        It is before the message if that is younger than some seconds.
        """
        response = self._connection.send(
            'PUT', '/messages/read-mark', json={'message': message_id})
        return _parse(lambda: str(uuid.UUID(response.json()['message'])))

    def definitions(self, **query):
        """Return all permitted messages, from as many pages as there are."""
        definitions = []
        marker = None
        while True:
            content = self._get('/defined-messages',
                                {**query, 'marker': marker})
            page = _parse(lambda content=content: [
                Definition.parse(view)
                for view in content['defined_messages']])
            definitions += page
            if not (page and content.get('defined_messages_links')):
                return definitions
            marker = page[-1].id

    def _get(self, path, query):
        """Return the content of a collection, which always exists."""
        try:
            response = self._connection.send('GET', path, params={
                name: value for name, value in query.items()
                if value is not None})
        except exceptions.NotFound as error:
            raise connection.InvalidResponse() from error
        return _parse(response.json)


def _build_path(message_id):
    """Return the path of a message, whose id may be from the address bar.

    :raises keystoneauth1.exceptions.NotFound: no message can have this id
    """
    try:
        return f'/messages/{uuid.UUID(message_id)}'
    except ValueError:
        raise exceptions.NotFound() from None


def _parse(function):
    """Call a function that parses a response.

    :raises connection.InvalidResponse: it can't be parsed
    """
    try:
        return function()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise connection.InvalidResponse() from error
