# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage purge``."""

from usermsg.cmd import option_types
from usermsg.cmd import pace
from usermsg.cmd import progress
from usermsg.cmd import timestamp
from usermsg.db import clock
from usermsg.db import engine
from usermsg import exception
from usermsg.objects import removal
from usermsg.outbox import event_types
from usermsg.outbox import writer


class Purge(progress.Command):
    """Remove messages now, without waiting for the reaper.

    Without --older-than it removes expired messages, and expired source ids,
    which are kept for longer. It uses small transactions with delays: at most
    [reaper] batch_size rows, fewer if the database is slow, and then at least
    batch_delay, longer after a slow transaction. Ctrl-C ends it after the
    current transaction, and the same command continues from there; the exit
    status is then 130.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--older-than', metavar='AGE|TIME', type=timestamp.parse,
            help='remove all messages recorded before that time, expired or '
                 f'not: {timestamp.FORMATS}. Their source ids stay in use '
                 'until they expire.')
        parser.add_argument('--project', metavar='ID',
                            type=option_types.project,
                            help='only messages and source ids of this '
                                 'project')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        database = engine.Database(conf, no_statement_timeout=True)
        outbox = writer.Outbox(database, conf)
        now = clock.read(database)
        for items, rows, event_type in _removals(parsed_args, now):
            beside_requests = pace.Pace(
                conf.reaper.batch_size, conf.reaper.batch_delay)
            self.change(
                beside_requests.measure(removal.remove(
                    database, rows, beside_requests.sizes(),
                    recorder=outbox.recorder(event_type))),
                self.count(rows.count(database)), items, 'have been removed',
                'would be removed', parsed_args.dry_run,
                beside_requests.delay)


def _removals(parsed_args, now):
    """Return the rows to remove.

    :returns: a list of (plural of the items, rows, event type of their
        notifications or None)
    """
    if parsed_args.older_than is None:
        return [('expired messages',
                 removal.expired(now, parsed_args.project),
                 event_types.MESSAGE_EXPIRE),
                ('expired source ids',
                 removal.expired_keys(now, parsed_args.project), None)]
    before = timestamp.resolve(now, parsed_args.older_than)
    if before > now:
        raise exception.InvalidInput('--older-than',
                                     'must not be in the future.')
    return [('messages', removal.older_than(before, parsed_args.project),
             event_types.MESSAGE_DELETE)]
