# SPDX-License-Identifier: Apache-2.0
"""Pages of the facades, compared with slices of a sorted list."""

import datetime

import hypothesis
from hypothesis import strategies

from usermsg.api.facades import listing
from usermsg import context
from usermsg import exception
from usermsg.message import api as message_api
from usermsg.objects import ids
from usermsg.objects import message
from usermsg.tests import base

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

_KEYS = ('created_at', 'id', 'message_level', 'resource_uuid', 'request_id',
         'event_id', 'expires_at')

_SORTS = strategies.lists(
    strategies.tuples(strategies.sampled_from(_KEYS), strategies.booleans()),
    min_size=1, max_size=4)


def _sort_messages(messages, sort):
    """Return the messages in order, by one stable sort for each key."""
    messages = list(messages)
    # The least significant key is sorted by first.
    descending = sort[0][1]
    for name, descending in reversed([
            *sort, ('created_at', descending), ('id', descending)]):
        messages.sort(key=lambda message: (
            getattr(message, name) is not None, getattr(message, name)),
            reverse=descending)
    return messages


def _ids(messages):
    return [message.id for message in messages]


class PageTest(base.TestCase):

    def setUp(self):
        super().setUp()
        runtime = self.runtime()
        self.db = runtime.db
        self.api = message_api.API(runtime)
        self.context = context.RequestContext(project_id='mine')
        new_messages = []
        for number in range(23):
            # Several messages of each second, as imported messages.
            created = _START + datetime.timedelta(seconds=number // 4)
            new_messages.append(self.api.new_message({
                'project_id': 'mine' if number % 8 else 'other',
                'event_id': f'VOLUME_00000{2 + number % 3}',
                'message_level': ('INFO', 'WARN', 'ERROR')[number % 3],
                'resource_uuid': (None, 'a', 'b', 'B')[number % 4],
                'request_id': (None, 'req-1')[number % 2],
            }, created_at=created))
        message.MessageList.record(self.db, new_messages)
        self.stored = self.api.get_all(self.context).objects

    def page(self, sort, marker=None, offset=0, limit=1000, **filters):
        page = listing.prepare(
            self.api, self.context, filters, sort=sort, marker=marker,
            offset=offset, limit=limit, all_projects=False)
        return list(page.read()) if page else []

    @hypothesis.given(_SORTS)
    def test_page_without_limit_is_the_sorted_list(self, sort):
        self.assertEqual(_ids(_sort_messages(self.stored, sort)),
                         _ids(self.page(sort)))

    @hypothesis.given(_SORTS, strategies.integers(1, 9))
    def test_pages_by_marker_add_up_to_the_list(self, sort, limit):
        messages, marker = [], None
        while True:
            page = self.page(sort, marker, limit=limit)
            messages += page
            if len(page) < limit:
                break
            marker = page[-1]
        self.assertEqual(_ids(self.page(sort)), _ids(messages))

    @hypothesis.given(_SORTS, strategies.integers(0, 30),
                      strategies.integers(0, 9), strategies.integers(0, 19))
    def test_offset_counts_from_the_marker(self, sort, offset, limit, number):
        messages = self.page(sort)
        self.assertEqual(
            _ids(messages[number + 1:][offset:offset + limit]),
            _ids(self.page(sort, messages[number], offset, limit)))

    def test_marker_excluded_by_a_filter_is_still_a_position(self):
        for sort in ([('created_at', True)], [('event_id', False)]):
            messages = self.page(sort)
            marker = next(message for message in messages
                          if message.message_level == 'INFO')
            following = messages[messages.index(marker) + 1:]
            self.assertEqual(
                _ids(message for message in following
                     if message.message_level == 'ERROR'),
                _ids(self.page(sort, marker, message_level='ERROR')))

    def test_repeated_and_constant_sort_keys_are_ignored(self):
        sort = [('deleted', True), ('event_id', False), ('event_id', True),
                ('updated_at', False)] * 1000
        self.assertEqual(
            _ids(self.page([('event_id', False), ('created_at', True),
                            ('id', True)])),
            _ids(self.page(sort)))

    def test_unsupported_sort_key_raises_invalid_input(self):
        for limit in (0, 1):
            self.assertRaises(exception.InvalidInput, self.page,
                              [('created_at', True), ('user_id', True)],
                              limit=limit)

    def record_many(self, total):
        """Store messages of project ``many``, one a second until _START."""
        new_messages = []
        for number in range(total):
            created = _START - datetime.timedelta(seconds=total - number)
            new_messages.append(self.api.new_message(
                {'project_id': 'many', 'event_id': 'VOLUME_000002'},
                created_at=created))
        for start in range(0, total, 1000):
            message.MessageList.record(
                self.db, new_messages[start:start + 1000])
        self.context = context.RequestContext(project_id='many')

    def test_pages_by_time_and_another_key_contain_all_messages(self):
        total = message_api.MAX_SORTED + 5
        self.record_many(total)
        for descending in False, True:
            sort = [('created_at', descending), ('event_id', False)]
            first = self.page(sort, limit=total)
            self.assertEqual(message_api.MAX_SORTED, len(first))
            second = self.page(sort, first[-1], limit=total)
            self.assertEqual(
                _ids(self.page([('created_at', descending)], limit=total)),
                _ids([*first, *second]))

    def test_sort_considers_only_the_newest_messages(self):
        total = message_api.MAX_SORTED + 5
        self.record_many(total)
        messages = self.page([('event_id', False)], limit=total)
        self.assertEqual(message_api.MAX_SORTED, len(messages))
        oldest = ids.lower_bound(_START - datetime.timedelta(
            seconds=message_api.MAX_SORTED))
        self.assertEqual([], [message_id for message_id in _ids(messages)
                              if message_id < oldest])
        self.assertIsInstance(messages[0], message.Message)
