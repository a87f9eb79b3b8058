# SPDX-License-Identifier: Apache-2.0
"""Sort and page messages as the older services do."""

from usermsg.api import query
from usermsg import exception
from usermsg.message import api as message_api
from usermsg import text

_MAX_NUMBER = 0x7FFFFFFF

#: Sort keys of those services that have the same value in all messages here.
_CONSTANT = ('updated_at', 'deleted', 'deleted_at')

#: Supported sort keys: attributes of a message row.
_KEYS = frozenset((
    'created_at', 'id', *_CONSTANT, 'project_id', 'request_id',
    'resource_type', 'resource_uuid', 'event_id', 'action_id', 'detail_id',
    'message_level', 'expires_at'))


def parse_any_number(value):
    """Parse a number as Python's ``int`` does; block storage accepts that.

    :raises ValueError: it isn't a number, or is longer than 100 characters
    """
    if len(value) > 100:
        raise ValueError()
    return int(value)


def parse_digits(value):
    """Parse a number of digits alone, as shared file systems do.

    :raises ValueError: it isn't one, or is too large
    """
    if query.digits(value) > _MAX_NUMBER:
        raise ValueError()
    return int(value)


def parse_offset(values, parse):
    """Parse the number of messages to skip.

    :param parse: see :func:`usermsg.api.query.number`
    :raises usermsg.exception.InvalidInput: it isn't one, or is too large
    """
    number = query.number(values, 'offset', 0, parse)
    message_api.check_offset(number)
    return number


def prepare(api, context, filters, *, sort, marker, offset, limit,
            all_projects, columns=None):
    """Validate a page of messages, sorted by any supported keys.

    :param api: a :class:`usermsg.message.api.API`
    :param filters: see :meth:`usermsg.message.api.API.get_all`
    :param sort: a list of at least one (attribute of a message, True if
        descending)
    :param marker: the message behind which the page begins; None for the
        first page
    :param offset: number of messages to skip behind the marker
    :param limit: maximum number of messages
    :param columns: frozenset of the names of the columns that are needed;
        None for all
    :returns: a :class:`usermsg.message.api.Listing`; None for a limit of 0
    :raises usermsg.exception.InvalidInput: a sort key isn't supported
    """
    keys = _effective_keys(sort)
    if not limit:
        return None
    name, descending = keys[0]
    if name == 'id':
        return api.prepare_list(
            context, filters, marker=marker and marker.id, offset=offset,
            limit=limit, all_projects=all_projects, columns=columns,
            sort=(message_api.NEWEST_FIRST if descending else
                  message_api.OLDEST_FIRST))
    return api.prepare_sorted_list(
        context, filters, keys, marker=marker, offset=offset, limit=limit,
        all_projects=all_projects)


def _effective_keys(sort):
    """Return the sort keys that have an effect; the last one is the id.

    However many keys a request names, the result contains each attribute at
    most once.

    :raises usermsg.exception.InvalidInput: a sort key isn't supported
    """
    for name, _descending in sort:
        if name not in _KEYS:
            raise exception.InvalidInput(
                'sort', f'{text.printable(name)} is not a sort key.')
    _name, descending = sort[0]
    keys = {}
    # Otherwise equal messages are in the order of time, in the direction of
    # the first key.
    for name, key_descending in (
            *sort, ('created_at', descending), ('id', descending)):
        if name not in _CONSTANT:
            keys.setdefault(name, key_descending)
        if name == 'id':
            break  # ids are unique
    if [*keys][-2:] == ['created_at', 'id'] and (
            keys['created_at'] == keys['id']):
        # The order of ids is that of time, and refines it.
        del keys['created_at']
    return list(keys.items())
