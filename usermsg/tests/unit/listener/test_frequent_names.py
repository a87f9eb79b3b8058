# SPDX-License-Identifier: Apache-2.0
import collections
import concurrent.futures

import hypothesis
from hypothesis import strategies

from usermsg.listener import frequent_names
from usermsg.tests import base


class FrequentNamesTest(base.TestCase):

    def test_names_within_the_capacity_are_counted_exactly(self):
        names = frequent_names.FrequentNames()
        for number in range(50):
            for _repetition in range(number + 1):
                names.add(f'volume.{number}.error')
        self.assertEqual(
            {f'volume.{number}.error': number + 1 for number in range(50)},
            names.counts())

    def test_names_that_are_no_event_types_share_a_count(self):
        names = frequent_names.FrequentNames()
        for name in ('', 'a b', 'a' * 81, 'a\n', '"', 'ä.error', '\0', '7'):
            names.add(name)
        names.add('a' * 80)
        self.assertEqual({frequent_names.OTHER: 8, 'a' * 80: 1},
                         names.counts())

    @hypothesis.settings(deadline=None, database=None, derandomize=True)
    @hypothesis.given(strategies.lists(strategies.sampled_from('abcdefghi')))
    def test_frequent_names_stay_in_the_table(self, added):
        names = frequent_names.FrequentNames(4)
        for name in added:
            names.add(name)
        counts = names.counts()
        self.assertLessEqual(len(counts), 4)
        self.assertEqual(len(added), sum(counts.values()))
        for name, number in collections.Counter(added).items():
            if number > len(added) / 4:
                self.assertIn(name, counts)
            self.assertGreaterEqual(counts.get(name, number), number)

    def test_flood_of_names_keeps_frequent_ones(self):
        names = frequent_names.FrequentNames()
        for number in range(20_000):
            names.add(f'random.{number}.error')
            if number % 10 == 0:
                names.add('volume.create.error')
        self.assertEqual(50, len(names.counts()))
        self.assertIn('volume.create.error', names.counts())

    def test_threads_lose_no_count(self):
        names = frequent_names.FrequentNames()
        with concurrent.futures.ThreadPoolExecutor(8) as executor:
            list(executor.map(lambda number: [
                names.add('a.error') for _repetition in range(1000)],
                range(8)))
        self.assertEqual({'a.error': 8000}, names.counts())
