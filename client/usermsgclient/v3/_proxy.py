# SPDX-License-Identifier: Apache-2.0
"""Proxy of the service in openstacksdk: ``connection.user_message``."""

import datetime
import itertools
import re
import urllib.parse

from openstack import exceptions
from openstack import proxy
from openstack import resource

from usermsgclient.v3 import defined_message
from usermsgclient.v3 import message
from usermsgclient.v3 import message_summary as summary
from usermsgclient.v3 import read_mark

_LANGUAGE = 'Accept-Language'

#: Maximum values of a filter in one request.
_MAX_VALUES = 100

# A UUID in any letter case, with all dashes or without some of them.
_UUID = re.compile('-?'.join(
    f'[0-9a-fA-F]{{{length}}}' for length in (8, 4, 4, 4, 12)))


class Proxy(proxy.Proxy):
    """Version 3 of the user-messages service.

    A failed call raises an :class:`openstack.exceptions.SDKException`, or
    a :class:`keystoneauth1.exceptions.ClientException` if there was no
    response. ``details`` of an HttpException contains the service's text.
    """

    @property
    def language(self):
        """Language of texts in responses, such as ``de``; English if None."""
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
        """List messages, by default the newest first.

        Pages are fetched when they are needed.

        :param resource_type: only messages about this type of resource, in
            any letter case
        :param resource_uuid: only messages about this resource; a UUID in any
            letter case, with or without dashes
        :param event_id: only messages of this event
        :param request_id: only messages of this request
        :param message_level: ``INFO``, ``WARN`` or ``ERROR``
        :param created_since: a datetime or ISO 8601, inclusive; UTC unless it
            has an offset
        :param created_before: likewise
        :param sort: ``created_at:desc``, the default; or ``created_at:asc``,
            for programs that follow new messages: oldest first, without the
            messages of the last seconds. Continue with the id of the last
            message as ``marker`` to miss none.
        :param all_projects: list messages of all projects; for administrators
        :param project_id: list messages of this project; only administrators
            may request another project than the token's
        :param marker: id of the message after which the list begins
        :param limit: number of messages in a page
        :param max_items: maximum number of messages in all
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

    def latest_messages(self, resource_uuids, *, all_projects=None,
                        project_id=None):
        """Return the newest message of each resource that has one.

        :param resource_uuids: ids of any number of resources; the service
            gets up to 100 in a request
        :returns: a dict: id of the resource, as it is in
            ``resource_uuids`` ->
            :class:`~usermsgclient.v3.message.Message`, whose
            ``resource_uuid`` may be another form of the same UUID
        """
        idents = list(dict.fromkeys(resource_uuids))
        latest = {}
        for first in range(0, len(idents), _MAX_VALUES):
            part = idents[first:first + _MAX_VALUES]
            newest = {_comparable(item.resource_uuid): item
                      for item in self._pages(
                          message.Message, None, latest_by='resource',
                          resource_uuid='in:' + ','.join(part),
                          all_projects=all_projects, project_id=project_id)}
            latest |= {ident: newest[_comparable(ident)] for ident in part
                       if _comparable(ident) in newest}
        return latest

    def message_summary(self, *, resource_type=None, resource_uuid=None,
                        event_id=None, request_id=None, message_level=None,
                        created_since=None, created_before=None,
                        all_projects=None, project_id=None):
        """Return the numbers of messages by level.

        The parameters are those of :meth:`messages`.

        :returns: a
            :class:`~usermsgclient.v3.message_summary.MessageSummary`
        """
        query = {
            'resource_type': resource_type, 'resource_uuid': resource_uuid,
            'event_id': event_id, 'request_id': request_id,
            'message_level': message_level,
            'created_since': _time(created_since),
            'created_before': _time(created_before),
            'all_projects': all_projects, 'project_id': project_id}
        return summary.MessageSummary.new(
            connection=self._get_connection()).fetch(
                self, requires_id=False, **{
                    name: value for name, value in query.items()
                    if value is not None})

    def get_read_mark(self):
        """Return the position up to which the user has read messages.

        :returns: a :class:`~usermsgclient.v3.read_mark.ReadMark`
        """
        return self._get(read_mark.ReadMark, requires_id=False)

    def mark_read(self, message_id):
        """Mark a message and all earlier ones as read.

        The mark never moves backwards, and not to messages of the last
        seconds, which may be incomplete.

        :param message_id: an id, or a
            :class:`~usermsgclient.v3.message.Message`
        :returns: the resulting
            :class:`~usermsgclient.v3.read_mark.ReadMark`
        """
        return read_mark.ReadMark.new(
            connection=self._get_connection(),
            message=resource.Resource._get_id(message_id)).commit(
                self, prepend_key=False)

    def get_message(self, message_id):
        """Return a message.

        :param message_id: an id, or a
            :class:`~usermsgclient.v3.message.Message`
        :returns: a :class:`~usermsgclient.v3.message.Message`
        :raises openstack.exceptions.NotFoundException: there is no such
            message
        """
        return self._get(message.Message, _path_segment(message_id))

    def find_cause(self, resource_uuid, *, all_projects=None,
                   project_id=None):
        """Return the newest error message of a resource.

        If it has no error message, return its newest message of any level.

        :returns: a :class:`~usermsgclient.v3.message.Message`, or None
        """
        for level in ('ERROR', None):
            for newest in self.messages(
                    resource_uuid=resource_uuid, message_level=level,
                    all_projects=all_projects, project_id=project_id,
                    max_items=1):
                return newest
        return None

    def create_message(self, **attributes):
        """Record a message about the result of an operation; for services.

        :param attributes: ``project_id``, and either ``event_id`` or
            ``action``, ``detail`` and ``resource_type``; optionally other
            attributes of :class:`~usermsgclient.v3.message.Message`
        :returns: the :class:`~usermsgclient.v3.message.Message`
        """
        # Proxy._create can't be used: its first parameter is called
        # resource_type too.
        return message.Message.new(
            connection=self._get_connection(), **attributes).create(self)

    def create_messages(self, messages):
        """Record up to 1,000 messages.

        If one of them is invalid, none is stored. A message that was recorded
        before with the same ``source_id`` is not stored again.

        :param messages: a list of dicts of the attributes of
            :meth:`create_message`
        :returns: a list of :class:`~usermsgclient.v3.message.Message`, in
            their order, with a ``status``: 201 if it is new, 200 if it was
            recorded before; 409 or 410, with an ``error``, if its
            ``source_id`` was used for other content, or for a message that
            has been deleted
        :raises openstack.exceptions.ConflictException: all of them have an
            error
        """
        # Message.bulk_create can't be used: it would wrap each of them in an
        # object of its own.
        response = self.post(message.Message.base_path,
                             json={message.Message.resources_key: messages})
        exceptions.raise_from_response(response)
        return [
            message.Message.existing(
                connection=self._get_connection(), **recorded)
            for recorded in response.json()[message.Message.resources_key]]

    def delete_message(self, message_id, ignore_missing=True):
        """Delete a message for good.

        :param message_id: an id, or a
            :class:`~usermsgclient.v3.message.Message`
        :param ignore_missing: don't raise if there is no such message
        :raises openstack.exceptions.NotFoundException: there is no such
            message, and ``ignore_missing`` is false
        """
        self._delete(message.Message, _path_segment(message_id),
                     ignore_missing=ignore_missing)

    def defined_messages(self, *, prefix=None, resource_type=None,
                         user_fixable=None, retryable=None, marker=None,
                         limit=None, max_items=None):
        """List defined messages, in the order of their ids.

        Pages are fetched when they are needed.

        :param prefix: only messages with this namespace prefix, in any letter
            case: ``VOLUME``
        :param resource_type: only messages about this type of resource
        :param user_fixable: only messages whose cause users can, or can't,
            remove themselves
        :param retryable: only messages after which the same request may, or
            won't, succeed later
        :param marker: id after which the list begins
        :param limit: number of defined messages in a page
        :param max_items: maximum number of defined messages in all
        :returns: an iterator of
            :class:`~usermsgclient.v3.defined_message.DefinedMessage`
        """
        return self._pages(
            defined_message.DefinedMessage, max_items, prefix=prefix,
            resource_type=resource_type, user_fixable=user_fixable,
            retryable=retryable, marker=marker, limit=limit)

    def get_defined_message(self, event_id):
        """Return a defined message.

        :param event_id: an id, or a
            :class:`~usermsgclient.v3.defined_message.DefinedMessage`
        :returns: a
            :class:`~usermsgclient.v3.defined_message.DefinedMessage`
        :raises openstack.exceptions.NotFoundException: there is no such
            defined message
        """
        return self._get(defined_message.DefinedMessage,
                         _path_segment(event_id))

    def find_defined_message(self, event_id, ignore_missing=True):
        """Return a defined message, or None if there is none.

        :raises openstack.exceptions.NotFoundException: there is none, and
            ``ignore_missing`` is false
        """
        try:
            return self.get_defined_message(event_id)
        except exceptions.NotFoundException:
            if ignore_missing:
                return None
            raise

    def _pages(self, cls, max_items, **query):
        # Proxy._list can't be used: it has a parameter resource_type too.
        if max_items is not None:
            query['limit'] = min(query['limit'] or max_items, max_items)
        items = cls.list(self, **{name: value for name, value in query.items()
                                  if value is not None})
        return itertools.islice(items, max_items)


def _time(value):
    return value.isoformat() if isinstance(value, datetime.date) else value


def _comparable(ident):
    """Return the same text for all forms of a UUID."""
    return ident.replace('-', '').lower() if _UUID.fullmatch(ident) else ident


def _path_segment(value):
    """Return the id of a resource, quoted as one segment of a path.

    openstacksdk doesn't quote ids, so that one with a "/" or a "?" would
    request another path.

    :raises openstack.exceptions.InvalidRequest: the id is empty or a dot
        segment
    """
    ident = resource.Resource._get_id(value)
    if not ident:
        raise exceptions.InvalidRequest('The id must not be empty.')
    if ident in ('.', '..'):
        # Dot segments refer to the collection, or to its parent.
        raise exceptions.InvalidRequest(f'{ident!r} is not a valid id.')
    return urllib.parse.quote(ident, safe='')
