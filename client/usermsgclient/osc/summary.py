# SPDX-License-Identifier: Apache-2.0
"""Command ``openstack user message summary``."""

from usermsgclient.osc import base
from usermsgclient.osc import message

_COLUMNS = ('Message Level', 'Unread', 'Total', 'Kept For (Days)')

_DAY = 24 * 3600


class ShowSummary(base.Lister):
    _description = (
        'Display the numbers of user messages by level. A "+" after a number '
        'means that there may be more: only the newest messages are counted.')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        message.add_filters(parser, 'Count messages')
        return parser

    def take_action(self, parsed_args):
        columns = self.columns(parsed_args, _COLUMNS, ())
        filters = message.filters(self.app.client_manager, parsed_args)
        summary = self.app.client_manager.user_message.message_summary(
            **filters)
        return columns, [
            (level, _format(counts.get('unread'), counts.get('more_unread')),
             _format(counts['total'], counts['more']),
             round(counts['ttl'] / _DAY, 1))
            for level, counts in summary.levels.items()]


def _format(number, more):
    return f'{number}+' if more else number
