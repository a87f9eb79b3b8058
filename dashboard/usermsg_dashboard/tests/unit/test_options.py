# SPDX-License-Identifier: Apache-2.0
"""Settings of the plug-in."""

import ast
import pathlib
import re

from django import test
from django.test.utils import override_settings
import usermsg_dashboard

from usermsg_dashboard import options

_SAMPLE = (pathlib.Path(usermsg_dashboard.__file__).parent /
           'local_settings.d' / '_6040_usermsg_options.py')


class OptionsTest(test.SimpleTestCase):

    def test_sample_contains_the_defaults(self):
        sample = dict(re.findall(
            '^# ([A-Z_]+) = (.+)$', _SAMPLE.read_text(encoding='utf-8'), re.M))
        self.assertEqual(
            {'USERMSG_BADGE_INTERVAL': options.badge_interval(),
             'USERMSG_BADGE_PAUSE': options.badge_pause(),
             'USERMSG_VOLUME_TAB': options.replace_volume_tab()},
            {name: ast.literal_eval(value) for name, value in sample.items()})

    @override_settings(USERMSG_BADGE_INTERVAL=0, USERMSG_BADGE_PAUSE=-1)
    def test_times_are_at_least_a_second(self):
        self.assertEqual((1, 1),
                         (options.badge_interval(), options.badge_pause()))
