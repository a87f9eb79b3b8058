# SPDX-License-Identifier: Apache-2.0
"""Facade of the Block Storage API (cinder): its messages."""

from usermsg.api.facades import dialect
from usermsg.api.facades import listing
from usermsg.api.facades import messages
from usermsg.api import query
from usermsg.catalogue.catalogues import volume
from usermsg import exception
from usermsg.policies import messages as rules
from usermsg import text
from usermsg import validation

SEGMENT = 'volume'

_ROOTS = '/volume', '/volume/v3'

#: Microversions that changed the messages.
_MESSAGES = (3, 3)
_PAGES_AND_FILTERS = (3, 5)
_STRICT_FILTERS = (3, 31)


class _Dialect(dialect.Dialect):

    service_type = 'volume'

    def requested_version_text(self, request):
        header = request.headers.get(self.header)
        if header is None:
            return None
        # A proxy may have joined several headers, one for each service.
        for value in header.split(','):
            if 'volume' in value:
                _service, *version = value.split()
                return ' '.join(version)
        return ''

    def default(self, request):
        # Clients forget the header. Without it the real service has no
        # messages.
        if request.environ.get('PATH_INFO', '').rstrip('/') in _ROOTS:
            return self.minimum
        return _MESSAGES


DIALECT = _Dialect((3, 0), (3, 71))

#: Query key -> name of the filter.
_FILTERS = {name: name for name in (
    'id', 'project_id', 'resource_uuid', 'resource_type', 'event_id',
    'request_id', 'message_level', 'action_id', 'detail_id')}

#: Filters that a user may use from 3.31 on; others are refused with 400.
_USER_FILTERS = ('resource_uuid', 'resource_type', 'event_id', 'request_id',
                 'message_level')

_DIRECTIONS = {'asc': False, 'desc': True}

#: Level of a message -> level in this API, where they differ.
_LEVELS = {'WARN': 'WARNING'}


def _stored_level(value):
    level = validation.upper_case(value)
    # This API has no level WARN, so no message matches it.
    return {'WARNING': 'WARN', 'WARN': ''}.get(level, level)


#: Filter -> function that returns the value as it is stored.
_STORED_FORMS = {'id': str.lower, 'event_id': validation.upper_case,
                 'message_level': _stored_level}


class Volume(messages.Messages):

    prefix = volume.NAMESPACE.prefix
    segment = SEGMENT
    major = 'v3'
    dialect = DIALECT
    updated = '2023-08-31T00:00:00Z'
    described_by = 'https://docs.openstack.org/'
    media_type = 'application/vnd.openstack.volume+json;version=3'
    first = _MESSAGES
    before_delete = rules.GET
    columns = frozenset((
        'id', 'request_id', 'resource_type', 'resource_uuid', 'event_id',
        'message_level', 'created_at', 'expires_at'))

    def parse_query(self, request, values):
        paged = (DIALECT.requested_version_text(request) is None or
                 request.version >= _PAGES_AND_FILTERS)
        limit = query.limit(
            values, self._max_limit, listing.parse_any_number, minimum=0)
        if not paged:
            # These versions have no marker yet, so the response has no next
            # link either: a client that followed it would get the same page
            # forever.
            return messages.ListQuery(
                {}, [('created_at', True)], self._max_limit, linked=False)
        context = request.identity
        admin = context.can(rules.READ_ALL_PROJECTS)
        conditions = {name: _STORED_FORMS.get(name, str)(value)
                      for name, value in values.items() if name not in _PAGE}
        # Some clients always send all_tenants; for users without the
        # permission the service ignores it.
        all_projects = admin and messages.is_true(conditions, 'all_tenants')
        conditions.pop('all_tenants', None)
        if request.version >= _STRICT_FILTERS:
            _check_filters(conditions, admin)
        # Dashboards show an administrator the messages of a resource of any
        # project, and never send all_tenants.
        if 'project_id' in conditions or 'resource_uuid' in conditions:
            all_projects = admin
        created_at = conditions.pop('created_at', None)
        # Any other key is an attribute that no message has.
        filters = messages.build_filters(conditions, _FILTERS)
        if filters is not None and created_at is not None:
            filters = _with_time(filters, created_at)
        if filters and not admin and conditions.get(
                'project_id', context.project_id) != context.project_id:
            filters = messages.NO_MESSAGE
        return messages.ListQuery(
            filters, _sort(values), limit,
            listing.parse_offset(values, listing.parse_any_number),
            values.get('marker'), all_projects)

    def view(self, row, description, links):
        (message_id, _prefix, _project_id, _user_id, request_id,
         resource_type, resource_uuid, event_id, _action_id, _detail_id,
         message_level, created_at, expires_at) = row
        content = {
            'id': message_id,
            'event_id': event_id,
            'user_message': (
                description.text if description.action is None else
                f'{description.action}:{description.text}'),
            'message_level': _LEVELS.get(message_level, message_level),
            'created_at': messages.format_time(created_at),
            'guaranteed_until': messages.format_time(expires_at),
            # Always a string, for clients that validate the response.
            'request_id': request_id or '',
            'links': links,
        }
        if resource_type:
            content['resource_type'] = resource_type
        if resource_uuid:
            content['resource_uuid'] = resource_uuid
        return content


_PAGE = ('limit', 'marker', 'offset', 'sort', 'sort_key', 'sort_dir')


def _check_filters(names, admin):
    """:raises usermsg.exception.InvalidInput: a filter isn't permitted"""
    refused = [name for name in names if name not in _USER_FILTERS and (
        not admin or name.endswith('~') or not name.isascii())]
    if refused:
        raise exception.InvalidInput(
            text.printable(', '.join(refused)),
            f'is not a filter; the filters are {", ".join(_USER_FILTERS)}.')


def _with_time(filters, created_at):
    """Add a time to filters; an invalid time matches no message."""
    try:
        time = validation.time('created_at', created_at)
    except exception.InvalidInput:
        return messages.NO_MESSAGE
    return {**filters, 'created_since': time, 'created_before': time}


def _sort(values):
    """Parse the sort keys.

    :returns: a list of at least one (key, True if descending)
    :raises usermsg.exception.InvalidInput: the parameters contradict each
        other, or a direction is invalid
    """
    if 'sort' in values:
        if 'sort_key' in values or 'sort_dir' in values:
            raise exception.InvalidInput(
                'sort', 'cannot be combined with sort_key and sort_dir.')
        keys = [(key, direction or 'desc') for key, _, direction in (
            part.partition(':') for part in
            values['sort'].strip().split(','))]
    else:
        keys = [(values.get('sort_key', 'created_at'),
                 values.get('sort_dir', 'desc'))]
    try:
        return [(key.strip(), _DIRECTIONS[direction.strip()])
                for key, direction in keys]
    except KeyError:
        raise exception.InvalidInput(
            'sort', 'direction must be asc or desc.') from None
