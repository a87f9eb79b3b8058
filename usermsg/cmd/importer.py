# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage import``."""

import collections
import contextlib

from oslo_config import cfg

from usermsg.catalogue import loader
from usermsg.cmd import option_types
from usermsg.cmd import progress
from usermsg.conf import values
from usermsg import config
from usermsg.db import clock
from usermsg.db import engine
from usermsg.db import url as urls
from usermsg import exception
from usermsg.importer import conversion
from usermsg.importer import source
from usermsg.importer import store
from usermsg.message import api as message_api
from usermsg import text

#: Default number of rows in a batch.
BATCH_SIZE = 500

_CLASH = 'id: another row of the same time has the same new id.'

#: Ids that are listed for each reason, and events, at most.
MAX_NAMES = 5


class Report:
    """Summary of an import.

    :ivar numbers: number of rows that were ``new``, ``imported_before``,
        ``deleted_here``, ``deleted_there``, ``deleted`` or ``expired``: each
        row is counted as one of these, or as skipped; and of those whose
        event was ``unknown``
    """

    def __init__(self):
        self.numbers = collections.Counter()
        self._skipped = collections.Counter()
        self._names = collections.defaultdict(list)

    def skip(self, old_id, reason):
        """Count a row that can't be imported."""
        self._skipped[reason] += 1
        self._add_name(reason, text.printable(old_id))

    def add_unknown(self, event_id):
        """Count a row whose event isn't in the catalogue."""
        self.numbers['unknown'] += 1
        self._add_name('unknown', event_id)

    def _add_name(self, reason, name):
        names = self._names[reason]
        # One name more than is listed shows that there are more.
        if len(names) <= MAX_NAMES and name not in names:
            names.append(name)

    def _join_names(self, reason):
        *names, last = self._names[reason]
        return ', '.join([*names, '...' if len(names) == MAX_NAMES else last])

    def lines(self, dry_run=False):
        """Yield the lines of the report, for the operator."""
        verb = 'would be' if dry_run else 'have been'
        numbers = self.numbers
        yield f'{numbers["new"]:,} messages {verb} imported.'
        for name, result in (
                ('imported_before', 'messages were imported before.'),
                ('deleted_here', 'messages were imported before, and deleted '
                                 'here since.'),
                ('deleted_there', f'messages {verb} deleted here, because '
                                  f'their rows have been deleted.'),
                ('deleted', 'rows were ignored, because they are deleted.'),
                ('expired', 'rows were ignored, because they have expired.'),
        ):
            if numbers[name]:
                yield f'{numbers[name]:,} {result}'
        if numbers['unknown']:
            yield (f'{numbers["unknown"]:,} messages have an event that is '
                   f'not in the catalogue, and are shown with a general text: '
                   f'{self._join_names("unknown")}')
        if self._skipped:
            yield f'{self._skipped.total():,} rows were skipped:'
        for reason, number in self._skipped.most_common():
            yield f'  {number:,}: {reason} Ids: {self._join_names(reason)}'


class _Import(progress.Command):

    converter_class = None

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
        self._db = engine.Database(conf, no_statement_timeout=True)
        catalogue = loader.load(conf.catalogue.overlay_dir)
        self._event_ids = catalogue.resolved_events
        self._converter = self.converter_class(
            catalogue, message_api.ttl_by_level(conf.messages),
            clock.read(self._db))
        self._report = Report()
        try:
            with source.connect(url, self.converter_class,
                                parsed_args.any_revision) as table:
                self._import(table, parsed_args)
        except exception.SourceDatabaseError as error:
            raise RuntimeError(
                f'The database of {self.converter_class.title} cannot be '
                f'used: {error}') from None

    def _import(self, table, parsed_args):
        total = table.count()
        self.say(f'{total:,} rows, revision {table.revision or "unknown"}.')
        try:
            self.run_steps(
                (self._import_batch(rows, parsed_args.dry_run)
                 for rows in table.batches(parsed_args.batch_size)),
                total, 'rows')
        finally:
            for line in self._report.lines(parsed_args.dry_run):
                self.say(line)

    def _import_batch(self, rows, dry_run):
        """Import a batch of rows; return their number."""
        new_messages, deleted = {}, []
        numbers = self._report.numbers
        for row in rows:
            if self._converter.is_deleted(row):
                numbers['deleted'] += 1
                with contextlib.suppress(exception.InvalidInput):
                    deleted.append(self._converter.build_identity(row))
                continue
            try:
                new_message = self._converter.convert(row)
            except exception.InvalidInput as error:
                self._report.skip(row.id, str(error))
                continue
            if new_message is None:
                numbers['expired'] += 1
            else:
                new_messages[new_message] = row.id
        results, clashes = store.store(
            self._db, list(new_messages), deleted, dry_run)
        numbers.update(results)
        # These rows have been counted as deleted too.
        numbers['deleted'] -= results['deleted_there']
        for new_message in clashes:
            self._report.skip(new_messages.pop(new_message), _CLASH)
        for new_message in new_messages:
            if new_message.row.event_id not in self._event_ids:
                self._report.add_unknown(new_message.row.event_id)
        return len(rows)


_DESCRIPTION = """Import the messages of {title} from its database.

    The source database is only read. Messages that were imported before, or
    have been deleted here since, are not imported again, and messages whose
    rows have been deleted since are deleted here; so the command can be run
    at any time, and repeated. Rows that are deleted or have expired are
    ignored. The import consists of small transactions; Ctrl-C ends it after
    the current one, with exit status 130.
    """


class Volume(_Import):

    __doc__ = _DESCRIPTION.format(title='block storage (cinder)')
    converter_class = conversion.Volume


class Share(_Import):

    __doc__ = _DESCRIPTION.format(title='shared file systems (manila)')
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
