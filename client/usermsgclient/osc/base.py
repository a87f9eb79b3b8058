# SPDX-License-Identifier: Apache-2.0
"""Base classes of the commands."""

import contextlib
import io

from openstack import exceptions as sdk_exceptions
from osc_lib.command import command
from osc_lib import exceptions

from usermsgclient.osc import options


class Command(command.Command):
    """Command that reports the errors of the service."""

    def run(self, parsed_args):
        if isinstance(self.app.stdout, io.TextIOWrapper):
            # The locale may have an encoding without the characters of a
            # text: escapes can be read.
            self.app.stdout.reconfigure(errors='backslashreplace')
        with command_errors():
            return self.perform(parsed_args)

    def perform(self, parsed_args):
        """Run the command and write its output; return its exit status."""
        return super().run(parsed_args)


class Lister(Command, command.Lister):

    def columns(self, parsed_args, usual, additional):
        """Return the columns of the list.

        :param usual: columns without ``--long``
        :param additional: others; one that is requested by name is included
        :raises osc_lib.exceptions.CommandError: a column that is requested
            doesn't exist
        """
        requested = (*parsed_args.columns, *parsed_args.sort_columns)
        check_columns(requested, (*usual, *additional))
        normalized = set(map(normalize, requested))
        return (*usual, *(
            name for name in additional
            if parsed_args.long or normalize(name) in normalized))


def normalize(column):
    # As cliff does.
    return column.lower().strip().replace(' ', '_')


def check_columns(requested, existing):
    """Check names of columns; cliff would leave out those it can't find.

    :raises osc_lib.exceptions.CommandError: a column doesn't exist
    """
    normalized = set(map(normalize, existing))
    for name in requested:
        if normalize(name) not in normalized:
            raise exceptions.CommandError(
                f'There is no column {name}. The columns are '
                f'{", ".join(existing)}.')


class ShowOne(Command, command.ShowOne):

    #: Names of all columns; they are checked before a request is sent.
    fields = ()

    def run(self, parsed_args):
        check_columns(parsed_args.columns, self.fields)
        return super().run(parsed_args)


class Localized:
    """Mixin of a command that shows texts in a language of the user."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_language(parser)
        return parser

    def client(self, parsed_args):
        client = self.app.client_manager.user_message
        client.language = parsed_args.language
        return client


@contextlib.contextmanager
def command_errors():
    """End a command with the text of an error of the service.

    :raises osc_lib.exceptions.CommandError: the service returned an error
    """
    try:
        yield
    except sdk_exceptions.HttpException as error:
        raise exceptions.CommandError(format_error(error)) from error


def format_error(error):
    """Return the service's error text with the status and the request id.

    The operator needs the request id to find the request in the logs.
    """
    if not isinstance(error, sdk_exceptions.HttpException):
        return str(error)
    details = _details(error.response) or error.details
    if not details:
        return str(error)
    context = [f'HTTP {error.status_code}']
    if error.request_id:
        context.append(f'request {error.request_id}')
    return f'{details} ({", ".join(context)})'


def _details(response):
    """Return the details of the service's error; None for other bodies."""
    try:
        return '\n'.join(entry['detail']
                         for entry in response.json()['errors'])
    except (AttributeError, KeyError, TypeError, ValueError):
        # The response isn't from the service, but from a proxy, for example.
        return None
