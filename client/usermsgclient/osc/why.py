# SPDX-License-Identifier: Apache-2.0
"""``openstack user message why``: why a resource is as it is."""

import datetime

from cliff.formatters import base as formatters
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions

from usermsgclient.osc import base
from usermsgclient.osc import message
from usermsgclient.osc import options

_OF_MESSAGE = ('user_message', 'message_level', 'event_id', 'resource_type',
               'resource_uuid', 'created_at', 'request_id', 'id')
_OF_DEFINITION = ('remedy', 'user_fixable', 'retryable', 'link')


class Why(base.Texts, base.ShowOne):
    _description = (
        'Say why an operation on a resource failed, and what can be done. '
        'That is its newest error or, if none was recorded, the newest of '
        'its other messages.')

    # The usual ones, and sentences; they are entry points of our own, so
    # that no other command has those.
    formatter_namespace = 'usermsgclient.formatter.why'
    formatter_default = 'sentence'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'resource',
            metavar='<resource>',
            type=options.identifier,
            help='Resource, such as a volume (ID)')
        options.add_scope(parser, 'Look into messages')
        return parser

    def take_action(self, parsed_args):
        client = self.client(parsed_args)
        cause = client.find_cause(
            parsed_args.resource,
            **message.scope(self.app.client_manager, parsed_args))
        if cause is None:
            raise exceptions.CommandError(
                f'No message is known about {parsed_args.resource}. Give the '
                'ID of the resource, not its name; and messages are not kept '
                'for ever.')
        try:
            definition = client.find_defined_message(cause.event_id)
        except sdk_exceptions.ForbiddenException:
            # The cause is worth more than advice.
            definition = None
        values = {name: getattr(cause, name) for name in _OF_MESSAGE}
        values |= {name: getattr(definition, name, None)
                   for name in _OF_DEFINITION}
        return tuple(values), tuple(values.values())


class SentenceFormatter(formatters.SingleFormatter):
    """Sentences for people; a line about what they are about."""

    def add_argument_group(self, parser):
        pass

    def emit_one(self, column_names, data, stdout, parsed_args):
        values = dict(zip(column_names, data))
        for line in (_advice(values), _context(values)):
            if line:
                stdout.write(f'{line}\n')


def _advice(values):
    said = [values.get('user_message'), values.get('remedy')]
    if not values.get('remedy'):
        if values.get('retryable'):
            said.append('Trying again later may help.')
        elif values.get('user_fixable') is False:
            said.append('Only your operator can remove the cause.')
    if link := values.get('link'):
        said.append(f'See {link}')
    return ' '.join(part for part in said if part)


def _context(values):
    about = [values.get('message_level'), ' '.join(
        part for part in (values.get('resource_type'),
                          values.get('resource_uuid')) if part)]
    if created_at := values.get('created_at'):
        about.append(datetime.datetime.fromisoformat(created_at).strftime(
            '%Y-%m-%d %H:%M:%S UTC'))
    if request_id := values.get('request_id'):
        about.append(f'request {request_id}')
    about = [part for part in about if part]
    return f'({", ".join(about)})' if about else ''
