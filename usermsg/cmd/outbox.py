# SPDX-License-Identifier: Apache-2.0
"""Commands ``usermsg-manage outbox``."""

import collections
import itertools

from cliff import lister

from usermsg.cmd import db as db_command
from usermsg.cmd import option_types
from usermsg.cmd import progress
from usermsg.cmd import timestamp
from usermsg.db import clock
from usermsg.db import engine
from usermsg import exception
from usermsg.objects import outbox
from usermsg.outbox import writer

_OPTIONS = ('id', 'driver', 'event_type', 'dead_letters', 'pending', 'since',
            'before')
#: Maximum number of ids of one command.
_MAX_IDS = 1000


def add_filter_options(parser):
    """Add the options that select notifications; return their group."""
    group = parser.add_argument_group('filters')
    group.add_argument(
        '--id', metavar='ID', nargs='+', action='extend',
        type=option_types.message_id,
        help=f'only these ids (message_id); at most {_MAX_IDS:,}')
    group.add_argument(
        '--driver', metavar='NAME', action='append', type=option_types.driver,
        help='only notifications for this driver; may be repeated')
    group.add_argument(
        '--event-type', metavar='TYPE', type=option_types.event_type,
        help='only notifications of this type, e.g. message.create')
    state = group.add_mutually_exclusive_group()
    state.add_argument('--dead-letters', action='store_true',
                       help='only dead letters, which are not retried')
    state.add_argument('--pending', action='store_true',
                       help='only pending notifications, no dead letters')
    group.add_argument(
        '--since', metavar='AGE|TIME', type=timestamp.parse,
        help=f'only notifications queued at that time or later: '
             f'{timestamp.FORMATS}')
    group.add_argument(
        '--before', metavar='AGE|TIME', type=timestamp.parse,
        help='only notifications queued before that time, see --since')
    return group


def build_filter(parsed_args, now):
    """Return the :class:`usermsg.objects.outbox.EntryFilter` of the options.

    :raises usermsg.exception.InvalidInput: the options contradict each other
    """
    if len(parsed_args.id or ()) > _MAX_IDS:
        raise exception.InvalidInput(
            '--id', f'accepts at most {_MAX_IDS:,} ids.')
    since, before = (value and timestamp.resolve(now, value)
                     for value in (parsed_args.since, parsed_args.before))
    if since and before and since >= before:
        raise exception.InvalidInput('--since', 'must be before --before.')
    return outbox.EntryFilter(
        ids=tuple(parsed_args.id or ()),
        drivers=tuple(parsed_args.driver or ()),
        event_type=parsed_args.event_type,
        dead_letters=True if parsed_args.dead_letters else
        False if parsed_args.pending else None,
        since=since, before=before)


class List(db_command.Command, lister.Lister):
    """List the undelivered notifications in the order of their events.

    Their content is not shown.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_filter_options(parser)
        parser.add_argument(
            '--limit', metavar='N', type=option_types.number(1, 100_000),
            default=100,
            help='maximum number of rows, oldest first: 1 to 100000 '
                 '(default: 100)')
        return parser

    def take_action(self, parsed_args):
        database = engine.Database(self.app.conf)
        entry_filter = build_filter(parsed_args, clock.read(database))
        limit = parsed_args.limit
        entries = itertools.chain.from_iterable(
            outbox.pages(database, entry_filter))
        rows = list(itertools.islice(entries, limit + 1))
        if len(rows) > limit:
            self.app.stderr.write(
                f'Only {limit:,} notifications are shown: increase --limit, '
                f'or see "usermsg-manage stats --by driver".\n')
        if not rows:
            self.app.stderr.write(
                'No notification in the outbox matches.\n' if any(
                    getattr(parsed_args, name) for name in _OPTIONS)
                else 'The outbox is empty.\n')
        # Null in formats for programs, an empty cell for people.
        empty = None if parsed_args.formatter in ('json', 'yaml') else ''
        return (('Id', 'Driver', 'Event type', 'Priority', 'Subject', 'State',
                 'Attempts', 'Queued', 'Due', 'Reason'),
                [(row.id, row.driver, row.event_type, row.priority,
                  row.subject,
                  'dead letter' if row.set_aside else 'pending',
                  row.attempts, timestamp.format(row.queued_at),
                  empty if row.due_at is None else timestamp.format(
                      row.due_at),
                  row.reason or empty) for row in rows[:limit]])


class _Change(progress.Change):
    """Change of the selected notifications."""

    items, filters = 'notifications', _OPTIONS

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        self.add_all_option(add_filter_options(parser))
        return parser

    def take_action(self, parsed_args):
        """Change the notifications; return the names of their drivers."""
        self.check_selection(parsed_args)
        database = engine.Database(self.app.conf)
        now = clock.read(database)
        entry_filter = build_filter(parsed_args, now)
        counts = self.count(outbox.count_by_type(database, entry_filter),
                            collections.Counter())
        if parsed_args.dry_run:
            for (driver, event_type), number in sorted(counts.items()):
                self.say(f'{number:,} {event_type} for {driver}')
        self.change(self._steps(database, entry_filter, now), counts.total(),
                    self.items, self.done, self.would,
                    parsed_args.dry_run)
        return {driver for driver, _type in counts}


class Retry(_Change):
    """Retry notifications, also after [relay] max_attempts and max_age.

    Usually for dead letters (--dead-letters), after their cause was fixed.
    usermsg-worker delivers the notifications in its next shard pass. The
    command uses small transactions with delays ([reaper] batch_delay). Ctrl-C
    ends it after the current transaction; the exit status is then 130.
    """

    done, would = 'will be retried', 'would be retried'

    def _steps(self, database, entry_filter, now):
        return outbox.retry(database, entry_filter, now)

    def take_action(self, parsed_args):
        drivers = super().take_action(parsed_args)
        for driver in sorted(
                drivers.difference(writer.configured_drivers(self.app.conf))):
            self.app.stderr.write(
                f'Driver {driver} is not configured, so its notifications '
                f'stay in the outbox.\n')


class Drop(progress.Drop, _Change):
    """Remove notifications without delivering them.

    The consumers never receive them. The command uses small transactions with
    delays ([reaper] batch_delay). Ctrl-C ends it after the current
    transaction, and the same command continues from there; the exit status is
    then 130.
    """

    def _steps(self, database, entry_filter, now):
        return outbox.drop(database, entry_filter)
