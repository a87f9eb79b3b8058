# SPDX-License-Identifier: Apache-2.0
"""Progress display of long commands."""

import contextlib
import functools
import shutil
import time

from usermsg.cmd import db as db_command
from usermsg.cmd import signals
from usermsg import exception

#: Seconds between two progress lines without a terminal, and between two
#: updates of the bar on a terminal.
LINE_INTERVAL = 5
BAR_INTERVAL = 0.1


class Progress:
    """Progress bar on a terminal; otherwise a line every few seconds.

    :param stream: the output
    :param total: expected number of items
    :param items: the plural of the items, for example ``messages``
    :param clock: a function that returns seconds since any moment
    """

    def __init__(self, stream, total, items, clock=time.monotonic):
        self.done = 0
        self._stream = stream
        self._total = total
        self._items = items
        self._clock = clock
        self._terminal = stream.isatty()
        self._begin = self._shown_at = clock()
        self._width = 0

    def advance(self, number):
        self.done += number
        now = self._clock()
        if now - self._shown_at >= (
                BAR_INTERVAL if self._terminal else LINE_INTERVAL):
            self._shown_at = now
            self._show(now)

    def _show(self, now):
        # The number may change meanwhile: other processes remove and store
        # items, too.
        total = max(self._total, self.done, 1)
        rate = self.done / max(now - self._begin, 0.001)
        text = (f'{self.done:,} of {total:,} {self._items}, '
                f'{self.done * 100 // total} %, {rate:,.0f}/s')
        if rate:
            text += f', {_duration((total - self.done) / rate)} left'
        if not self._terminal:
            self._stream.write(f'{text}\n')
        else:
            # One column stays free: after a full line the cursor would move
            # to the next one.
            room = shutil.get_terminal_size().columns - len(text) - 4
            if room >= 10:
                full = room * self.done // total
                text = f'[{"#" * full}{" " * (room - full)}] {text}'
            self._stream.write(f'\r{text:<{self._width}}')
            self._width = len(text)
        self._stream.flush()

    def end(self):
        """Clear the bar before other output."""
        if self._width:
            self._stream.write(f'\r{"":<{self._width}}\r')
            self._stream.flush()


def _duration(seconds):
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'


class Command(db_command.Command):
    """Command of many small transactions.

    Ctrl-C ends it between two of them; the exit status is then 130. Before
    the first transaction Ctrl-C ends it immediately, also while a database
    doesn't respond.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--dry-run', action='store_true',
                            help='print what would be done, change nothing')
        return parser

    def run(self, parsed_args):
        try:
            with contextlib.ExitStack() as self._stack:
                return super().run(parsed_args)
        except signals.Interrupted:
            return signals.INTERRUPTED

    @functools.cached_property
    def _interruptions(self):
        return self._stack.enter_context(signals.Interruptions())

    def count(self, steps, start=0):
        """Return the sum of the results of steps that change nothing."""
        try:
            return sum(self._interruptions.interruptible(steps), start)
        except signals.Interrupted:
            self.say('Interrupted while counting.')
            raise

    def run_steps(self, steps, total, items, delay=lambda: 0):
        """Run steps, and show the progress.

        :param steps: an iterator of the number of items each step changed
        :param total: expected number of items
        :param items: their plural, for example ``messages``
        :param delay: function that returns the seconds to wait after a step
        :returns: the number of changed items
        """
        progress = Progress(self.app.stdout, total, items)
        failure = 'Failed'
        try:
            for number in self._interruptions.interruptible(steps, delay):
                progress.advance(number)
            failure = ''
        except signals.Interrupted:
            failure = 'Interrupted'
            raise
        finally:
            progress.end()
            if failure:
                self.say(f'{failure} after {progress.done:,} of about '
                         f'{total:,} {items}. The same command continues '
                         f'from there.')
        return progress.done

    def change(self, steps, total, items, done, would, dry_run, delay=None):
        """Run steps and print the result, or the expected one of a dry run.

        :param total, items: see :meth:`run_steps`
        :param done: for example ``have been removed``
        :param would: for example ``would be removed``
        :param delay: see :meth:`run_steps`; None for ``batch_delay``
        """
        if not dry_run:
            total = self.run_steps(
                steps, total, items,
                delay or (lambda: self.app.conf.reaper.batch_delay))
        self.say(f'{total:,} {items} {would if dry_run else done}.')


class Change(Command):
    """Change of items that options select, or ``--all``.

    :cvar items: their plural
    :cvar filters: attributes of the options that select
    :cvar done: the result
    :cvar would: the expected result of a dry run
    """

    items = done = would = None
    filters = ()

    def add_all_option(self, parser):
        parser.add_argument('--all', action='store_true',
                            help=f'all {self.items}; excludes other filters')

    def check_selection(self, parsed_args):
        """:raises usermsg.exception.InvalidInput: nothing is selected"""
        options = [f'--{name.replace("_", "-")}' for name in self.filters
                   if getattr(parsed_args, name)]
        if parsed_args.all == bool(options):
            raise exception.InvalidInput(
                '--all', f'cannot be used with {options[0]}.' if options else
                f'is required to select all {self.items}; otherwise use the '
                f'filters that --help lists.')


class Drop:
    """Mixin of a :class:`Change` that removes items for good."""

    done, would = 'have been dropped', 'would be dropped'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--yes', action='store_true',
                            help='confirm the removal; required without '
                                 '--dry-run')
        return parser

    def take_action(self, parsed_args):
        if not (parsed_args.yes or parsed_args.dry_run):
            raise exception.InvalidInput(
                '--yes', f'is required, as dropped {self.items} cannot be '
                f'restored; --dry-run shows which would be dropped.')
        super().take_action(parsed_args)
