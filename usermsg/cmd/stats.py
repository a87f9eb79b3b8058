# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage stats``"""

import collections
import heapq

from cliff import lister

from usermsg.cmd import db as db_command
from usermsg.cmd import option_types
from usermsg.cmd import timestamp
from usermsg.db import clock
from usermsg.db import engine
from usermsg import exception
from usermsg.objects import outbox
from usermsg.objects import statistics
from usermsg.outbox import writer

#: Characters of the longest bar.
BAR = 40


class Stats(db_command.Command, lister.Lister):
    """Count messages by project, prefix, level or day; the outbox by driver.

    In small steps, which harm nobody. By project, by day and by driver it
    goes through an index of all that are counted; by prefix and by level it
    reads each of them, which takes some times as long. The table of messages
    has a chart; other formats have not.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--by', choices=('project', 'prefix', 'level', 'day', 'driver'),
            default='project', help='what to count by (default: project)')
        parser.add_argument('--project', metavar='ID',
                            type=option_types.project,
                            help='only messages of this project')
        parser.add_argument(
            '--since', metavar='AGE|TIME', type=timestamp.parse,
            help=f'only messages recorded since then: {timestamp.FORMS}')
        parser.add_argument(
            '--limit', metavar='N', type=option_types.number(1, 100_000),
            default=20,
            help='as many rows at most: those with most messages, or the '
                 'last days (default: 20)')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        database = engine.Database(conf)
        if parsed_args.by == 'driver':
            return self._outbox(database, parsed_args, conf)
        since = parsed_args.since
        if since is not None:
            since = timestamp.before(clock.read(database), since)
        by = parsed_args.by
        if by == 'day':
            found = statistics.by_day(database, since, parsed_args.project)
            rows = list(collections.deque(
                ((str(day), number) for day, number in found),
                parsed_args.limit))
        else:
            found = (statistics.by_project(
                database, since, parsed_args.project) if by == 'project' else
                statistics.by_column(
                    database, 'prefix' if by == 'prefix' else
                    'message_level', since, parsed_args.project))
            # Most first, and the same order each time.
            rows = heapq.nsmallest(parsed_args.limit, found,
                                   key=lambda row: (-row[1], row[0]))
        if not rows:
            self.app.stderr.write('There are no such messages.\n')
        columns = (by.capitalize(), 'Messages')
        if parsed_args.formatter != 'table':
            return columns, rows
        most = max((number for _value, number in rows), default=0)
        return (*columns, ''), [
            (value, number, '#' * -(-BAR * number // most))
            for value, number in rows]

    def _outbox(self, database, parsed_args, conf):
        for name in ('project', 'since'):
            if getattr(parsed_args, name) is not None:
                raise exception.InvalidInput(
                    f'--{name}', 'cannot be used with --by driver.')
        found = outbox.backlog(database)
        configured = writer.configured_drivers(conf)
        if not (found or configured):
            self.app.stderr.write('Nothing is in the outbox, and no driver '
                                  'is configured.\n')
        nothing = outbox.Backlog(0, 0, None)
        rows = []
        for name in sorted({*found, *configured})[:parsed_args.limit]:
            backlog = found.get(name, nothing)
            rows.append((
                name, 'yes' if name in configured else 'no', backlog.waiting,
                backlog.set_aside, backlog.oldest and
                backlog.oldest.isoformat(timespec='seconds')))
        if parsed_args.formatter not in ('json', 'yaml'):
            rows = [(*row[:-1], row[-1] or '') for row in rows]
        return ('Driver', 'Configured', 'Waiting', 'Set aside',
                'Oldest waits since'), rows
