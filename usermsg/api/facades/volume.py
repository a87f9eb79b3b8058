# SPDX-License-Identifier: Apache-2.0
"""The messages of block storage, as its own API shows them."""

from usermsg.api.facades import dialect
from usermsg.api.facades import listing
from usermsg.api.facades import messages
from usermsg.api import query
from usermsg.catalogue.catalogues import volume
from usermsg import exception
from usermsg.policies import messages as rules
from usermsg import text

SEGMENT = 'volume'

_ROOTS = '/volume', '/volume/v3'

#: What each version brought, as far as messages go.
_MESSAGES = (3, 3)
_PAGES_AND_FILTERS = (3, 5)
_STRICT_FILTERS = (3, 31)


class _Dialect(dialect.Dialect):

    service_type = 'volume'

    def stated(self, request):
        header = request.headers.get(self.header)
        if header is None:
            return None
        # Several may have been joined, each for another service.
        for value in header.split(','):
            if 'volume' in value:
                _service, *version = value.split()
                return ' '.join(version)
        return ''

    def default(self, request):
        # Clients forget the header. Without it the service that is stood in
        # for has no messages.
        if request.environ.get('PATH_INFO', '').rstrip('/') in _ROOTS:
            return self.minimum
        return _MESSAGES


DIALECT = _Dialect((3, 0), (3, 71))

#: Key of a query -> filter.
_FILTERS = {name: name for name in (
    'id', 'project_id', 'resource_uuid', 'resource_type', 'event_id',
    'request_id', 'message_level', 'action_id', 'detail_id')}

#: What a user may filter by from 3.31 on; others are told so.
_ALLOWED = ('resource_uuid', 'resource_type', 'event_id', 'request_id',
            'message_level')

_DIRECTIONS = {'asc': False, 'desc': True}


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

    def wanted(self, request, values):
        paged = (DIALECT.stated(request) is None or
                 request.version >= _PAGES_AND_FILTERS)
        limit = query.limit(
            values, self._max_limit, listing.any_number, least=0)
        if not paged:
            # As there is no marker yet, there is no link either: whoever
            # followed it would come to the same page for ever.
            return messages.Wanted(
                {}, [('created_at', True)], self._max_limit, linked=False)
        context = request.identity
        admin = context.can(rules.READ_ALL_PROJECTS)
        rest = {name: value for name, value in values.items()
                if name not in _PAGE}
        # Some clients always send it, and it is nothing to those who may not.
        everything = admin and messages.flag(rest, 'all_tenants')
        rest.pop('all_tenants', None)
        if request.version >= _STRICT_FILTERS:
            _check_filters(rest, admin)
        if 'project_id' in rest:
            everything = admin
        if 'id' in rest:
            rest['id'] = rest['id'].lower()
        # Whatever else there is, no message has it.
        filters = messages.matchable(rest, _FILTERS)
        if not admin and 'project_id' in rest and (
                rest['project_id'] != context.project_id):
            filters = None
        return messages.Wanted(
            filters, _sort(values), limit,
            listing.offset(values, listing.any_number),
            values.get('marker'), everything)

    def view(self, row, words, links):
        shown = {
            'id': row.id,
            'event_id': row.event_id,
            'user_message': (words.text if words.action is None else
                             f'{words.action}:{words.text}'),
            'message_level': row.message_level,
            'created_at': messages.time(row.created_at),
            'guaranteed_until': messages.time(row.expires_at),
            # A string for clients that check the answer.
            'request_id': row.request_id or '',
            'links': links,
        }
        for name in ('resource_type', 'resource_uuid'):
            value = getattr(row, name)
            if value:
                shown[name] = value
        return shown


_PAGE = ('limit', 'marker', 'offset', 'sort', 'sort_key', 'sort_dir')


def _check_filters(names, admin):
    """:raises usermsg.exception.InvalidInput: one isn't for whoever asks"""
    refused = [name for name in names if name not in _ALLOWED and (
        not admin or name.endswith('~') or not name.isascii())]
    if refused:
        raise exception.InvalidInput(
            text.printable(', '.join(refused)),
            f'nothing to filter by; {", ".join(_ALLOWED)} are.')


def _sort(values):
    """(key, whether it descends), at least one.

    :raises usermsg.exception.InvalidInput: they contradict each other, or
        such a direction there isn't
    """
    if 'sort' in values:
        if 'sort_key' in values or 'sort_dir' in values:
            raise exception.InvalidInput(
                'sort', 'does not go with sort_key and sort_dir.')
        given = [(key, direction or 'desc') for key, _, direction in (
            part.partition(':') for part in
            values['sort'].strip().split(','))]
    else:
        given = [(values.get('sort_key', 'created_at'),
                  values.get('sort_dir', 'desc'))]
    try:
        return [(key.strip(), _DIRECTIONS[direction.strip()])
                for key, direction in given]
    except KeyError:
        raise exception.InvalidInput('sort', 'goes asc or desc.') from None
