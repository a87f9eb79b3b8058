# SPDX-License-Identifier: Apache-2.0
import argparse

import testtools

from usermsg.cmd import option_types


class TestOptionTypes(testtools.TestCase):

    def rejection(self, kind, text):
        """Return the text of the error."""
        return str(self.assertRaises(
            argparse.ArgumentTypeError, kind, text))

    def test_number_accepts_only_integers_of_its_range(self):
        kind = option_types.number(1, 1000)
        for text in ('1', '500', '1000', '007'):
            self.assertEqual(int(text), kind(text))
        for text in ('0', '1001', '-1', '', 'x', '1.5', '1_0', ' 1',
                     '\u0665'):
            self.assertEqual(f'{text!r} is not a number from 1 to 1000',
                             self.rejection(kind, text))
        self.assertIn(' is not a number from ',
                      self.rejection(kind, '1' * 5000))

    def test_seconds_accepts_positive_numbers_up_to_limit(self):
        for text, value in (('0.5', 0.5), ('1000000', 1e6)):
            self.assertEqual(value, option_types.seconds(text))
        for text in ('0', '-1', '', 'soon', 'nan', 'inf', '1000001'):
            self.assertEqual(f'{text!r} is not a number of seconds up to '
                             '1000000',
                             self.rejection(option_types.seconds, text))

    def test_identifier_accepts_ascii_up_to_its_length(self):
        kind = option_types.identifier(4)
        self.assertEqual('a b', kind('a b'))
        for text, reason in (
                ('', 'must not be empty.'),
                ('abcde', 'must not be longer than 4 characters.'),
                ('\xe4', 'must be printable ASCII without leading or '
                         'trailing spaces.')):
            self.assertEqual(reason, self.rejection(kind, text))
