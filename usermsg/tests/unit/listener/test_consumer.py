# SPDX-License-Identifier: Apache-2.0
import threading

from usermsg.listener import consumer
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.tests import base


class _Source:
    """Source without messages, whose reads take a given time each.

    :param durations: of the reads; None for a loss of the connection
    :param clock: a list of the current time
    :param after: called after each read
    """

    name = 'default'

    def __init__(self, durations, clock, after):
        self._durations = list(durations)
        self._clock = clock
        self._after = after

    def open(self, stop):
        return 'host:5672'

    def read(self, seconds):
        duration = self._durations.pop(0)
        if duration is None:
            self._clock[0] += 10
            raise received_message.ConnectionLost('gone')
        self._clock[0] += duration
        self._after(not self._durations)
        return []

    def close(self):
        pass


class TestConsumer(base.TestCase):

    def steady(self, *durations, seconds=5):
        """Return is_steady() after each read."""
        results, clock, stop = [], [0.0], threading.Event()

        def after(is_last):
            results.append(each.is_steady(seconds))
            if is_last:
                stop.set()

        each = consumer.Consumer(
            None, _Source(durations, clock, after), None,
            monotonic=lambda: clock[0])
        self.assertFalse(each.is_steady(0))
        each.run(stop)
        return results

    def test_steady_after_some_time_without_interruption(self):
        self.assertEqual([False] * 4 + [True] * 2,
                         self.steady(1, 1, 1, 1, 1, 1))

    def test_slow_pass_is_an_interruption(self):
        self.assertEqual([True, False, False, False, True],
                         self.steady(1, 3, 0.5, 0.4, 0.2, seconds=1))

    def test_lost_connection_is_an_interruption(self):
        self.assertEqual([True, False, True],
                         self.steady(1, None, 0.5, 1, seconds=1))
