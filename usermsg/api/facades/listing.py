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
import re

from usermsg import exception
from usermsg.message import api as message_api

#: The most messages, the newest, that are sorted by anything but time.
SORTED = 10000

_LARGEST_OFFSET = 0x7FFFFFFF

#: An id is in the order of time.
_BY_TIME = ('created_at', 'id')


def number(values, name, default):
    """A key of a query that is a number, 0 or more.

    :raises usermsg.exception.InvalidInput: it isn't
    """
    value = values.get(name)
    if value is None:
        return default
    if not re.fullmatch('[0-9]{1,100}', value):
        raise exception.InvalidInput(name, 'must be an integer, 0 or more.')
    value = int(value)
    if name == 'offset' and value > _LARGEST_OFFSET:
        raise exception.InvalidInput(
            name, f'must not be larger than {_LARGEST_OFFSET}.')
    return value


def page(api, context, filters, *, sort, marker, offset, limit, all_projects):
    """Messages in any order.

    :param api: a :class:`usermsg.message.api.API`
    :param filters: see its get_all
    :param sort: (attribute of a message, whether it descends), at least one
    :param marker: a message: the page begins behind it; None for the first
    :param offset: how many more to leave out
    :param limit: how many at most
    :returns: a list of messages
    """
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
                (getattr(one, name), getattr(other, name)))
            if first != second:
                return (1 if first > second else -1) * (
                    -1 if descending else 1)
        return 0
    return compare
