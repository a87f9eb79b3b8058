# SPDX-License-Identifier: Apache-2.0
"""Pages of messages as the older services sort and cut them."""

from usermsg.api import query
from usermsg import exception
from usermsg.message import api as message_api
from usermsg import text

#: The most messages, the newest, that are sorted by anything but time.
SORTED = 10000

_LARGEST_NUMBER = 0x7FFFFFFF

#: An id is in the order of time.
_BY_TIME = ('created_at', 'id')

#: What those services keep besides is the same for all messages here.
_CONSTANT = ('updated_at', 'deleted', 'deleted_at')

#: Attributes to sort by.
_KEYS = frozenset((
    *_BY_TIME, *_CONSTANT, 'project_id', 'request_id', 'resource_type',
    'resource_uuid', 'event_id', 'action_id', 'detail_id', 'message_level',
    'expires_at'))


def any_number(value):
    """What Python takes for a number: block storage does."""
    if len(value) > 100:
        raise ValueError()
    return int(value)


def digits(value):
    """Digits alone: so do shared file systems."""
    if query.digits(value) > _LARGEST_NUMBER:
        raise ValueError()
    return int(value)


def offset(values, parse):
    """How many messages to leave out."""
    number = query.number(values, 'offset', 0, parse)
    if number > _LARGEST_NUMBER:
        raise exception.InvalidInput(
            'offset', f'must not be larger than {_LARGEST_NUMBER}.')
    return number


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
                'sort', f'{text.printable(name)} is nothing to sort by.')
    if not limit:
        return []
    keys = _effective(sort)
    name, descending = keys[0]
    if name == 'id':
        return api.get_all(
            context, filters, marker=marker and marker.id, offset=offset,
            limit=limit, all_projects=all_projects,
            sort=(message_api.NEWEST_FIRST if descending else
                  message_api.OLDEST_FIRST)).objects
    found = list(api.get_all(context, filters, limit=SORTED,
                             all_projects=all_projects).objects)
    if marker is not None and all(
            message.id != marker.id for message in found):
        # A filter leaves it out, but it is a position all the same.
        found.append(marker)
    # The least important key first, as a sort keeps the order of equals.
    for name, descending in reversed(keys):
        # A missing value is less than any other, and no value is empty.
        found.sort(key=lambda message, name=name: (
            getattr(message.row, name) or ''), reverse=descending)
    if marker is not None:
        ids = [message.id for message in found]
        offset += ids.index(marker.id) + 1
    return found[offset:offset + limit]


def _effective(sort):
    """The keys that make a difference; the last is the id.

    However many keys a request names, no more are left than there are.
    """
    _name, descending = sort[0]
    keys = {}
    for name, down in sort:
        if name in _BY_TIME:
            keys['id'] = down
            break  # no two messages are equal in it
        if name not in _CONSTANT:
            keys.setdefault(name, down)
    # What is equal else stands in the order of time, as the first key does.
    keys.setdefault('id', descending)
    return list(keys.items())
