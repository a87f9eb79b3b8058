# SPDX-License-Identifier: Apache-2.0
"""``connection.user_message``: the calls of the service."""

import datetime
import itertools
import urllib.parse

from openstack import exceptions
from openstack import proxy
from openstack import resource

from usermsgclient.v3 import defined_message
from usermsgclient.v3 import message

_LANGUAGE = 'Accept-Language'


class Proxy(proxy.Proxy):
    """Version 3 of the user-messages service.

    All that fails raises an :class:`openstack.exceptions.SDKException`, or
    a :class:`keystoneauth1.exceptions.ClientException` if there was no
    answer. ``details`` of an HttpException has the service's own words.
    """

    @property
    def language(self):
        """What texts shall be in, such as ``de``; English if None."""
        return self.additional_headers.get(_LANGUAGE)

    @language.setter
    def language(self, language):
        headers = dict(self.additional_headers)
        headers.pop(_LANGUAGE, None)
        if language is not None:
            headers[_LANGUAGE] = language
        self.additional_headers = headers

    def messages(self, *, resource_type=None, resource_uuid=None,
                 event_id=None, request_id=None, message_level=None,
                 created_since=None, created_before=None, sort=None,
                 all_projects=None, project_id=None, marker=None, limit=None,
                 max_items=None):
        """Messages, the newest first if nothing else is said.

        Pages are fetched when they are needed.

        :param resource_type: only about resources of this kind, in any case
        :param resource_uuid: only about this resource
        :param event_id: only of this event
        :param request_id: only of this request
        :param message_level: ``INFO``, ``WARN`` or ``ERROR``
        :param created_since: a datetime or ISO 8601, inclusive; UTC if it
            names no zone
        :param created_before: likewise
        :param sort: ``created_at:desc`` or ``created_at:asc``
        :param all_projects: of every project, for administrators
        :param project_id: of this project; another one than the token's is
            for administrators
        :param marker: begin behind the message with this id
        :param limit: how many are fetched at once
        :param max_items: how many there are at most in all
        :returns: an iterator of
            :class:`~usermsgclient.v3.message.Message`
        """
        return self._pages(
            message.Message, max_items, resource_type=resource_type,
            resource_uuid=resource_uuid, event_id=event_id,
            request_id=request_id, message_level=message_level,
            created_since=_time(created_since),
            created_before=_time(created_before), sort=sort,
            all_projects=all_projects, project_id=project_id, marker=marker,
            limit=limit)

    def get_message(self, message_id):
        """One message.

        :param message_id: an id, or a
            :class:`~usermsgclient.v3.message.Message`
        :returns: a :class:`~usermsgclient.v3.message.Message`
        :raises openstack.exceptions.NotFoundException: there is none
        """
        return self._get(message.Message, _in_path(message_id))

    def find_cause(self, resource_uuid, *, all_projects=None,
                   project_id=None):
        """Why a resource is as it is: its newest error.

        If no error was recorded, the newest of what else was.

        :returns: a :class:`~usermsgclient.v3.message.Message`, or None
        """
        for level in ('ERROR', None):
            for found in self.messages(
                    resource_uuid=resource_uuid, message_level=level,
                    all_projects=all_projects, project_id=project_id,
                    max_items=1):
                return found
        return None

    def create_message(self, **attributes):
        """Record how an operation ended; for services.

        :param attributes: ``project_id``, and either ``event_id`` or
            ``action``, ``detail`` and ``resource_type``; more of
            :class:`~usermsgclient.v3.message.Message`
        :returns: the :class:`~usermsgclient.v3.message.Message`
        """
        # Not Proxy._create, whose own first parameter is called
        # resource_type.
        return message.Message.new(
            connection=self._get_connection(), **attributes).create(self)

    def create_messages(self, messages):
        """Record up to 1,000 messages.

        Invalid input refuses all of them. What was recorded before under
        its ``source_id`` is stored once.

        :param messages: a list of dicts of what :meth:`create_message`
            takes
        :returns: a list of :class:`~usermsgclient.v3.message.Message`, in
            their order, with a ``status``: 201 if it is new, 200 if it was
            recorded before; 409 and 410, with an ``error``, if its
            ``source_id`` was used for other content, or for a message that
            has been deleted
        :raises openstack.exceptions.ConflictException: all have an error
        """
        # Not Message.bulk_create, which would wrap up each of them.
        answer = self.post(message.Message.base_path,
                           json={message.Message.resources_key: messages})
        exceptions.raise_from_response(answer)
        return [
            message.Message.existing(
                connection=self._get_connection(), **recorded)
            for recorded in answer.json()[message.Message.resources_key]]

    def delete_message(self, message_id, ignore_missing=True):
        """Delete a message for good.

        :param message_id: an id, or a
            :class:`~usermsgclient.v3.message.Message`
        :param ignore_missing: whether it is well if there is none
        :raises openstack.exceptions.NotFoundException: there is none
        """
        self._delete(message.Message, _in_path(message_id),
                     ignore_missing=ignore_missing)

    def defined_messages(self, *, prefix=None, resource_type=None,
                         user_fixable=None, retryable=None, marker=None,
                         limit=None, max_items=None):
        """What may be said, in the order of the ids.

        Pages are fetched when they are needed.

        :param prefix: only of this namespace, in any case: ``VOLUME``
        :param resource_type: only of resources of this kind
        :param user_fixable: only what users can, or can't, help themselves
        :param retryable: only what may, or won't, succeed later
        :param marker: begin behind this id
        :param limit: how many are fetched at once
        :param max_items: how many there are at most in all
        :returns: an iterator of
            :class:`~usermsgclient.v3.defined_message.DefinedMessage`
        """
        return self._pages(
            defined_message.DefinedMessage, max_items, prefix=prefix,
            resource_type=resource_type, user_fixable=user_fixable,
            retryable=retryable, marker=marker, limit=limit)

    def get_defined_message(self, event_id):
        """What may be said under an id.

        :param event_id: an id, or a
            :class:`~usermsgclient.v3.defined_message.DefinedMessage`
        :returns: a
            :class:`~usermsgclient.v3.defined_message.DefinedMessage`
        :raises openstack.exceptions.NotFoundException: nothing
        """
        return self._get(defined_message.DefinedMessage, _in_path(event_id))

    def find_defined_message(self, event_id, ignore_missing=True):
        """What may be said under an id, or None.

        :raises openstack.exceptions.NotFoundException: nothing, and not
            ``ignore_missing``
        """
        try:
            return self.get_defined_message(event_id)
        except exceptions.NotFoundException:
            if ignore_missing:
                return None
            raise

    def _pages(self, cls, max_items, **query):
        # Not Proxy._list, for the same reason.
        if max_items is not None:
            query['limit'] = min(query['limit'] or max_items, max_items)
        found = cls.list(self, **{name: value for name, value in query.items()
                                  if value is not None})
        return itertools.islice(found, max_items)


def _time(value):
    return value.isoformat() if isinstance(value, datetime.date) else value


def _in_path(value):
    """An id, or that of a resource, as it stands in an address.

    openstacksdk puts it there as it is, so that one with a "/" or a "?"
    would ask for something else.
    """
    ident = resource.Resource._get_id(value)
    if not ident:
        raise exceptions.InvalidRequest('The id is empty.')
    if ident in ('.', '..'):
        # They would mean the collection, or what is above it.
        raise exceptions.InvalidRequest(f'{ident} is not an id.')
    return urllib.parse.quote(ident, safe='')
