# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage stats``."""

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

#: Width of the longest bar, in characters.
BAR_WIDTH = 40


class Stats(db_command.Command, lister.Lister):
    """Count messages by project, prefix, level or day; the outbox by driver.

    It counts in small steps, which don't disturb the service. By project, day
    and driver it scans only an index; by prefix and level it reads each
    message, which takes several times as long. The table of messages has a
    bar chart, the other formats don't.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--by', choices=('project', 'prefix', 'level', 'day', 'driver'),
            default='project',
            help='grouping of the counts (default: project)')
        parser.add_argument('--project', metavar='ID',
                            type=option_types.project,
                            help='only messages of this project')
        parser.add_argument(
            '--since', metavar='AGE|TIME', type=timestamp.parse,
            help=f'only messages recorded since then: {timestamp.FORMATS}')
        parser.add_argument(
            '--limit', metavar='N', type=option_types.number(1, 100_000),
            default=20,
            help='maximum number of rows: those with most messages, or the '
                 'last days (default: 20)')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        database = engine.Database(conf)
        if parsed_args.by == 'driver':
            return self._count_by_driver(database, parsed_args, conf)
        since = parsed_args.since
        if since is not None:
            since = timestamp.resolve(clock.read(database), since)
        by = parsed_args.by
        if by == 'day':
            counts = statistics.by_day(database, since, parsed_args.project)
            rows = list(collections.deque(
                ((str(day), number) for day, number in counts),
                parsed_args.limit))
        else:
            counts = (statistics.by_project(
                database, since, parsed_args.project) if by == 'project' else
                statistics.by_column(
                    database, 'prefix' if by == 'prefix' else
                    'message_level', since, parsed_args.project))
            # By descending count; the second key makes the order stable.
            rows = heapq.nsmallest(parsed_args.limit, counts,
                                   key=lambda row: (-row[1], row[0]))
        if not rows:
            self.app.stderr.write('No messages match.\n')
        columns = (by.capitalize(), 'Messages')
        if parsed_args.formatter != 'table':
            return columns, rows
        maximum = max((number for _value, number in rows), default=0)
        return (*columns, ''), [
            (value, number, '#' * -(-BAR_WIDTH * number // maximum))
            for value, number in rows]

    def _count_by_driver(self, database, parsed_args, conf):
        for name in ('project', 'since'):
            if getattr(parsed_args, name) is not None:
                raise exception.InvalidInput(
                    f'--{name}', 'cannot be used with --by driver.')
        backlogs = outbox.backlog(database)
        configured = writer.configured_drivers(conf)
        if not (backlogs or configured):
            self.app.stderr.write('The outbox is empty, and no driver is '
                                  'configured.\n')
        empty = outbox.Backlog(0, 0, None)
        rows = []
        for name in sorted({*backlogs, *configured})[:parsed_args.limit]:
            backlog = backlogs.get(name, empty)
            rows.append((
                name, 'yes' if name in configured else 'no', backlog.pending,
                backlog.dead_letters, backlog.oldest and
                backlog.oldest.isoformat(timespec='seconds')))
        if parsed_args.formatter not in ('json', 'yaml'):
            rows = [(*row[:-1], row[-1] or '') for row in rows]
        return ('Driver', 'Configured', 'Pending', 'Dead letters',
                'Oldest pending since'), rows
