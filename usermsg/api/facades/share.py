# SPDX-License-Identifier: Apache-2.0
"""Facade of the Shared File Systems API (manila): its messages."""

from oslo_utils import strutils

from usermsg.api.facades import dialect
from usermsg.api.facades import listing
from usermsg.api.facades import messages
from usermsg.api import query
from usermsg.catalogue.catalogues import share
from usermsg import exception
from usermsg.policies import messages as rules
from usermsg import validation

SEGMENT = 'share'

_ROOT = '/share'

#: Microversions that changed the messages.
_MESSAGES = (2, 37)
_TIMES = (2, 52)

_EXPERIMENTAL = 'X-OpenStack-Manila-API-Experimental'


class _Dialect(dialect.Dialect):

    header = 'X-OpenStack-Manila-API-Version'
    service_type = 'shared-file-system'
    request_id_of_empty = True

    def requested_version_text(self, request):
        value = request.headers.get(self.header)
        if value is None:
            return super().requested_version_text(request)
        return value.strip()

    def format_version(self, version):
        return version

    def version(self, request):
        if request.environ.get('PATH_INFO', '').rstrip('/') == _ROOT:
            return None  # a path outside of any version
        return super().version(request)

    def add_version_headers(self, request, response):
        super().add_version_headers(request, response)
        experimental = request.headers.get(_EXPERIMENTAL)
        if experimental and self.header in response.headers:
            response.headers[_EXPERIMENTAL] = str(
                strutils.bool_from_string(experimental))


DIALECT = _Dialect((2, 0), (2, 99))

#: Query key -> name of the filter.
_FILTERS = {
    'resource_id': 'resource_uuid',
    **{name: name for name in (
        'action_id', 'detail_id', 'message_level', 'request_id',
        'resource_type')}}

#: Sort key -> name of the attribute, where they differ.
_ATTRIBUTES = {'resource_id': 'resource_uuid'}

#: Sort keys of other APIs that this one doesn't support.
_UNSUPPORTED_KEYS = ('event_id', 'resource_uuid')


class Share(messages.Messages):

    prefix = share.NAMESPACE.prefix
    segment = SEGMENT
    major = 'v2'
    dialect = DIALECT
    updated = '2015-08-27T11:33:21Z'
    described_by = 'http://docs.openstack.org/'
    media_type = 'application/vnd.openstack.share+json;version=1'
    first = _MESSAGES
    plain_in_links = ':'
    columns = frozenset((
        'id', 'project_id', 'request_id', 'resource_type', 'resource_uuid',
        'event_id', 'action_id', 'detail_id', 'message_level', 'created_at',
        'expires_at'))

    def parse_query(self, request, values):
        admin = request.identity.can(rules.READ_ALL_PROJECTS)
        # For users without the permission the service ignores project_id,
        # all_tenants and all_projects.
        columns = _FILTERS | ({'project_id': 'project_id'} if admin else {})
        filters = messages.build_filters(
            {name: value for name, value in values.items()
             if name in columns}, columns)
        # Dashboards show an administrator the messages of a resource of any
        # project, and never send all_tenants.
        all_projects = admin and (
            'project_id' in values or 'resource_id' in values or
            messages.is_true(values, 'all_tenants') or
            messages.is_true(values, 'all_projects'))
        times = {name: validation.time(name, values[name])
                 for name in ('created_since', 'created_before')
                 if name in values and request.version >= _TIMES}
        key = values.get('sort_key', 'created_at')
        if key in _UNSUPPORTED_KEYS:
            raise exception.InvalidInput(
                'sort_key', f'{key} is not a sort key.')
        return messages.ListQuery(
            {**filters, **times},
            [(_ATTRIBUTES.get(key, key),
              values.get('sort_dir', 'desc') == 'desc')],
            query.limit(
                values, self._max_limit, listing.parse_digits, minimum=0),
            listing.parse_offset(values, listing.parse_digits),
            values.get('marker'), all_projects)

    def view(self, row, description, links):
        (message_id, _prefix, project_id, _user_id, request_id,
         resource_type, resource_uuid, _event_id, action_id, detail_id,
         message_level, created_at, expires_at) = row
        return {
            'id': message_id,
            'project_id': project_id,
            'action_id': action_id,
            'detail_id': detail_id,
            'message_level': message_level,
            'created_at': messages.format_time(created_at),
            'expires_at': messages.format_time(expires_at),
            # Always a string, for clients that validate the response.
            'request_id': request_id or '',
            'links': links,
            'resource_type': resource_type,
            'resource_id': resource_uuid,
            'user_message': description.user_message,
        }
