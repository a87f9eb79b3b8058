# SPDX-License-Identifier: Apache-2.0
"""``/v3/messages/summary``: numbers of messages by level."""

from usermsg.api import message_filters
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas
from usermsg.message import api as message_api
from usermsg.message import read_marks
from usermsg.objects import ids
from usermsg.policies import messages as rules


class MessageSummary:
    def __init__(self, runtime):
        self._api = message_api.API(runtime)
        self._read_marks = read_marks.ReadMarks(runtime)

    @route.handle('GET', *rules.SUMMARY, rule=rules.GET_SUMMARY,
                  query=schemas.SUMMARY_QUERY,
                  responses={200: schemas.SUMMARY, 304: None})
    def show(self, request, response):
        """Show the numbers of messages by level.

        At most the newest 1,000 messages of each level are examined, or the
        newest 3,000 of all levels with a filter by resource or request and
        with all projects: if there are older ones, ``more`` is true, and
        there may be more messages than ``total``; likewise ``more_unread``
        for ``unread``. ``newest_id`` is the id of the newest of the examined
        messages that matches the filters, ``null`` if none does.
        ``follow_id`` is the marker after which a list in ascending order
        contains all messages that it has held back until now; the ETag does
        not depend on it. ``ttl`` is the number of seconds for which new
        messages of a level are kept.
        """
        # Before the messages are read, so that each one which is stored
        # later is after it.
        follow_id = ids.lower_bound(self._api.now() - self._api.follow_delay)
        context = request.identity
        filters, all_projects = message_filters.read(request)

        counts = self._api.count_by_level(
            context, filters, all_projects,
            None if all_projects else self._read_marks.get(context))

        # Its numbers depend on the token.
        response.headers['Vary'] = 'X-Auth-Token'
        summary = {
            'newest_id': max((count.newest for count in counts.values()
                              if count.newest), default=None),
            'levels': {level: {
                'total': count.total,
                'more': count.more,
                **({} if all_projects else {
                    'unread': count.unread,
                    'more_unread': count.more_unread}),
                'ttl': int(self._api.ttl[level].total_seconds()),
            } for level, count in counts.items()},
        }
        # With the time in the digest, no copy would ever be valid.
        return responses.cacheable_json(
            request, response,
            {'summary': {**summary, 'follow_id': follow_id}}, tagged=summary)
