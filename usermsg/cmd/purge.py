# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage purge``"""

from usermsg.cmd import option_types
from usermsg.cmd import progress
from usermsg.cmd import timestamp
from usermsg.db import clock
from usermsg.db import engine
from usermsg import exception
from usermsg.objects import removal
from usermsg.outbox import event_types
from usermsg.outbox import writer


class Purge(progress.Command):
    """Remove messages now, rather than when the reaper comes round.

    Without --older-than it removes what has expired: messages, and the
    source ids that are remembered for longer. In small transactions, with
    pauses ([reaper] batch_size and batch_delay); Ctrl-C ends it after the one under
    way, and the same command goes on from there. The exit status is then
    130.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--older-than', metavar='AGE|TIME', type=timestamp.parse,
            help='remove all messages that were recorded before, whether '
                 f'they have expired or not: {timestamp.FORMS}. Their source '
                 'ids stay used until they expire.')
        parser.add_argument('--project', metavar='ID',
                            type=option_types.project,
                            help='only what belongs to this project')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        database = engine.Database(conf, no_statement_timeout=True)
        told = writer.Outbox(database, conf)
        now = clock.read(database)
        for what, rows, event_type in _kinds(parsed_args, now):
            self.change(
                removal.remove(database, rows, conf.reaper.batch_size,
                               recorder=told.recorder(event_type)),
                self.count(rows.count(database)), what, 'have been removed',
                'would be removed', parsed_args.dry_run)


def _kinds(parsed_args, now):
    """What is removed, one after the other.

    :returns: of each, what it is called, its rows, and the type of the
        notification that tells of it
    """
    if parsed_args.older_than is None:
        return [('expired messages',
                 removal.expired(now, parsed_args.project),
                 event_types.MESSAGE_EXPIRE),
                ('expired source ids',
                 removal.expired_keys(now, parsed_args.project), None)]
    when = timestamp.before(now, parsed_args.older_than)
    if when > now:
        raise exception.InvalidInput('--older-than', 'lies in the future.')
    return [('messages', removal.older_than(when, parsed_args.project),
             event_types.MESSAGE_DELETE)]
