# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage outbox``"""

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

_OPTIONS = ('id', 'driver', 'event_type', 'set_aside', 'waiting', 'since',
            'before')
#: Ids that are given at a time at most.
_IDS = 1000


def add_choice(parser):
    """The options that say which notifications are meant."""
    group = parser.add_argument_group('which notifications')
    group.add_argument(
        '--id', metavar='ID', nargs='+', action='extend',
        type=option_types.message_id,
        help=f'those with these ids, the message_id; {_IDS:,} at most')
    group.add_argument(
        '--driver', metavar='NAME', action='append', type=option_types.driver,
        help='those for this driver; may be given several times')
    group.add_argument(
        '--event-type', metavar='TYPE', type=option_types.event_type,
        help='those of this type, e.g. message.create')
    state = group.add_mutually_exclusive_group()
    state.add_argument('--set-aside', action='store_true',
                       help='those that are not tried any more')
    state.add_argument('--waiting', action='store_true',
                       help='those that are not set aside')
    group.add_argument(
        '--since', metavar='AGE|TIME', type=timestamp.parse,
        help=f'those that have been waiting since then or later: '
             f'{timestamp.FORMS}')
    group.add_argument(
        '--before', metavar='AGE|TIME', type=timestamp.parse,
        help='those that have been waiting since before then: likewise')
    return group


def chosen(parsed_args, now):
    """A :class:`usermsg.objects.outbox.Chosen` of the options."""
    if len(parsed_args.id or ()) > _IDS:
        raise exception.InvalidInput(
            '--id', f'there can be no more than {_IDS:,} at a time.')
    since, before = (value and timestamp.before(now, value)
                     for value in (parsed_args.since, parsed_args.before))
    if since and before and since >= before:
        raise exception.InvalidInput('--since', 'must be before --before.')
    return outbox.Chosen(
        ids=tuple(parsed_args.id or ()),
        drivers=tuple(parsed_args.driver or ()),
        event_type=parsed_args.event_type,
        set_aside=True if parsed_args.set_aside else
        False if parsed_args.waiting else None,
        since=since, before=before)


class List(db_command.Command, lister.Lister):
    """List the notifications that are still to be delivered.

    In the order of their events. What they hold is not shown.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        add_choice(parser)
        parser.add_argument(
            '--limit', metavar='N', type=option_types.number(1, 100_000),
            default=100,
            help='as many at most, the oldest first: 1 to 100000 (default: '
                 '100)')
        return parser

    def take_action(self, parsed_args):
        database = engine.Database(self.app.conf)
        which = chosen(parsed_args, clock.read(database))
        limit = parsed_args.limit
        found = itertools.chain.from_iterable(outbox.pages(database, which))
        rows = list(itertools.islice(found, limit + 1))
        if len(rows) > limit:
            self.app.stderr.write(
                f'There are more than these {limit:,}: see --limit, or '
                f'"usermsg-manage stats --by driver".\n')
        if not rows:
            self.app.stderr.write(
                'Nothing in the outbox is like that.\n' if any(
                    getattr(parsed_args, name) for name in _OPTIONS)
                else 'Nothing is in the outbox.\n')
        # Programs can tell that there is nothing.
        nothing = None if parsed_args.formatter in ('json', 'yaml') else ''
        return (('Id', 'Driver', 'Event type', 'Priority', 'Subject', 'State',
                 'Attempts', 'Queued', 'Due', 'Reason'),
                [(row.id, row.driver, row.event_type, row.priority,
                  row.subject, 'set aside' if row.set_aside else 'waiting',
                  row.attempts, shown(row.queued_at),
                  nothing if row.due_at is None else shown(row.due_at),
                  row.reason or nothing) for row in rows[:limit]])


def shown(when):
    """A time of a row, for people."""
    return clock.aware(when).isoformat(timespec='seconds')


class _Change(progress.Command):
    """A change of notifications; says of which drivers they are."""

    #: What happens to them.
    done = would = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        group = add_choice(parser)
        group.add_argument('--all', action='store_true',
                           help='all of them; only without the others')
        return parser

    def take_action(self, parsed_args):
        given = [f'--{name.replace("_", "-")}' for name in _OPTIONS
                 if getattr(parsed_args, name)]
        if parsed_args.all == bool(given):
            raise exception.InvalidInput(
                '--all', f'cannot be used with {given[0]}.' if given else
                'is needed to mean all of them; otherwise say which, as '
                '--help explains.')
        database = engine.Database(self.app.conf)
        now = clock.read(database)
        which = chosen(parsed_args, now)
        kinds = self.count(outbox.kinds(database, which),
                           collections.Counter())
        if parsed_args.dry_run:
            for (driver, event_type), number in sorted(kinds.items()):
                self.say(f'{number:,} {event_type} for {driver}')
        self.change(self._steps(database, which, now), kinds.total(),
                    'notifications', self.done, self.would,
                    parsed_args.dry_run)
        return {driver for driver, _type in kinds}


class Retry(_Change):
    """Have notifications tried again from the beginning, also old ones.

    Usually those that were set aside, when the reason is mended: --set-aside.
    usermsg-worker delivers them in its next round. In small transactions,
    with pauses ([reaper] batch_delay); Ctrl-C ends it after the one under way. The
    exit status is then 130.
    """

    done, would = 'will be tried again', 'would be tried again'

    def _steps(self, database, which, now):
        return outbox.retry(database, which, now)

    def take_action(self, parsed_args):
        drivers = super().take_action(parsed_args)
        for driver in sorted(
                drivers.difference(writer.configured_drivers(self.app.conf))):
            self.app.stderr.write(
                f'{driver} is not configured, so those for it stay where '
                f'they are.\n')


class Drop(_Change):
    """Remove notifications without delivering them.

    Nobody is told of them then. In small transactions, with pauses ([reaper]
    batch_delay); Ctrl-C ends it after the one under way, and the same command goes
    on from there. The exit status is then 130.
    """

    done, would = 'have been dropped', 'would be dropped'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--yes', action='store_true',
                            help='needed to drop them, unless --dry-run is '
                                 'given')
        return parser

    def take_action(self, parsed_args):
        if not (parsed_args.yes or parsed_args.dry_run):
            raise exception.InvalidInput(
                '--yes', 'is needed to drop notifications for good; --dry-run '
                'shows which they would be.')
        super().take_action(parsed_args)

    def _steps(self, database, which, now):
        return outbox.drop(database, which)
