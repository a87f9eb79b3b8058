# SPDX-License-Identifier: Apache-2.0
"""Commands to list, show, create and delete messages."""

import logging

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
from osc_lib import utils

from usermsgclient.osc import base
from usermsgclient.osc import identity
from usermsgclient.osc import options
from usermsgclient.osc import watch

LOG = logging.getLogger(__name__)

_COLUMNS = ('ID', 'Message Level', 'Resource Type', 'Resource UUID',
            'User Message', 'Created At')
_PROJECT = 'Project ID'
#: Columns of messages as they arrive.
_WATCHED = ('Created At', 'Message Level', 'Resource Type', 'Resource UUID',
            'User Message')
_MORE_COLUMNS = ('Unread', 'Remedy', 'User Fixable', 'Retryable', 'Link',
                 'Event ID', 'Request ID', 'Guaranteed Until')

_ATTRIBUTES = ('id', 'project_id', 'event_id', 'user_message', 'remedy',
               'user_fixable', 'retryable', 'link', 'message_level',
               'resource_type', 'resource_uuid', 'created_at',
               'guaranteed_until', 'request_id')


class ListMessages(base.Localized, base.Lister):
    _description = 'List user messages, the newest first'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_filters(parser, 'List messages')
        parser.add_argument(
            '--sort',
            metavar='<key>[:<direction>]',
            type=options.sort_order,
            help='created_at:desc (default): newest first; or created_at:asc, '
                 'for programs that follow new messages: oldest first, '
                 'without the messages of the last seconds, whose order is '
                 'not final. Continue with the ID of the last message as '
                 '--marker to miss none. created_at alone is created_at:desc')
        options.add_pages(parser, 'messages')
        parser.add_argument(
            '--watch',
            action='store_true',
            help='Wait for new messages, and write a line for each, until '
                 'Ctrl-C is pressed. Begin with the messages of the last '
                 'seconds, unless --since or --marker is given. A message is '
                 'shown some seconds after it was recorded')
        parser.add_argument(
            '--long',
            action='store_true',
            help='List additional fields in output')
        return parser

    def perform(self, parsed_args):
        if parsed_args.watch:
            return self._watch(parsed_args)
        return super().perform(parsed_args)

    def take_action(self, parsed_args):
        client = self.client(parsed_args)
        messages = client.messages(
            sort=parsed_args.sort,
            marker=parsed_args.marker,
            max_items=parsed_args.limit,
            **filters(self.app.client_manager, parsed_args))
        usual, additional = _COLUMNS, _MORE_COLUMNS
        if parsed_args.all_projects:
            usual = (usual[0], _PROJECT, *usual[1:])
        else:
            additional = (_PROJECT, *additional)
        columns = self.columns(parsed_args, usual, additional)
        return columns, (utils.get_item_properties(message, columns)
                         for message in messages)

    def _watch(self, parsed_args):
        """Write a line for each new message, until the user ends it."""
        for option, value in (('--sort', parsed_args.sort),
                              ('--sort-column', parsed_args.sort_columns),
                              ('--limit', parsed_args.limit),
                              ('--before', parsed_args.before)):
            if value:
                raise exceptions.CommandError(
                    f'--watch and {option} cannot be combined.')
        if parsed_args.formatter not in ('table', 'value'):
            raise exceptions.CommandError(
                '--watch writes a line for each message, as -f value; other '
                'formats are not supported.')
        usual = (*_WATCHED, _PROJECT) if parsed_args.all_projects else _WATCHED
        columns = self.columns(parsed_args, usual, [
            name for name in (_PROJECT, *_COLUMNS, *_MORE_COLUMNS)
            if name not in usual])
        if parsed_args.columns:
            columns = [name for name in columns if base.normalize(name) in
                       map(base.normalize, parsed_args.columns)]
        try:
            with watch.interruptible() as sleep:
                for message in watch.follow(
                        self.client(parsed_args),
                        filters(self.app.client_manager, parsed_args),
                        parsed_args.marker, sleep):
                    self.app.stdout.write(' '.join(
                        str(value) for value in
                        utils.get_item_properties(message, columns)) + '\n')
                    self.app.stdout.flush()
        except KeyboardInterrupt:
            return 0


class ShowMessage(base.Localized, base.ShowOne):
    _description = 'Display user message details'
    fields = _ATTRIBUTES

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'message',
            metavar='<message>',
            type=options.identifier,
            help='Message to display (ID)')
        return parser

    def take_action(self, parsed_args):
        message = self.client(parsed_args).get_message(parsed_args.message)
        return _ATTRIBUTES, utils.get_item_properties(message, _ATTRIBUTES)


class CreateMessage(base.Localized, base.ShowOne):
    _description = ('Record a message about the result of an operation '
                    '(service accounts and admin only)')
    fields = _ATTRIBUTES

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        event = parser.add_mutually_exclusive_group(required=True)
        event.add_argument(
            '--event-id',
            metavar='<event-id>',
            help='Event that occurred (ID), such as VOLUME_000002')
        event.add_argument(
            '--action',
            metavar='<action>',
            help='Action that was performed (ID or constant), such as '
                 'ATTACH_VOLUME; requires --resource-type')
        parser.add_argument(
            '--detail',
            metavar='<detail>',
            help='Cause of the failure (ID or constant); only with --action')
        parser.add_argument(
            '--resource-type',
            metavar='<resource-type>',
            help='Type of the resource, such as volume')
        parser.add_argument(
            '--resource',
            metavar='<resource>',
            help='Resource of the operation (ID)')
        parser.add_argument(
            '--level',
            metavar='<level>',
            type=options.level,
            help='INFO, WARN or ERROR (default: ERROR)')
        options.add_project(
            parser, required=True,
            help='Project whose users can read the message (name or ID)')
        parser.add_argument(
            '--user',
            metavar='<user>',
            help='User who started the operation (name or ID)')
        parser.add_argument(
            '--user-domain',
            metavar='<user-domain>',
            help='Domain the user belongs to (name or ID), in case there are '
                 'several users of that name')
        parser.add_argument(
            '--request-id',
            metavar='<request-id>',
            help='Request that started the operation, such as req-...')
        parser.add_argument(
            '--source-id',
            metavar='<source-id>',
            help='Unique key of this result: if a message was recorded with '
                 'the same key before, it is displayed, and no other one is '
                 'recorded')
        return parser

    def take_action(self, parsed_args):
        client = self.client(parsed_args)
        manager = self.app.client_manager
        attributes = {
            'event_id': parsed_args.event_id,
            'action': parsed_args.action,
            'detail': parsed_args.detail,
            'resource_type': parsed_args.resource_type,
            'resource_uuid': parsed_args.resource,
            'message_level': parsed_args.level,
            'project_id': identity.project_id(
                manager, parsed_args.project, parsed_args.project_domain),
            'request_id': parsed_args.request_id,
            'source_id': parsed_args.source_id,
        }
        if parsed_args.user is not None:
            attributes['user_id'] = identity.user_id(
                manager, parsed_args.user, parsed_args.user_domain)
        message = client.create_message(**{
            name: value for name, value in attributes.items()
            if value is not None})
        return _ATTRIBUTES, utils.get_item_properties(message, _ATTRIBUTES)


class DeleteMessage(base.Command):
    _description = 'Delete user message(s)'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'messages',
            metavar='<message>',
            nargs='+',
            type=options.identifier,
            help='Message(s) to delete (ID)')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.user_message
        failed = 0
        for message_id in parsed_args.messages:
            try:
                client.delete_message(message_id, ignore_missing=False)
            except (sdk_exceptions.SDKException,
                    ksa_exceptions.ClientException) as error:
                failed += 1
                LOG.error('Failed to delete message %s: %s', message_id,
                          base.format_error(error))
        if failed:
            raise exceptions.CommandError(
                f'{failed} of {len(parsed_args.messages)} messages could '
                'not be deleted.')


def add_filters(parser, action):
    """Add the options of filters; see :func:`filters`."""
    parser.add_argument(
        '--resource-type',
        metavar='<resource-type>',
        help='Only messages about resources of this type, such as '
             'volume')
    parser.add_argument(
        '--resource',
        metavar='<resource>',
        help='Only messages about this resource (ID; a UUID in any letter '
             'case, with or without dashes)')
    parser.add_argument(
        '--event-id',
        metavar='<event-id>',
        help='Only messages of this event, such as VOLUME_000002')
    parser.add_argument(
        '--request-id',
        metavar='<request-id>',
        help='Only messages of this request, such as req-...')
    parser.add_argument(
        '--level',
        metavar='<level>',
        type=options.level,
        help='Only messages of this level: INFO, WARN or ERROR')
    parser.add_argument(
        '--since',
        metavar='<time>',
        type=options.time,
        help='Only messages recorded at this time or later: in ISO 8601, '
             'in UTC unless it has an offset, or an age such as 90s, '
             '15m, 2h, 3d or 1w')
    parser.add_argument(
        '--before',
        metavar='<time>',
        type=options.time,
        help='Only messages recorded at this time or earlier, in the same '
             'format')
    options.add_scope(parser, action)


def filters(manager, parsed_args):
    """Return the parameters for the options of :func:`add_filters`.

    :raises osc_lib.exceptions.CommandError: no message can match
    """
    if (parsed_args.since and parsed_args.before and
            parsed_args.since > parsed_args.before):
        raise exceptions.CommandError(
            '--since is later than --before: no message can match.')
    return {
        'resource_type': parsed_args.resource_type,
        'resource_uuid': parsed_args.resource,
        'event_id': parsed_args.event_id,
        'request_id': parsed_args.request_id,
        'message_level': parsed_args.level,
        'created_since': parsed_args.since,
        'created_before': parsed_args.before,
        **project_scope(manager, parsed_args)}


def project_scope(manager, parsed_args):
    """Return the parameters for the options of ``options.add_scope``."""
    parameters = {'all_projects': parsed_args.all_projects or None}
    if parsed_args.project is not None:
        parameters['project_id'] = identity.project_id(
            manager, parsed_args.project, parsed_args.project_domain)
    return parameters
