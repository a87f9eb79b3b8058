# SPDX-License-Identifier: Apache-2.0
"""How far a long command has come."""

import contextlib
import functools
import shutil
import time

from usermsg.cmd import db as db_command
from usermsg.cmd import signals

#: Seconds between two lines where nobody watches, and between two changes
#: of the bar where somebody does.
LINES = 5
BAR = 0.1


class Progress:
    """A bar on a terminal, else a line every some seconds.

    :param stream: where to write
    :param total: how many it will be, as far as that is known
    :param what: the things that are counted
    :param clock: seconds, from any beginning
    """

    def __init__(self, stream, total, what, clock=time.monotonic):
        self.done = 0
        self._stream = stream
        self._total = total
        self._what = what
        self._clock = clock
        self._terminal = stream.isatty()
        self._begin = self._shown = clock()
        self._width = 0

    def advance(self, number):
        self.done += number
        now = self._clock()
        if now - self._shown >= (BAR if self._terminal else LINES):
            self._shown = now
            self._show(now)

    def _show(self, now):
        # Others may remove them too, or there may come more.
        total = max(self._total, self.done, 1)
        rate = self.done / max(now - self._begin, 0.001)
        text = (f'{self.done:,} of {total:,} {self._what}, '
                f'{self.done * 100 // total} %, {rate:,.0f}/s')
        if rate:
            text += f', {_duration((total - self.done) / rate)} left'
        if not self._terminal:
            self._stream.write(f'{text}\n')
        else:
            # One column stays free: a full line would begin the next one.
            room = shutil.get_terminal_size().columns - len(text) - 4
            if room >= 10:
                full = room * self.done // total
                text = f'[{"#" * full}{" " * (room - full)}] {text}'
            self._stream.write(f'\r{text:<{self._width}}')
            self._width = len(text)
        self._stream.flush()

    def end(self):
        """Make room for what is written next."""
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
    """A command of many small transactions.

    Ctrl-C ends it between two of them; the exit status is then 130. Before
    the first it ends it at once, also while a database doesn't respond.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--dry-run', action='store_true',
                            help='say what would be done, and change nothing')
        return parser

    def run(self, parsed_args):
        try:
            with contextlib.ExitStack() as self._stack:
                return super().run(parsed_args)
        except signals.Interrupted:
            return signals.INTERRUPTED

    @functools.cached_property
    def _stop(self):
        return self._stack.enter_context(signals.Interruptions())

    def count(self, steps, start=0):
        """The sum of steps that change nothing."""
        try:
            return sum(self._stop.between(steps), start)
        except signals.Interrupted:
            self.say('Interrupted while counting.')
            raise

    def follow(self, steps, total, what, pause=0):
        """Go through steps, and show how far it has come.

        :param steps: an iterator of how many each step has changed
        :param what: in words, such as ``messages``
        :param pause: seconds after each step
        :returns: how many they have changed
        """
        so_far = Progress(self.app.stdout, total, what)
        outcome = 'Failed'
        try:
            for number in self._stop.between(steps, pause):
                so_far.advance(number)
            outcome = ''
        except signals.Interrupted:
            outcome = 'Interrupted'
            raise
        finally:
            so_far.end()
            if outcome:
                self.say(f'{outcome} after {so_far.done:,} of about '
                         f'{total:,} {what}. The same command goes on from '
                         f'there.')
        return so_far.done

    def change(self, steps, total, what, done, would, dry_run):
        """Go through steps and say what they have done, or what they would.

        :param total: see :meth:`follow`
        :param done: such as ``have been removed``; so too ``would``
        """
        if not dry_run:
            total = self.follow(steps, total, what, self.app.conf.reaper.batch_delay)
        self.say(f'{total:,} {what} {would if dry_run else done}.')
