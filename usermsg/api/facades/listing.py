# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Pages of messages as the older services sort and cut them."""

import functools

from usermsg.api import query
from usermsg import exception
from usermsg.message import api as message_api

#: The most messages, the newest, that are sorted by anything but time.
SORTED = 10000

_LARGEST_OFFSET = 0x7FFFFFFF

#: An id is in the order of time.
_BY_TIME = ('created_at', 'id')

#: Attributes to sort by. What those services keep besides is the same for
#: all messages here.
_KEYS = frozenset((
    *_BY_TIME, 'project_id', 'request_id', 'resource_type', 'resource_uuid',
    'event_id', 'action_id', 'detail_id', 'message_level', 'expires_at',
    'updated_at', 'deleted', 'deleted_at'))


def values_of(request):
    """The query of a request, a dict of strings in its order.

    :raises usermsg.exception.InvalidInput: a key stands there twice
    """
    values = {}
    for key, value in query.pairs(request):
        if key in values:
            raise exception.InvalidInput(
                query.printable(key), 'stands there more than once.')
        values[key] = value
    return values


def limit(values, maximum):
    """How many messages a page may have; clamped to the maximum."""
    return min(_number(values, 'limit', maximum), maximum)


def offset(values):
    """How many messages to leave out."""
    found = _number(values, 'offset', 0)
    if found > _LARGEST_OFFSET:
        raise exception.InvalidInput(
            'offset', f'must not be larger than {_LARGEST_OFFSET}.')
    return found


def _number(values, name, default):
    if name not in values:
        return default
    try:
        # Python's own idea of a number, as those services have it.
        found = int(values[name][:100])
    except ValueError:
        raise exception.InvalidInput(name, 'must be an integer.') from None
    if found < 0:
        raise exception.InvalidInput(name, 'must not be negative.')
    return found


def page(api, context, filters, *, sort, marker, offset, limit, all_projects):
    """Messages in any order.

    :param api: a :class:`usermsg.message.api.API`
    :param filters: see its get_all
    :param sort: (attribute of a message, whether it descends), at least one
    :param marker: a message: the page begins behind it; None for the first
    :param offset: how many more to leave out
    :param limit: how many at most
    :returns: a list of messages
    :raises usermsg.exception.InvalidInput: it can't be sorted by that
    """
    for name, _descending in sort:
        if name not in _KEYS:
            raise exception.InvalidInput(
                'sort', f'{query.printable(name)} is nothing to sort by.')
    if not limit:
        return []
    name, descending = sort[0]
    if name in _BY_TIME:
        return api.get_all(
            context, filters, marker=marker and marker.id, offset=offset,
            limit=limit, all_projects=all_projects,
            sort=(message_api.NEWEST_FIRST if descending else
                  message_api.OLDEST_FIRST)).objects
    found = api.get_all(context, filters, limit=SORTED,
                        all_projects=all_projects).objects
    # What is equal else stands in the order of time, as the first key does.
    compare = functools.cmp_to_key(_comparison([*sort, ('id', descending)]))
    found.sort(key=compare)
    if marker is not None:
        place = compare(marker)
        found = [message for message in found if place < compare(message)]
    return found[offset:offset + limit]


def _comparison(sort):
    def compare(one, other):
        for name, descending in sort:
            # What isn't there is less than what is.
            first, second = (
                (value is not None, value) for value in
                (getattr(one, name, None), getattr(other, name, None)))
            if first != second:
                return (1 if first > second else -1) * (
                    -1 if descending else 1)
        return 0
    return compare
