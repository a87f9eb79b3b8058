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


class TestProgress(testtools.TestCase):

    def progress(self, terminal, total=200):
        self.now = 100
        self.stream = Stream(terminal)
        return progress.Progress(self.stream, total, 'messages',
                                 clock=lambda: self.now)

    def test_output_without_terminal_has_a_line_per_interval(self):
        bar = self.progress(False)
        for _second in range(10):
            self.now += 1
            bar.advance(10)
        bar.end()
        self.assertEqual(
            '50 of 200 messages, 25 %, 10/s, 15 s left\n'
            '100 of 200 messages, 50 %, 10/s, 10 s left\n',
            self.stream.getvalue())
        self.assertEqual(100, bar.done)

    def test_bar_on_terminal_is_cleared_at_the_end(self):
        bar = self.progress(True)
        self.now += 1
        bar.advance(100)
        bar.end()
        _, shown, blank, rest = self.stream.getvalue().split('\r')
        self.assertRegex(shown, r'^\[#+ +\] 100 of 200 messages, 50 %, 100/s, '
                                r'1 s left$')
        self.assertEqual(' ' * len(shown), blank)
        self.assertEqual('', rest)

    def test_count_may_differ_from_expected_total(self):
        bar = self.progress(False, total=0)
        self.now += 7200
        bar.advance(0)
        self.now += 7200
        bar.advance(10)
        self.assertEqual(
            '0 of 1 messages, 0 %, 0/s\n'
            '10 of 10 messages, 100 %, 0/s, 0 s left\n',
            self.stream.getvalue())
