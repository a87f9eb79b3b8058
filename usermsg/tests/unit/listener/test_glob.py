# SPDX-License-Identifier: Apache-2.0
import re

import hypothesis
from hypothesis import strategies

from usermsg.listener import glob
from usermsg.tests import base

PATTERNS = strategies.text('ab.*', max_size=6)
TEXTS = strategies.text('ab.\n', max_size=8)


class GlobTest(base.TestCase):

    @hypothesis.given(PATTERNS, TEXTS)
    def test_matches_are_those_of_a_regular_expression(self, pattern, text):
        expression = '.*'.join(map(re.escape, pattern.split('*')))
        self.assertEqual(
            bool(re.fullmatch(expression, text, re.DOTALL)),
            glob.Glob(pattern).matches(text))

    @hypothesis.given(PATTERNS, PATTERNS, TEXTS)
    def test_covered_glob_matches_no_other_text(self, wide, narrow, text):
        wide, narrow = glob.Glob(wide), glob.Glob(narrow)
        if wide.covers(narrow) and narrow.matches(text):
            self.assertTrue(wide.matches(text))

    def test_many_wildcards_take_linear_time(self):
        self.assertFalse(
            glob.Glob(100 * '*a' + 'b').matches(100_000 * 'a'))
