# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage import``"""

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

#: Rows that are read and stored at a time.
BATCH = 500

_CLASH = 'id: gives the same new id as that of another row of its time.'

#: As many ids and events of a kind are named at most.
NAMED = 5


class Report:
    """What became of the rows.

    :ivar numbers: how many were ``new``, ``known``, ``deleted_here``,
        ``deleted_there``, ``deleted`` or ``expired``: each row is one of
        these, or skipped; and of how many the event was ``unknown``
    """

    def __init__(self):
        self.numbers = collections.Counter()
        self._skipped = collections.Counter()
        self._names = collections.defaultdict(list)

    def skip(self, old_id, reason):
        """Count a row that can't be brought over."""
        self._skipped[reason] += 1
        self._name(reason, text.printable(old_id))

    def unknown(self, event_id):
        """Count a row of an event that isn't in the catalogue."""
        self.numbers['unknown'] += 1
        self._name('unknown', event_id)

    def _name(self, kind, name):
        names = self._names[kind]
        # One more than is shown, to know that there are more.
        if len(names) <= NAMED and name not in names:
            names.append(name)

    def _shown(self, kind):
        *names, last = self._names[kind]
        return ', '.join([*names, '...' if len(names) == NAMED else last])

    def lines(self, dry_run=False):
        """Sentences, for an operator."""
        done, gone = (('would be imported', 'would be deleted') if dry_run
                      else ('have been imported', 'have been deleted'))
        numbers = self.numbers
        yield f'{numbers["new"]:,} messages {done}.'
        for name, words in (
                ('known', 'were imported before.'),
                ('deleted_here', 'were imported before, and deleted here '
                                 'since.'),
                ('deleted_there', f'{gone} here, as they have been deleted '
                                  f'there.'),
                ('deleted', 'rows were left behind, as they are deleted.'),
                ('expired', 'rows were left behind, as they have expired.'),
        ):
            if numbers[name]:
                yield f'{numbers[name]:,} {words}'
        if numbers['unknown']:
            yield (f'{numbers["unknown"]:,} have an event that the catalogue '
                   f'lacks, and are shown with a general text: '
                   f'{self._shown("unknown")}')
        if self._skipped:
            yield f'{self._skipped.total():,} rows were skipped:'
        for reason, number in self._skipped.most_common():
            yield f'  {number:,}: {reason} Ids: {self._shown(reason)}'


class _Import(progress.Command):

    kind = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument(
            '--from', metavar='URL', dest='url',
            help='the address of its database, as in its configuration; '
                 'whoever may list processes on this host can read it')
        where.add_argument(
            '--from-config', metavar='PATH',
            help='a file with that address as [database] connection: its own '
                 'configuration, or those two lines alone')
        parser.add_argument(
            '--any-revision', action='store_true',
            help='go on if the revision of its tables is unknown, but the '
                 'columns are known')
        parser.add_argument(
            '--batch-size', metavar='N', type=option_types.number(1, 1000),
            default=BATCH,
            help='rows that are stored in one transaction at most: 1 to 1000 '
                 f'(default: {BATCH})')
        return parser

    def take_action(self, parsed_args):
        url = (configured(parsed_args.from_config)
               if parsed_args.url is None else
               urls.parse_url(parsed_args.url, '--from'))
        conf = self.app.conf
        self._db = engine.Database(conf, no_statement_timeout=True)
        catalogue = loader.load(conf.catalogue.overlay_dir)
        self._known_events = catalogue.resolved_events
        self._converter = self.kind(
            catalogue, message_api.ttl_by_level(conf.messages),
            clock.read(self._db))
        self._report = Report()
        try:
            with source.connect(url, self.kind,
                                parsed_args.any_revision) as table:
                self._import(table, parsed_args)
        except exception.SourceDatabaseError as error:
            raise RuntimeError(
                f'The database of {self.kind.title} cannot be used: {error}'
            ) from None

    def _import(self, table, parsed_args):
        total = table.count()
        self.say(f'{total:,} rows, revision {table.revision or "unknown"}.')
        try:
            self.follow(
                (self._bring(rows, parsed_args.dry_run)
                 for rows in table.batches(parsed_args.batch_size)),
                total, 'rows')
        finally:
            for line in self._report.lines(parsed_args.dry_run):
                self.say(line)

    def _bring(self, rows, dry_run):
        """Bring one batch over; returns how many rows it has."""
        new_messages, gone = {}, []
        numbers = self._report.numbers
        for row in rows:
            if self._converter.is_deleted(row):
                numbers['deleted'] += 1
                with contextlib.suppress(exception.InvalidInput):
                    gone.append(self._converter.identity(row))
                continue
            try:
                new_message = self._converter.new_message(row)
            except exception.InvalidInput as error:
                self._report.skip(row.id, str(error))
                continue
            if new_message is None:
                numbers['expired'] += 1
            else:
                new_messages[new_message] = row.id
        results, clashes = store.store(self._db, list(new_messages), gone, dry_run)
        numbers.update(results)
        # Each was counted as deleted too.
        numbers['deleted'] -= results['deleted_there']
        for new_message in clashes:
            self._report.skip(new_messages.pop(new_message), _CLASH)
        for new_message in new_messages:
            if new_message.row.event_id not in self._known_events:
                self._report.unknown(new_message.row.event_id)
        return len(rows)


_DESCRIPTION = """Bring the messages of {title} over, from its own database.

    Which is only read. What was imported before isn't again, nor is what
    has been deleted here since, and what was deleted there since is deleted
    here; so it can be run at any time, and run again. Rows that are deleted
    or have expired are left behind. In small transactions; Ctrl-C ends it
    after the one under way, with exit status 130.
    """


class Volume(_Import):

    __doc__ = _DESCRIPTION.format(title='block storage (cinder)')
    kind = conversion.Volume


class Share(_Import):

    __doc__ = _DESCRIPTION.format(title='shared file systems (manila)')
    kind = conversion.Share


def configured(path):
    """The address that another service's configuration file gives.

    :raises usermsg.exception.ConfigurationError: it gives none that can be
        used
    """
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt('connection', secret=True), 'database')
    with config.named_errors(conf):
        conf([], project='usermsg', default_config_files=[path],
             default_config_dirs=[], use_env=False)
    values.check(conf, 'database', ['connection'], use_env=False)
    return urls.parse_url(conf.database.connection,
                           f'{path}: [database] connection')
