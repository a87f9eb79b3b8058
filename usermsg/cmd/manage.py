# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage``: administration commands for operators."""

import functools
import logging
import sys

from usermsg.concurrency import backend

backend.use_threads()

from cliff import app  # noqa: E402
from cliff import commandmanager  # noqa: E402

from usermsg import config  # noqa: E402
from usermsg import version  # noqa: E402


class Manage(app.App):
    """Application whose commands read the configuration from ``app.conf``.

    It is loaded when it is needed first.
    """

    def __init__(self):
        super().__init__(
            description='Set up and maintain the user-messages service.',
            version=version.installed(),
            command_manager=commandmanager.CommandManager('usermsg.manage'),
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
        # With --verbose a line for each plug-in would precede the results.
        logging.getLogger('stevedore').setLevel(logging.WARNING)

    @functools.cached_property
    def conf(self):
        return config.load_config([
            f'--config-file={path}' for path in self.options.config_file])


def main(argv=None):
    arguments = sys.argv[1:] if argv is None else argv
    # Without a command cliff would start an interactive shell.
    return Manage().run(arguments or ['--help'])


if __name__ == '__main__':
    sys.exit(main())
