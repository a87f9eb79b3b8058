# SPDX-License-Identifier: Apache-2.0
"""Commands ``usermsg-manage listener dead-letter``."""

import itertools

from cliff import lister
from cliff import show

from usermsg.cmd import db as db_command
from usermsg.cmd import option_types
from usermsg.cmd import progress
from usermsg.cmd import timestamp
from usermsg.db import engine
from usermsg import exception
from usermsg.listener import dead_letters
from usermsg.objects import dead_letter
from usermsg import validation

_COLUMNS = ('Id', 'Transport', 'Event type', 'Publisher', 'Reason',
            'Received', 'Expires')
_ID = option_types.identifier(36)


def _describe(row, empty):
    """Return the values of the columns of a dead letter."""
    return (row.id, row.transport, row.event_type or empty,
            row.publisher_id or empty, row.reason,
            timestamp.format(row.received_at),
            timestamp.format(row.expires_at))


def _add_filter_options(parser):
    parser.add_argument(
        '--id', metavar='ID', nargs='+', action='extend', type=_ID,
        help='only these dead letters')
    parser.add_argument(
        '--event-type', metavar='TYPE',
        type=option_types.identifier(validation.EVENT_ID),
        help='only notifications of this type')
    parser.add_argument(
        '--transport', metavar='NAME', type=option_types.identifier(64),
        help='only messages of this transport')


def _pages(database, parsed_args):
    return dead_letter.pages(database, tuple(parsed_args.id or ()),
                             parsed_args.event_type, parsed_args.transport)


class List(db_command.Command, lister.Lister):
    """List the dead letters of the listener, oldest first.

    They are messages of a broker that are not notifications, and
    notifications that the rules could not handle.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_filter_options(parser)
        parser.add_argument(
            '--limit', metavar='N', type=option_types.number(1, 100_000),
            default=100, help='maximum number of rows (default: 100)')
        return parser

    def take_action(self, parsed_args):
        database = engine.Database(self.app.conf)
        rows = list(itertools.islice(
            itertools.chain.from_iterable(_pages(database, parsed_args)),
            parsed_args.limit))
        if not rows:
            self.app.stderr.write('No dead letter matches.\n')
        # Null in formats for programs, an empty cell for people.
        empty = None if parsed_args.formatter in ('json', 'yaml') else ''
        return _COLUMNS, [_describe(row, empty) for row in rows]


class Show(db_command.Command, show.ShowOne):
    """Show a dead letter with its content, without secrets."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('id', metavar='ID', type=_ID,
                            help='id of the dead letter')
        return parser

    def take_action(self, parsed_args):
        rows = next(dead_letter.pages(
            engine.Database(self.app.conf), [parsed_args.id]))
        if not rows:
            raise exception.InvalidInput(
                'ID', 'there is no dead letter with this id.')
        return ((*_COLUMNS, 'Content'),
                (*_describe(rows[0], None), rows[0].body))


class _Change(progress.Change):
    """Change of the selected dead letters."""

    items, filters = 'dead letters', ('id', 'event_type', 'transport')

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_filter_options(parser)
        self.add_all_option(parser)
        return parser

    def take_action(self, parsed_args):
        self.check_selection(parsed_args)
        database = engine.Database(self.app.conf)
        number = self.count(
            len(rows) for rows in _pages(database, parsed_args))
        self.change(self.steps(database, parsed_args), number,
                    self.items, self.done, self.would,
                    parsed_args.dry_run)


class Drop(progress.Drop, _Change):
    """Remove dead letters for good."""

    def steps(self, database, parsed_args):
        for rows in _pages(database, parsed_args):
            yield dead_letter.delete(database, [row.id for row in rows])


class Retry(_Change):
    """Apply the rules to dead letters again, and remove those that succeed.

    Usually after the rules were fixed. A message that was not a notification,
    or is cut at 64 KiB, can't succeed: it stays until it expires.
    """

    done, would = 'have been handled', 'would be tried again'

    def steps(self, database, parsed_args):
        # Imported here, because the rules import large libraries.
        from usermsg.listener import assembly
        from usermsg import service
        conf = self.app.conf
        runtime = service.make_runtime(conf)
        processor = assembly.Listener(
            runtime, assembly.read_files(runtime).rules).build_processor()
        for rows in _pages(database, parsed_args):
            for row in rows:
                reason = self._retry(processor, conf, row)
                if reason is None:
                    yield dead_letter.delete(database, [row.id])
                    continue
                self.app.stderr.write(f'{row.id} stays: {reason}\n')
                if reason != row.reason:
                    dead_letter.set_reason(database, row.id, reason)
                yield 0

    def _retry(self, processor, conf, row):
        """Return why a dead letter failed again, or None."""
        notification = dead_letters.load(row)
        if notification is None:
            return row.reason
        return processor.retry(
            row.transport, _is_trusted(conf, row.transport), notification)


def _is_trusted(conf, name):
    return (name in conf.listener.transports and
            conf[f'listener_transport_{name}'].trusted)
