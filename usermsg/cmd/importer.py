# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage import``."""

from oslo_config import cfg

from usermsg.catalogue import loader
from usermsg.cmd import option_types
from usermsg.cmd import progress
from usermsg.cmd import signals
from usermsg.conf import values
from usermsg import config
from usermsg.db import clock
from usermsg.db import engine
from usermsg.db import url as urls
from usermsg import exception
from usermsg.importer import conversion
from usermsg.importer import source
from usermsg.importer import transfer

#: Default number of rows in a batch.
BATCH_SIZE = 500


#: Exit status of an import that has skipped rows.
SKIPPED = 3

_DESCRIPTION = f"""
The source database is only read. Messages that were imported before, or have
been deleted here since, are not imported again, and messages whose rows have
been deleted since are deleted here; so the command can be run at any time, and
repeated. Rows that are deleted or have expired are ignored.

The import consists of small transactions; Ctrl-C ends it after the current
one, with exit status {signals.INTERRUPTED}. The exit status is {SKIPPED} if
all rows were read, but some were skipped, because a value in them cannot be
stored; the command prints the reasons.
"""


class _Import(progress.Command):

    converter_class = None

    def get_description(self):
        return f'{super().get_description()}\n{_DESCRIPTION}'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        source_options = parser.add_mutually_exclusive_group(required=True)
        source_options.add_argument(
            '--from', metavar='URL', dest='url',
            help='URL of the source database, as in the configuration of the '
                 'service; every user who may list the processes of this '
                 'host can read it')
        source_options.add_argument(
            '--from-config', metavar='PATH',
            help='file that contains the URL as [database] connection: the '
                 'configuration of the service, or those two lines alone')
        parser.add_argument(
            '--any-revision', action='store_true',
            help='import tables of an unsupported or unknown revision that '
                 'have the supported columns')
        parser.add_argument(
            '--batch-size', metavar='N', type=option_types.number(1, 1000),
            default=BATCH_SIZE,
            help='maximum number of rows in a transaction: 1 to 1000 '
                 f'(default: {BATCH_SIZE})')
        return parser

    def take_action(self, parsed_args):
        url = (read_url(parsed_args.from_config)
               if parsed_args.url is None else
               urls.parse_url(parsed_args.url, '--from'))
        conf = self.app.conf
        db = engine.Database(conf, no_statement_timeout=True)
        current = transfer.Transfer(
            db, conf, loader.load(conf.catalogue.overlay_dir),
            self.converter_class, clock.read(db), parsed_args.dry_run)
        try:
            with source.connect(url, self.converter_class,
                                parsed_args.any_revision) as table:
                self._import(table, current, parsed_args)
        except exception.SourceDatabaseError as error:
            raise RuntimeError(
                f'The database of {self.converter_class.title} cannot be '
                f'used: {error}') from None
        return SKIPPED if current.report.number_skipped else 0

    def _import(self, table, current, parsed_args):
        total = table.count()
        self.say(f'{total:,} rows, revision {table.revision or "unknown"}.')
        try:
            self.run_steps(
                map(current.import_batch,
                    table.batches(parsed_args.batch_size)),
                total, 'rows')
        finally:
            for line in current.report.lines(parsed_args.dry_run):
                self.say(line)


class Volume(_Import):
    """Import messages of block storage (cinder) from its database."""

    converter_class = conversion.Volume


class Share(_Import):
    """Import messages of shared file systems (manila) from its database."""

    converter_class = conversion.Share


def read_url(path):
    """Read a database's URL from another service's configuration file.

    :returns: the result of :func:`usermsg.db.url.parse_url`
    :raises usermsg.exception.ConfigurationError: the file contains no usable
        URL
    """
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt('connection', secret=True), 'database')
    with config.named_errors(conf):
        conf([], project='usermsg', default_config_files=[path],
             default_config_dirs=[], use_env=False)
    values.check(conf, 'database', ['connection'], use_env=False)
    return urls.parse_url(conf.database.connection,
                          f'{path}: [database] connection')
