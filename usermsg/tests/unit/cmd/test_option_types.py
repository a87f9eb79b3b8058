# SPDX-License-Identifier: Apache-2.0
"""What options may hold."""

import argparse

import testtools

from usermsg.cmd import option_types


class ArgumentsTest(testtools.TestCase):

    def refused(self, kind, text):
        """In which words."""
        return str(self.assertRaises(
            argparse.ArgumentTypeError, kind, text))

    def test_numbers(self):
        kind = option_types.number(1, 1000)
        for text in ('1', '500', '1000', '007'):
            self.assertEqual(int(text), kind(text))
        for text in ('0', '1001', '-1', '', 'x', '1.5', '1_0', ' 1',
                     '\u0665'):
            self.assertEqual(f'{text!r} is not a number from 1 to 1000',
                             self.refused(kind, text))
        self.assertIn(' is not a number from ',
                      self.refused(kind, '1' * 5000))

    def test_seconds(self):
        for text, found in (('0.5', 0.5), ('1000000', 1e6)):
            self.assertEqual(found, option_types.seconds(text))
        for text in ('0', '-1', '', 'soon', 'nan', 'inf', '1000001'):
            self.assertEqual(f'{text!r} is not a number of seconds up to '
                             '1000000',
                             self.refused(option_types.seconds, text))

    def test_identifiers(self):
        kind = option_types.identifier(4)
        self.assertEqual('a b', kind('a b'))
        for text, words in (
                ('', 'must not be empty.'),
                ('abcde', 'must not be longer than 4 characters.'),
                ('\xe4', 'must be printable ASCII without leading or '
                         'trailing spaces.')):
            self.assertEqual(words, self.refused(kind, text))
