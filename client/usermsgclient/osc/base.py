# SPDX-License-Identifier: Apache-2.0
"""What all commands have in common."""

import contextlib

from openstack import exceptions as sdk_exceptions
from osc_lib.command import command
from osc_lib import exceptions

from usermsgclient.osc import options


class Command(command.Command):
    """A command whose errors are what the service says."""

    def run(self, parsed_args):
        with said():
            return super().run(parsed_args)


class Lister(Command, command.Lister):
    pass


class ShowOne(Command, command.ShowOne):
    pass


class Texts:
    """A command that shows texts of the catalogue, in a language."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_language(parser)
        return parser

    def client(self, parsed_args):
        client = self.app.client_manager.user_message
        client.language = parsed_args.language
        return client


@contextlib.contextmanager
def said():
    """Ends a command with the service's words, if it refused something."""
    try:
        yield
    except sdk_exceptions.HttpException as error:
        raise exceptions.CommandError(words(error)) from error


def words(error):
    """Why, in the words of the service, and what its operator asks for."""
    if not isinstance(error, sdk_exceptions.HttpException):
        return str(error)
    details = _details(error.response) or error.details
    if not details:
        return str(error)
    marks = [f'HTTP {error.status_code}']
    if error.request_id:
        marks.append(f'request {error.request_id}')
    return f'{details} ({", ".join(marks)})'


def _details(response):
    """What a body of our form says; None if it is of another."""
    try:
        return '\n'.join(entry['detail']
                         for entry in response.json()['errors'])
    except (AttributeError, KeyError, TypeError, ValueError):
        # Somebody else's, such as a proxy's before the service.
        return None
