# SPDX-License-Identifier: Apache-2.0
"""Commands ``openstack user message definition list`` and ``show``."""

from osc_lib import utils

from usermsgclient.osc import base
from usermsgclient.osc import options

_COLUMNS = ('ID', 'Resource Type', 'Text', 'User Fixable', 'Retryable')
_MORE_COLUMNS = ('Remedy', 'Link', 'Prefix', 'Action ID', 'Detail ID')

_ATTRIBUTES = ('id', 'text', 'remedy', 'user_fixable', 'retryable', 'link',
               'prefix', 'resource_type', 'action_id', 'detail_id')


class ListDefinitions(base.Localized, base.Lister):
    _description = ('List defined messages: the texts that user messages can '
                    'have')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--prefix',
            metavar='<prefix>',
            help='Only messages with this namespace prefix, such as VOLUME')
        parser.add_argument(
            '--resource-type',
            metavar='<resource-type>',
            help='Only messages about resources of this type, such as '
                 'volume')
        options.add_flag(
            parser, 'user-fixable',
            true_help='Only messages whose cause users can remove themselves',
            false_help='Only messages whose cause users cannot remove '
                       'themselves')
        options.add_flag(
            parser, 'retryable',
            true_help='Only messages after which the same request may '
                      'succeed later',
            false_help='Only messages after which the same request will not '
                       'succeed later')
        options.add_pages(parser, 'messages')
        parser.add_argument(
            '--long',
            action='store_true',
            help='List additional fields in output')
        return parser

    def take_action(self, parsed_args):
        definitions = self.client(parsed_args).defined_messages(
            prefix=parsed_args.prefix,
            resource_type=parsed_args.resource_type,
            user_fixable=parsed_args.user_fixable,
            retryable=parsed_args.retryable,
            marker=parsed_args.marker,
            max_items=parsed_args.limit)
        columns = self.columns(parsed_args, _COLUMNS, _MORE_COLUMNS)
        return columns, (utils.get_item_properties(definition, columns)
                         for definition in definitions)


class ShowDefinition(base.Localized, base.ShowOne):
    _description = 'Display a defined message: its text and its remedy'
    fields = _ATTRIBUTES

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'event_id',
            metavar='<event-id>',
            type=options.identifier,
            help='Defined message to display (event ID), such as '
                 'VOLUME_000002')
        return parser

    def take_action(self, parsed_args):
        definition = self.client(parsed_args).get_defined_message(
            parsed_args.event_id)
        return _ATTRIBUTES, utils.get_item_properties(definition, _ATTRIBUTES)
