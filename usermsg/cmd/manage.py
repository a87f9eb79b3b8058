# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage``: administration commands for operators."""

import ast
import functools
from importlib import metadata
from importlib import util
import logging
import sys

from cliff import app
from cliff import commandmanager

from usermsg.cmd import streams
from usermsg.concurrency import backend
from usermsg import config
from usermsg import version


class Commands(commandmanager.CommandManager):
    """Commands of entry points, each imported when it is selected.

    The base class imports all of them at once, and with them the libraries
    of databases and brokers, which takes more than a second.
    """

    def load_commands(self, namespace):
        self.group_list.append(namespace)
        self.commands.update(
            (entry_point.name.replace('_', ' '), entry_point)
            for entry_point in metadata.entry_points(group=namespace))

    def find_command(self, argv):
        # Before the module of the command imports oslo.messaging.
        backend.use_threads()
        return super().find_command(argv)


def _read_summary(entry_point):
    """Return the first line of a class's docstring, without importing it.

    Empty if the class, such as that of another package, has none, or cannot
    be found.
    """
    module, _, name = entry_point.value.partition(':')
    try:
        tree = ast.parse(util.find_spec(module).loader.get_source(module))
    except (AttributeError, ImportError, TypeError):
        return ''  # no such module, or one without a source
    docstring = next((
        ast.get_docstring(node) for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == name), None)
    return (docstring or '').partition('\n')[0].rstrip('.')


class Manage(app.App):
    """Application whose commands read the configuration from ``app.conf``.

    It is loaded when it is needed first.
    """

    def __init__(self):
        super().__init__(
            description='Set up and maintain the user-messages service.',
            version=version.installed(),
            command_manager=Commands('usermsg.manage'),
            deferred_help=True)

    def build_option_parser(self, description, version, argparse_kwargs=None):
        parser = super().build_option_parser(description, version,
                                             argparse_kwargs)
        parser.add_argument(
            '--config-file', metavar='PATH', action='append', default=[],
            help='A configuration file; may be repeated. The default is the '
                 f'files in {config.CONFIG_FILES_VARIABLE}, or usermsg.conf '
                 'in ~/.usermsg, ~, /etc/usermsg or /etc.')
        return parser

    def configure_logging(self):
        super().configure_logging()
        # Both log each step, and the commands print the results.
        logging.getLogger('alembic').setLevel(logging.WARNING)
        logging.getLogger('usermsg.db').setLevel(logging.CRITICAL)
        # With --verbose lines about each plug-in would precede the results.
        for name in ('stevedore', 'oslo_service'):
            logging.getLogger(name).setLevel(logging.WARNING)

    def print_help_if_requested(self):
        # The base class instantiates each command.
        if not self.options.deferred_help:
            return
        self.parser.print_help(self.stdout)
        self.stdout.write('\nCommands:\n')
        commands = sorted(self.command_manager)
        width = max(len(name) for name, _entry_point in commands)
        for name, entry_point in commands:
            self.stdout.write(
                f'  {name:<{width}}  {_read_summary(entry_point)}\n')
        sys.exit()

    @functools.cached_property
    def conf(self):
        return config.load_config([
            f'--config-file={path}' for path in self.options.config_file])


def main(argv=None):
    streams.escape_unencodable(sys.stdout, sys.stderr)
    arguments = sys.argv[1:] if argv is None else argv
    # Without a command cliff would start an interactive shell.
    return Manage().run(arguments or ['--help'])


if __name__ == '__main__':
    sys.exit(main())
