# SPDX-License-Identifier: Apache-2.0
"""Command ``openstack user message mark-read``."""

import logging

from usermsgclient.osc import base
from usermsgclient.osc import options

LOG = logging.getLogger(__name__)


class MarkRead(base.Command):
    _description = (
        'Mark user messages of your project as read: one and all earlier '
        'ones, or all. Messages of the last seconds stay unread.')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'message',
            metavar='<message>',
            nargs='?',
            type=options.identifier,
            help='Newest message to mark as read (ID) (default: the newest '
                 'message of all)')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.user_message
        position = (parsed_args.message or
                    client.message_summary().newest_id)
        if position is None:
            return
        if client.mark_read(position).message < position.lower():
            LOG.warning('Messages of the last seconds are still unread. '
                        'Repeat the command later.')
