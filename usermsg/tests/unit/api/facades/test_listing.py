# SPDX-License-Identifier: Apache-2.0
"""Pages of the facades, against a list that is simply sorted and cut."""

import datetime

import fixtures
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


def _order(sort):
    """The same by stable sorts, the least important key first."""
    def ordered(messages):
        messages = list(messages)
        for name, descending in reversed([*sort, ('id', sort[0][1])]):
            messages.sort(key=lambda found: (
                getattr(found, name) is not None, getattr(found, name)),
                reverse=descending)
        return messages
    return ordered


class PageTest(base.TestCase):

    def setUp(self):
        super().setUp()
        runtime = self.runtime()
        self.api = message_api.API(runtime)
        self.context = context.RequestContext(project_id='mine')
        new_messages = []
        for number in range(23):
            created = _START + datetime.timedelta(seconds=number)
            new_messages.append(self.api.new_message({
                'project_id': 'mine' if number % 8 else 'other',
                'event_id': f'VOLUME_00000{2 + number % 3}',
                'message_level': ('INFO', 'WARN', 'ERROR')[number % 3],
                'resource_uuid': (None, 'a', 'b', 'B')[number % 4],
                'request_id': (None, 'req-1')[number % 2],
            }, created_at=created))
        self.api.record(new_messages)
        self.mine = self.api.get_all(self.context).objects

    def page(self, sort, marker=None, offset=0, limit=1000, **filters):
        return listing.get_page(
            self.api, self.context, filters, sort=sort, marker=marker,
            offset=offset, limit=limit, all_projects=False)

    @hypothesis.given(_SORTS)
    def test_a_list_is_sorted(self, sort):
        self.assertEqual(
            [found.id for found in _order(sort)(self.mine)],
            [found.id for found in self.page(sort)])

    @hypothesis.given(_SORTS, strategies.integers(1, 9))
    def test_pages_are_the_list_cut_up(self, sort, limit):
        found, marker = [], None
        while True:
            page = self.page(sort, marker, limit=limit)
            found += page
            if len(page) < limit:
                break
            marker = page[-1]
        self.assertEqual([each.id for each in self.page(sort)],
                         [each.id for each in found])

    @hypothesis.given(_SORTS, strategies.integers(0, 30),
                      strategies.integers(0, 9), strategies.integers(0, 19))
    def test_an_offset_counts_behind_the_marker(
            self, sort, offset, limit, number):
        everything = self.page(sort)
        self.assertEqual(
            [each.id for each in
             everything[number + 1:][offset:offset + limit]],
            [each.id for each in
             self.page(sort, everything[number], offset, limit)])

    def test_a_marker_that_a_filter_leaves_out_is_a_position(self):
        for sort in ([('created_at', True)], [('event_id', False)]):
            everything = self.page(sort)
            marker = next(found for found in everything
                          if found.message_level == 'INFO')
            behind = everything[everything.index(marker) + 1:]
            self.assertEqual(
                [found.id for found in behind
                 if found.message_level == 'ERROR'],
                [found.id for found in self.page(
                    sort, marker, message_level='ERROR')])

    def test_however_many_keys_a_request_names_few_are_sorted_by(self):
        sort = [('deleted', True), ('event_id', False), ('event_id', True),
                ('updated_at', False)] * 1000
        self.assertEqual(
            [found.id for found in self.page(
                [('event_id', False), ('created_at', True)])],
            [found.id for found in self.page(sort)])
        looked_at = []

        class Found:
            id = ids.lower_bound(_START)
            row = property(lambda self: self)

            def __getattr__(self, name):
                looked_at.append(name)
                return 'x'

        self.useFixture(fixtures.MockPatchObject(
            self.api, 'get_all', lambda *_args, **_options:
            message.MessageList(objects=[])))
        listing.get_page(self.api, self.context, {}, sort=sort, marker=Found(),
                         offset=0, limit=1, all_projects=False)
        self.assertEqual(['event_id'], looked_at)

    def test_unknown_sort_key_is_rejected(self):
        for limit in (0, 1):
            self.assertRaises(exception.InvalidInput, self.page,
                              [('created_at', True), ('user_id', True)],
                              limit=limit)

    def test_not_more_than_the_newest_are_sorted(self):
        total = listing.MAX_SORTED + 5
        rows = []
        for number in range(total):
            created = _START - datetime.timedelta(seconds=total - number)
            new_message = self.api.new_message(
                {'project_id': 'many', 'event_id': 'VOLUME_000002'},
                created_at=created)
            rows.append(new_message)
        for start in range(0, total, 1000):
            self.api.record(rows[start:start + 1000])
        self.context = context.RequestContext(project_id='many')
        found = self.page([('event_id', False)], limit=total)
        self.assertEqual(listing.MAX_SORTED, len(found))
        oldest = ids.lower_bound(_START - datetime.timedelta(
            seconds=listing.MAX_SORTED))
        self.assertEqual([], [each for each in found if each.id < oldest])
        self.assertIsInstance(found[0], message.Message)
