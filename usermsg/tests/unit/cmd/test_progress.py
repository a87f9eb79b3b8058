# SPDX-License-Identifier: Apache-2.0
import io

import testtools

from usermsg.cmd import progress


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
