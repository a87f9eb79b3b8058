# SPDX-License-Identifier: Apache-2.0
"""Base of the badge's tests: a service that returns a summary."""

from usermsg_dashboard.tests.unit import base

SUMMARY = f'{base.API}/messages/summary'


def make_summary(unread, more_unread=False):
    """Return a summary of errors as the service does."""
    return {'summary': {
        'newest_id': base.make_id(1), 'follow_id': base.make_id(1),
        'levels': {'ERROR': {
            'total': unread, 'more': more_unread, 'unread': unread,
            'more_unread': more_unread, 'ttl': 2592000}}}}


class TestCase(base.TestCase):

    def fake_summary(self, **values):
        """Let the service return a summary of errors."""
        return self.service.get(SUMMARY, json=make_summary(**values))
