# SPDX-License-Identifier: Apache-2.0
"""The relay: in which order, how often, and what a failure does to others."""

import collections
import contextlib
import datetime
import io
import logging
import threading
import time

import fixtures
from oslo_log import formatters

from usermsg import config
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.notifications import errors
from usermsg.objects import outbox as entries
from usermsg.outbox import failure_policy
from usermsg.outbox import relay
from usermsg.tests import base
from usermsg.tests.fixtures import certificates
from usermsg.tests.fixtures import drivers


def failing(*contents, error=errors.NotDelivered):
    """Judges that notifications with these payloads can't be delivered."""
    def judge(body):
        if body['payload'] in contents:
            raise error('a reason')
    return judge


class TestCase(base.TestCase):

    options = {}

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            'usermsg', format='%(levelname)s %(message)s'))
        self.stop = threading.Event()
        self.use()

    def use(self, **options):
        """A runtime with such options of the relay."""
        self.service = self.runtime(relay={**self.options, **options})
        self.db = self.service.db

    def put(self, *found):
        return drivers.put(self.db, *found)

    def relay(self, driver, name='one'):
        if hasattr(driver, 'close'):
            self.addCleanup(driver.close)
        return relay.Relay(self.service, name, driver)

    def rounds(self, one, number=1):
        """Rounds, each after every pause; whether the last was good."""
        for _ in range(number):
            drivers.clear_backoff(self.db)
            good = False
            with contextlib.suppress(relay.Unavailable):
                one.run_once(self.stop)
                good = True
        return good

    def left(self, set_aside=None, driver=None):
        """What is still there."""
        return [one for page in entries.pages(self.db, entries.EntryFilter(
            set_aside=set_aside, drivers=(driver,) if driver else ()))
            for one in page]

    def ids_left(self, **chosen):
        return [one.id for one in self.left(**chosen)]


class TestOrder(TestCase):

    def test_of_one_subject_they_go_in_their_order(self):
        for driver in (drivers.Driver(), drivers.Window()):
            put = self.put(*(drivers.entry(number, subject=f'{number % 3}')
                             for number in range(12)))
            self.assertTrue(self.rounds(self.relay(driver)))
            for subject in range(3):
                self.assertEqual(
                    put[subject::3],
                    [ident for ident in driver.ids()
                     if ident in put[subject::3]])
            self.assertEqual([], self.left())

    def test_what_comes_later_waits_for_what_failed(self):
        for kind in (drivers.Driver, drivers.Window):
            put = self.put(drivers.entry(0, subject='a'),
                           drivers.entry(1, subject='b'),
                           drivers.entry(2, subject='a'))
            driver = kind(failing(0))
            one = self.relay(driver)
            self.rounds(one, 3)
            self.assertEqual([put[1]], driver.ids())
            driver.on_notify = failing()
            self.rounds(one)
            self.assertEqual([put[1], put[0], put[2]], driver.ids())


class TestFailure(TestCase):

    options = {'max_attempts': 3}

    def test_one_that_is_down_neither_holds_up_nor_repeats_another(self):
        up, down = drivers.Driver(), drivers.Driver(failing(0, 1))
        for number in range(2):
            self.put(drivers.entry(number),
                     drivers.entry(number, driver='two'))
        for one in (self.relay(up), self.relay(down, 'two')):
            self.rounds(one, 3)
        self.assertEqual([0, 1], [body['payload'] for body in up.delivered])
        self.assertEqual([('two', 0), ('two', 0)], [
            (one.driver, one.attempts) for one in self.left()])

    def test_what_is_refused_is_set_aside_and_others_go_on(self):
        for kind in (drivers.Driver, drivers.Window):
            driver = kind(failing(1, error=errors.Rejected))
            if kind is drivers.Window:
                driver = kind(driver.on_notify, together=False)
            put = self.put(*(drivers.entry(number) for number in range(3)))
            self.assertTrue(self.rounds(self.relay(driver)))
            self.assertEqual([put[0], put[2]], driver.ids())
            self.assertIn((put[1], 1, 'a reason'), [
                (one.id, one.set_aside, one.reason) for one in self.left()])
            self.assertIn(put[1], self.log.output)

    def test_one_that_takes_the_connection_with_it_is_found(self):
        driver = drivers.Window(failing(7))
        put = self.put(*(drivers.entry(number) for number in range(40)))
        one = self.relay(driver)
        for attempts in (1, 2):
            self.rounds(one)
            self.assertEqual([(put[7], attempts)], [
                (each.id, each.attempts) for each in self.left()])
            put += self.put(drivers.entry(100 + attempts))
        self.rounds(one)
        self.assertEqual([put[7]], self.ids_left(set_aside=True))
        self.assertEqual([], self.left(set_aside=False))
        self.assertEqual(sorted(set(put) - {put[7]}), sorted(driver.ids()))
        # What is known to fail was alone: the others took no second try.
        tries = collections.Counter(driver.tried)
        self.assertEqual([1, 1], [tries[ident] for ident in put[40:42]])

    def each_fifth(self, driver):
        self.use(max_attempts=2)
        bad = range(0, 250, 5)
        driver.on_notify = failing(*bad)
        put = self.put(*(drivers.entry(number) for number in range(250)))
        poison = put[::5]
        innocent = set(put) - set(poison)
        one = self.relay(driver)
        self.rounds(one)
        self.assertEqual(sorted(innocent), sorted(driver.ids()))
        self.assertEqual(sorted(poison), self.ids_left(set_aside=False))
        # What comes meanwhile does not wait.
        for number in range(250, 500):
            new, = self.put(drivers.entry(number))
            self.rounds(one)
            self.assertEqual(new, driver.ids()[-1])
            if len(self.left(set_aside=True)) == 50:
                break
        self.assertEqual(sorted(poison), self.ids_left(set_aside=True))
        self.assertEqual(len(innocent) + number - 249,
                         len(driver.delivered))

    def test_each_fifth_of_many_one_by_one(self):
        self.each_fifth(drivers.Driver())

    def test_each_fifth_of_many_at_once(self):
        self.each_fifth(drivers.Window(together=False))

    def test_a_shard_where_all_fail_does_not_hold_up_the_others(self):
        self.use(max_attempts=2)
        for kind in (drivers.Driver, drivers.Window):
            driver = kind(failing(*range(10)))
            one = self.relay(driver)
            bad = self.put(*(drivers.entry(number, shard=3)
                             for number in range(10)))
            good = self.put(*(drivers.entry(number, shard=20)
                              for number in range(10, 20)))
            self.rounds(one, 3)
            self.assertEqual(sorted(good), sorted(driver.ids()))
            for number in range(20, 120):
                self.put(drivers.entry(number, shard=1 + number % 30))
                self.rounds(one)
                if not self.left(set_aside=False):
                    break
            self.assertLessEqual(set(bad), set(self.ids_left(set_aside=True)))
            self.assertFalse(set(bad) & set(driver.ids()))
            self.assertEqual([], self.left(set_aside=False))

    def test_two_shards_where_all_fail_do_not_either(self):
        driver = drivers.Driver(failing(0, 1))
        self.put(drivers.entry(0, shard=3), drivers.entry(1, shard=17))
        good = self.put(drivers.entry(2, shard=10), drivers.entry(3, shard=9))
        self.rounds(self.relay(driver), 4)
        self.assertEqual(sorted(good), sorted(driver.ids()))

    def test_while_nothing_works_nothing_is_held_against_anybody(self):
        for kind in (drivers.Driver, drivers.Window):
            driver = kind(failing(*range(60)))
            put = self.put(*(drivers.entry(number, shard=number % 20)
                             for number in range(60)))
            one = self.relay(driver)
            self.rounds(one, 8)
            self.assertEqual([(ident, 0, 0) for ident in put], [
                (each.id, each.set_aside, each.attempts)
                for each in self.left()])
            driver.on_notify = failing()
            self.rounds(one)
            self.assertEqual(sorted(put), sorted(driver.ids()))

    def test_it_asks_little_of_a_broker_that_is_away(self):
        driver = drivers.Driver(failing(*range(900)))
        self.put(*(drivers.entry(number, shard=number % 30)
                   for number in range(900)))
        one = self.relay(driver)
        self.rounds(one, 10)
        self.assertLess(len(driver.tried), 60)

    def test_a_broker_that_goes_away_again_and_again_loses_nothing(self):
        # It takes ten, and then nothing until the next round.
        taken = []

        def judge(body):
            if len(taken) == 10:
                raise errors.NotDelivered('gone')
            taken.append(body)

        for kind in (drivers.Driver, drivers.Window):
            driver = kind(judge)
            if kind is drivers.Window:
                driver = kind(judge, together=False)
            one = self.relay(driver)
            put = self.put(*(drivers.entry(number) for number in range(100)))
            for _ in range(25):
                taken.clear()
                self.rounds(one)
            self.assertEqual(sorted(put), sorted(driver.ids()))
            self.assertEqual([], self.left())

    def test_what_is_too_old_is_set_aside(self):
        old = datetime.datetime.now() - datetime.timedelta(days=8)
        put = self.put(drivers.entry(0, queued_at=old), drivers.entry(1))
        driver = drivers.Driver()
        self.rounds(self.relay(driver))
        self.assertEqual([put[1]], driver.ids())
        self.assertEqual([(put[0], failure_policy.TOO_OLD)], [
            (one.id, one.reason) for one in self.left(set_aside=True)])

    def test_what_cannot_be_read_is_set_aside(self):
        row = ['a'] * 11
        contents = ['', '{', 'null', '7', '{}', '[]', '["a"]',
                    f'[{"null, " * 12} null]', f'[{"7, " * 12} 7]',
                    f'{[*row, 7, 7]}'.replace("'", '"'),
                    f'[{"[], " * 12} []]', '"\\ud800"']
        put = self.put(*(drivers.entry(
            number, content=content, event_type='message.create')
            for number, content in enumerate(contents)),
            drivers.entry(50))
        driver = drivers.Driver()
        self.assertTrue(self.rounds(self.relay(driver)))
        self.assertEqual(put[-1:], driver.ids())
        self.assertEqual(
            [(ident, failure_policy.UNREADABLE) for ident in put[:-1]],
            [(one.id, one.reason) for one in self.left(set_aside=True)])
        self.assertNotIn('Traceback', self.log.output)

    def test_whatever_a_driver_raises_the_others_go(self):
        for kind in (drivers.Driver, drivers.Window):
            judge = failing(1, error=lambda words: ZeroDivisionError(
                'a secret'))
            driver = (drivers.Window(judge, together=False)
                      if kind is drivers.Window else kind(judge))
            put = self.put(*(drivers.entry(number) for number in range(3)))
            one = self.relay(driver)
            self.rounds(one)
            self.assertEqual(sorted([put[0], put[2]]), sorted(driver.ids()))
            self.assertEqual([('ZeroDivisionError', 1)], [
                (each.reason, each.attempts)
                for each in self.left(set_aside=False)])
            for number in (10, 11):
                self.put(drivers.entry(number))
                self.rounds(one)
            self.assertIn(put[1], self.ids_left(set_aside=True))
        self.assertNotIn('a secret', self.log.output)
        self.assertNotIn('Traceback', self.log.output)

    def test_whatever_submitting_raises_the_others_go(self):
        class Odd(drivers.Window):
            def submit(self, ctxt, msg, priority):
                failing(1, error=lambda words: TypeError('a secret'))(msg)
                return super().submit(ctxt, msg, priority)

        driver = Odd()
        put = self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.rounds(self.relay(driver)))
        self.assertEqual([put[0], put[2]], driver.ids())
        self.assertEqual(['TypeError'], [one.reason for one in self.left()])
        self.assertNotIn('a secret', self.log.output)

    def test_one_that_is_never_confirmed_is_tried_again(self):
        class Silent(drivers.Window):
            def submit(self, ctxt, msg, priority):
                if msg['payload'] == 1:
                    return drivers.futures.Future()
                return super().submit(ctxt, msg, priority)

        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.outbox.relay._BATCH_TIMEOUT', 0.05))
        driver = Silent()
        put = self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.rounds(self.relay(driver)))
        self.assertEqual([put[0], put[2]], driver.ids())
        self.assertEqual(['no confirmation in time'],
                         [one.reason for one in self.left()])

    def test_a_driver_that_may_take_longer_is_waited_for(self):
        class Slow(drivers.Window):
            timeout, timeout_option = 60, 'an option'

            def _confirm(self, window):
                self.tried += [body['message_id'] for _future, body in window]
                # Not before the relay would have given others up.
                threading.Event().wait(0.3)
                for future, body in window:
                    self.delivered.append(body)
                    future.set_result(None)

        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.outbox.relay._BATCH_TIMEOUT', 0.05))
        driver = Slow()
        put = self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.rounds(self.relay(driver)))
        self.assertEqual(put, sorted(driver.tried))
        self.assertEqual([], self.left())

    def test_whatever_a_broker_says_can_be_stored(self):
        driver = drivers.Driver(failing(
            1, error=lambda words: errors.Rejected(f'a\0b\n\udcff{"c" * 300}')
        ))
        self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.rounds(self.relay(driver)))
        self.assertEqual([f'a b  {"c" * 250}'],
                         [one.reason for one in self.left()])


class TestRunning(TestCase):

    options = {'interval': 0.05, 'max_backoff': 1}

    def run_it(self, one):
        thread = threading.Thread(target=one.run, args=(self.stop,))
        thread.start()
        self.addCleanup(thread.join, 60)
        self.addCleanup(self.stop.set)
        return thread

    def test_that_nothing_can_be_delivered_is_said_once(self):
        tried, go = threading.Semaphore(0), []

        def judge(body):
            tried.release()
            if not go:
                raise errors.NotDelivered('a reason')

        driver = drivers.Driver(judge)
        put = self.put(drivers.entry(0))
        # As the log of a service has it.
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatters.ContextFormatter(
            config=self.service.conf))
        logger = logging.getLogger('usermsg')
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        thread = self.run_it(self.relay(driver))
        for _ in range(3):
            self.assertTrue(tried.acquire(timeout=60))
        self.assertNotIn('delivers again', self.log.output)
        self.assertEqual(1, handler.stream.getvalue().count('a reason'))
        go.append(1)
        while not driver.delivered:
            self.assertTrue(tried.acquire(timeout=60))
        self.stop.set()
        thread.join(60)
        self.assertEqual(put, driver.ids())
        self.assertEqual(
            ['ERROR Notifications wait in the outbox, as one cannot deliver '
             'them: a reason', 'INFO one delivers again'],
            self.log.output.splitlines())

    def test_having_nothing_to_send_does_not_mean_that_it_works(self):
        one = self.relay(drivers.Driver(failing(0)))
        self.put(drivers.entry(0))
        one._back_off(relay.Unavailable('a reason'))
        self.service.db.write(lambda connection: entries.postpone(
            connection, 'one', self.ids_left(),
            datetime.datetime.now(datetime.timezone.utc) +
            datetime.timedelta(days=1), 'a reason'))
        ended = threading.Event()
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.outbox.relay.Relay.run_once',
            _after(relay.Relay.run_once, self.stop.set, ended)))
        one.run(self.stop)
        self.assertTrue(ended.is_set())
        self.assertNotIn('delivers again', self.log.output)

    def test_one_that_is_stuck_holds_up_no_other(self):
        driver = drivers.Driver(failing(0))
        one = self.relay(driver)
        stuck = self.put(drivers.entry(0))
        self.assertRaises(relay.Unavailable, one.run_once, self.stop)
        for number in (1, 2):
            self.put(drivers.entry(number))
            # And it isn't said each time that nothing is delivered.
            one.run_once(self.stop)
        self.assertEqual([1, 2], [body['payload']
                                  for body in driver.delivered])
        self.assertEqual([(stuck[0], 0, 0)], [
            (each.id, each.attempts, each.set_aside)
            for each in self.left()])
        self.assertEqual([], [
            sample for metric in self.service.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == 'usermsg_delivery_failures_total' and
            sample.value])

    def test_it_stops_within_a_batch(self):
        def judge(body):
            if body['payload'] == 2:
                self.stop.set()

        driver = drivers.Driver(judge)
        put = self.put(*(drivers.entry(number) for number in range(50)))
        self.relay(driver).run(self.stop)
        self.assertEqual(put[:3], driver.ids())
        self.assertEqual(put[3:], self.ids_left())

    def test_it_stops_between_what_is_tried_alone(self):
        def judge(body):
            if len(driver.tried) > 60:
                self.stop.set()
            failing(0)(body)

        driver = drivers.Window(judge)
        self.put(*(drivers.entry(number) for number in range(50)))
        self.relay(driver).run(self.stop)
        self.assertLess(len(driver.tried), 70)

    def test_one_that_does_not_end_in_order_keeps_no_other_from_it(self):
        class Odd(drivers.Driver):
            def close(self):
                raise ZeroDivisionError('a secret')

        good = drivers.Window()
        loader.close({'odd': Odd(), 'plain': drivers.Driver(),
                      'good': good})
        self.assertFalse(good._thread.is_alive())
        self.assertEqual('ERROR The notification driver "odd" failed to '
                         'close: ZeroDivisionError\n', self.log.output)

    def test_it_goes_on_at_once_while_more_waits(self):
        self.use(batch_size=2)
        self.put(*(drivers.entry(number) for number in
                   (1, 2, 3, 3596, 3597, 3598, 3599)))
        one = self.relay(drivers.Driver())
        while self.left():
            self.assertTrue(one.run_once(self.stop))
        self.assertFalse(one.run_once(self.stop))

    def test_no_shard_has_it_to_itself(self):
        self.use(batch_size=1)
        self.put(*(drivers.entry(number, shard=1) for number in range(30)),
                 drivers.entry(99, shard=2))
        driver = drivers.Driver()
        one = self.relay(driver)
        self.assertTrue(one.run_once(self.stop))
        self.assertIn(99, [body['payload'] for body in driver.delivered])
        self.assertEqual(11, len(driver.delivered))
        while one.run_once(self.stop):
            pass
        self.assertEqual([], self.left())

    def test_drivers_that_cannot_be_loaded_now_are_loaded_later(self):
        path = self.home / 'authorities.pem'
        service = self.runtime(
            relay={'max_backoff': 1, 'interval': 0.05},
            oslo_messaging_notifications={'driver': 'qpid'},
            oslo_messaging_qpid={'hosts': 'amqps://localhost:1',
                                 'ssl_ca_file': path})
        thread = threading.Thread(target=relay.run_all,
                                  args=(service, self.stop))
        thread.start()
        self.addCleanup(thread.join, 60)
        self.addCleanup(self.stop.set)
        self.wait_until(lambda: 'stay in the outbox' in self.log.output)
        self.assertNotIn('relay-qpid', _threads())
        path.write_text(certificates.Authority().pem)
        self.wait_until(lambda: 'relay-qpid' in _threads())
        self.assertEqual(1, self.log.output.count('stay in the outbox'))

    def wait_until(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, self.log.output)
            time.sleep(0.02)


def _after(method, *then):
    def call(self, *arguments):
        try:
            return method(self, *arguments)
        finally:
            for each in then:
                each() if callable(each) else each.set()
    return call


def _threads():
    return {thread.name for thread in threading.enumerate()}


class TestLoadDrivers(base.TestCase):

    def conf(self, **groups):
        return config.load_config(
            ['--config-file', self.config_file(**groups)])

    def test_a_relay_waits_no_longer_than_its_lease_allows(self):
        for driver, group, name in (
                ('rabbit', 'oslo_messaging_rabbit_notify', 'timeout'),
                ('qpid', 'oslo_messaging_qpid', 'delivery_timeout')):
            notifications = {'driver': driver,
                             'transport_url': 'rabbit://127.0.0.1:1/'}
            self.assertEqual(
                f'[{group}] {name}: 20.5 seconds are too many for '
                f'usermsg-worker, which can wait for a third of [relay] '
                f'lease_ttl at most: 20 seconds.',
                str(self.assertRaises(
                    exception.ConfigurationError, relay.load_drivers,
                    self.conf(**{
                        'oslo_messaging_notifications': notifications,
                        group: {name: 20.5}}))))
            loader.close(relay.load_drivers(self.conf(**{
                'oslo_messaging_notifications': notifications,
                group: {name: 20.5}, 'relay': {'lease_ttl': 62}})))
            # Without a relay there is no lease.
            loader.close(loader.load(self.conf(**{
                'oslo_messaging_notifications': notifications,
                group: {name: 3600}})))
