# SPDX-License-Identifier: Apache-2.0
"""Links to the next page."""

import urllib.parse

from hypothesis import given
from hypothesis import strategies
import testtools

from usermsg.api import query


class NextLinkTest(testtools.TestCase):

    @given(strategies.dictionaries(
        strategies.text('abm=&;% é', min_size=1), strategies.text()),
        strategies.text(), strategies.integers(1, 1000))
    def test_link_has_the_query_with_another_marker(
            self, values, marker, factor):
        values['marker'] = 'before'
        values['long'] = 'x' * factor
        for _time in range(2):
            link = query.build_next_link('https://host/list', values, marker)
            parts = urllib.parse.urlsplit(link['href'])
            self.assertEqual('https://host/list', parts._replace(
                query='').geturl())
            self.assertEqual(
                sorted({**values, 'marker': marker}.items()),
                sorted(urllib.parse.parse_qsl(
                    parts.query, keep_blank_values=True)))
