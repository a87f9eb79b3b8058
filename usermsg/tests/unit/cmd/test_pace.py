# SPDX-License-Identifier: Apache-2.0
import itertools

import testtools

from usermsg.cmd import pace


class Database:
    """Database that needs a time for each row, and the clock that shows it.

    :param seconds: for a row
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self.time = 0
        self.sizes = []

    def clock(self):
        return self.time

    def remove(self, sizes):
        for size in sizes:
            self.sizes.append(size)
            self.time += size * self.seconds
            yield size


class TestPace(testtools.TestCase):

    def run_batches(self, seconds, number=30, batch_size=500,
                    batch_delay=0.05):
        """Remove batches; return the database and the delays."""
        database = Database(seconds)
        tested = pace.Pace(batch_size, batch_delay, database.clock)
        delays = []
        for _ in itertools.islice(
                tested.measure(database.remove(tested.sizes())), number):
            delays.append(tested.delay())
            # Delays don't count as the time of a batch.
            database.time += delays[-1]
        return database, delays

    def test_fast_database_gets_batches_of_the_maximum_size(self):
        database, delays = self.run_batches(0.000001)
        self.assertEqual(500, max(database.sizes))
        self.assertEqual(500, database.sizes[-1])
        self.assertEqual({0.05}, set(delays))

    def test_batches_take_the_intended_time(self):
        database, delays = self.run_batches(0.0001)
        self.assertAlmostEqual(pace.DURATION, 0.0001 * database.sizes[-1],
                               delta=0.002)
        self.assertEqual({0.05}, set(delays))

    def test_slow_database_gets_small_batches_and_long_delays(self):
        database, delays = self.run_batches(0.001)
        self.assertEqual(pace.MIN_SIZE, database.sizes[-1])
        self.assertAlmostEqual(0.2, delays[-1])

    def test_delay_is_bounded(self):
        _database, delays = self.run_batches(1)
        self.assertEqual(pace.MAX_DELAY, max(delays))
        _database, delays = self.run_batches(1, batch_delay=3)
        self.assertEqual({3}, set(delays))

    def test_smaller_configured_batches_stay_so(self):
        database, _delays = self.run_batches(0.000001, batch_size=10)
        self.assertEqual({10}, set(database.sizes))

    def test_one_slow_batch_changes_little(self):
        database = Database(0.000001)
        tested = pace.Pace(500, 0.05, database.clock)
        batches = tested.measure(database.remove(tested.sizes()))
        for _ in range(30):
            next(batches)
        database.seconds = 1
        next(batches)
        database.seconds = 0.000001
        next(batches)
        self.assertEqual([500, 250], database.sizes[-2:])

    def test_no_configured_delay_means_no_delay_at_all(self):
        database, delays = self.run_batches(1, batch_delay=0)
        self.assertEqual({500}, set(database.sizes))
        self.assertEqual({0}, set(delays))
