# SPDX-License-Identifier: Apache-2.0
import argparse
import datetime
import io

import testtools

from usermsg.cmd import progress
from usermsg.cmd import timestamp

NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)


class MomentTest(testtools.TestCase):

    def test_ages(self):
        for text, seconds in (('90s', 90), ('45m', 2700), ('12h', 43200),
                              ('30d', 2592000), ('8w', 4838400)):
            self.assertEqual(
                NOW - datetime.timedelta(seconds=seconds),
                timestamp.before(NOW, timestamp.parse(text)))

    def test_times(self):
        for text in ('2026-01-31T12:00:00+00:00', '2026-01-31 12:00',
                     '2026-01-31T14:00:00+02:00'):
            self.assertEqual(NOW, timestamp.before(NOW, timestamp.parse(text)))

    def test_an_age_before_all_time_is_its_beginning(self):
        self.assertEqual(1, timestamp.before(
            NOW, timestamp.parse('999999d')).year)

    def test_what_is_neither(self):
        for text in ('', '30', 'd', '-3d', '3 d', '1.5d', '30D', 'yesterday',
                     '2026-13-01', '9999999999d', '999999999w', '\u0663d'):
            self.assertRaises(argparse.ArgumentTypeError,
                              timestamp.parse, text)


class Stream(io.StringIO):

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


class ProgressTest(testtools.TestCase):

    def progress(self, terminal, total=200):
        self.now = 100
        self.stream = Stream(terminal)
        return progress.Progress(self.stream, total, 'messages',
                                 clock=lambda: self.now)

    def test_a_line_every_some_seconds(self):
        so_far = self.progress(False)
        for _second in range(10):
            self.now += 1
            so_far.advance(10)
        so_far.end()
        self.assertEqual(
            '50 of 200 messages, 25 %, 10/s, 15 s left\n'
            '100 of 200 messages, 50 %, 10/s, 10 s left\n',
            self.stream.getvalue())
        self.assertEqual(100, so_far.done)

    def test_a_bar_on_a_terminal_that_makes_room_in_the_end(self):
        so_far = self.progress(True)
        self.now += 1
        so_far.advance(100)
        so_far.end()
        _, bar, blank, rest = self.stream.getvalue().split('\r')
        self.assertRegex(bar, r'^\[#+ +\] 100 of 200 messages, 50 %, 100/s, '
                              r'1 s left$')
        self.assertEqual(' ' * len(bar), blank)
        self.assertEqual('', rest)

    def test_more_or_fewer_than_expected(self):
        so_far = self.progress(False, total=0)
        self.now += 7200
        so_far.advance(0)
        self.now += 7200
        so_far.advance(10)
        self.assertEqual(
            '0 of 1 messages, 0 %, 0/s\n'
            '10 of 10 messages, 100 %, 0/s, 0 s left\n',
            self.stream.getvalue())
