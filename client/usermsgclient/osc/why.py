# SPDX-License-Identifier: Apache-2.0
"""Command ``openstack user message why``: the cause of a failure."""

import datetime
import time

from cliff.formatters import base as formatters
from osc_lib import exceptions

from usermsgclient.osc import base
from usermsgclient.osc import message
from usermsgclient.osc import options
from usermsgclient.osc import poll
from usermsgclient.osc import resources

#: Seconds between two requests of ``--wait``.
INTERVAL = 3

#: Default of the seconds of ``--timeout``.
_TIMEOUT = 300

_MESSAGE_FIELDS = ('user_message', 'message_level', 'event_id',
                   'resource_type', 'resource_uuid', 'created_at',
                   'request_id', 'id', 'project_id', 'remedy',
                   'user_fixable', 'retryable', 'link')
_LATER_FIELDS = ('user_message', 'message_level', 'created_at')
#: Fields without a place in the text.
_OTHER_FIELDS = ('event_id', 'id', 'project_id', 'user_fixable', 'retryable')


class Why(base.Localized, base.ShowOne):
    _description = (
        'Display why an operation on a resource failed, and the remedy. The '
        'cause is the newest error message of the resource or, if it has '
        'none, its newest message. A later message of another level, such as '
        'that of a success, is displayed too.')
    fields = (*_MESSAGE_FIELDS, *(f'later_{name}' for name in _LATER_FIELDS))

    # The namespace contains the usual formatters and TextFormatter; it is
    # separate, so that no other command offers TextFormatter.
    formatter_namespace = 'usermsgclient.formatter.why'
    formatter_default = 'text'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        resource = parser.add_mutually_exclusive_group(required=True)
        resource.add_argument(
            'resource',
            metavar='<resource>',
            nargs='?',
            type=options.identifier,
            help='Resource of any type, such as a volume (ID; a UUID in any '
                 'letter case, with or without dashes)')
        for kind in resources.KINDS:
            resource.add_argument(
                f'--{kind}',
                metavar=f'<{kind}>',
                type=options.identifier,
                help=f'The {kind} (name or ID; only an ID with '
                     f'--all-projects or --project)')
        parser.add_argument(
            '--wait',
            action='store_true',
            help='Wait until there is an error message about the resource')
        parser.add_argument(
            '--timeout',
            metavar='<seconds>',
            type=options.positive,
            help='The maximum number of seconds to wait (default: '
                 f'{_TIMEOUT}); only with --wait')
        options.add_scope(parser, 'Search the messages')
        return parser

    def take_action(self, parsed_args):
        if parsed_args.timeout is not None and not parsed_args.wait:
            raise exceptions.CommandError('--timeout requires --wait.')
        client = self.client(parsed_args)
        scope = message.project_scope(self.app.client_manager, parsed_args)
        resource_uuid = self._resource_uuid(parsed_args)
        if parsed_args.wait:
            _wait_for_error(client, resource_uuid,
                            parsed_args.timeout or _TIMEOUT, scope)
        newest = next(client.messages(resource_uuid=resource_uuid,
                                      max_items=1, **scope), None)
        if newest is None:
            raise exceptions.CommandError(
                f'No message about {resource_uuid} was found. Give the ID of '
                f'the resource, or its name with an option such as --volume; '
                f'and note that messages expire.')
        cause = newest
        if newest.message_level != 'ERROR':
            cause = client.find_cause(resource_uuid, **scope) or newest
        later = None if newest.id == cause.id else newest
        return self.fields, (
            *(getattr(cause, name) for name in _MESSAGE_FIELDS),
            *(getattr(later, name, None) for name in _LATER_FIELDS))

    def _resource_uuid(self, parsed_args):
        for kind in resources.KINDS:
            name_or_id = getattr(parsed_args, kind)
            if name_or_id is None:
                continue
            if not parsed_args.all_projects and parsed_args.project is None:
                return resources.find(
                    self.app.client_manager.sdk_connection, kind, name_or_id)
            if resources.is_uuid(name_or_id):
                return name_or_id
            # The services look up names in the token's project, where
            # another resource can have the name.
            raise exceptions.CommandError(
                f'--{kind} {name_or_id}: names are looked up in your own '
                f'project. With --all-projects or --project give the ID of '
                f'the {kind}.')
        return parsed_args.resource


def _wait_for_error(client, resource_uuid, timeout, scope):
    """Wait until a resource has an error message, or for the timeout.

    Temporary failures are logged; see
    :class:`usermsgclient.osc.poll.Poll`.
    """
    end = time.monotonic() + timeout
    polling = poll.Poll()
    while True:
        with polling.attempt():
            if any(client.messages(
                    resource_uuid=resource_uuid, message_level='ERROR',
                    max_items=1, **scope)):
                return
        remaining = end - time.monotonic()
        if remaining <= 0:
            return
        time.sleep(min(INTERVAL, remaining))


class TextFormatter(formatters.SingleFormatter):
    """Formatter of a line of cause and remedy, and one of its context.

    A line about a later message precedes them. Selected fields that these
    lines do not contain have a line each.
    """

    def add_argument_group(self, parser):
        pass

    def emit_one(self, column_names, data, stdout, parsed_args):
        values = dict(zip(column_names, data))
        selected = column_names if parsed_args.columns else ()
        others = {name: values.pop(name) for name in selected
                  if name in _OTHER_FIELDS or not values[name]}
        if not parsed_args.all_projects:
            # The user knows the project.
            values.pop('project_id', None)
        advice = _advice(values)
        later = ' '.join(part for part in (
            values.get('later_user_message'), _context({
                name: values.get(f'later_{name}') for name in _LATER_FIELDS}))
            if part)
        if later and advice:
            advice = f'Before that: {advice}'
        for line in (later, advice, _context(values), *(
                f'{name}: {value}' for name, value in others.items())):
            if line:
                stdout.write(f'{line}\n')


def _advice(values):
    parts = [values.get('user_message'), values.get('remedy')]
    if not values.get('remedy'):
        if values.get('retryable'):
            parts.append('Trying again later may help.')
        elif values.get('user_fixable') is False:
            parts.append('Only your operator can remove the cause.')
    if link := values.get('link'):
        parts.append(f'See {link}')
    return ' '.join(part for part in parts if part)


def _context(values):
    parts = [values.get('message_level'), ' '.join(
        part for part in (values.get('resource_type'),
                          values.get('resource_uuid')) if part)]
    if project_id := values.get('project_id'):
        parts.append(f'project {project_id}')
    if created_at := values.get('created_at'):
        parts.append(datetime.datetime.fromisoformat(created_at).strftime(
            '%Y-%m-%d %H:%M:%S UTC'))
    if request_id := values.get('request_id'):
        parts.append(f'request {request_id}')
    parts = [part for part in parts if part]
    return f'({", ".join(parts)})' if parts else ''
