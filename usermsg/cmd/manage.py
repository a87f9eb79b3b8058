# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage``: what an operator does by hand."""

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
    """Commands find the configuration in ``app.conf``, read when needed."""

    def __init__(self):
        super().__init__(
            description='Set up and look after the user-messages service.',
            version=version.installed(),
            command_manager=commandmanager.CommandManager('usermsg.manage'),
            deferred_help=True)

    def build_option_parser(self, description, version, argparse_kwargs=None):
        parser = super().build_option_parser(description, version,
                                             argparse_kwargs)
        parser.add_argument(
            '--config-file', metavar='PATH', action='append', default=[],
            help='A configuration file; may be given several times. Without '
                 f'it those that {config.CONFIG_FILES_VARIABLE} names, or '
                 'usermsg.conf in ~/.usermsg, ~, /etc/usermsg or /etc.')
        return parser

    def configure_logging(self):
        super().configure_logging()
        # It tells each step; the commands say what came of them.
        logging.getLogger('alembic').setLevel(logging.WARNING)
        logging.getLogger('usermsg.db').setLevel(logging.CRITICAL)

    @functools.cached_property
    def conf(self):
        return config.load_config([
            f'--config-file={path}' for path in self.options.config_file])


def main(argv=None):
    arguments = sys.argv[1:] if argv is None else argv
    # Without a command cliff would open a shell of its own.
    return Manage().run(arguments or ['--help'])


if __name__ == '__main__':
    sys.exit(main())
