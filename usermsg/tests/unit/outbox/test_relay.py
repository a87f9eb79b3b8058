# SPDX-License-Identifier: Apache-2.0
"""Order, attempts and isolation of failures in the relay."""

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
    """Return a judge that fails notifications with these payloads."""
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
        """Make a runtime with these options of the relay."""
        self.service = self.runtime(relay={**self.options, **options})
        self.db = self.service.db

    def put(self, *rows):
        return drivers.put(self.db, *rows)

    def relay(self, driver, name='one'):
        if hasattr(driver, 'close'):
            self.addCleanup(driver.close)
        return relay.Relay(self.service, name, driver)

    def run_passes(self, driver_relay, number=1):
        """Run shard passes, each after all delays.

        :returns: True if the last one could deliver
        """
        for _ in range(number):
            drivers.clear_backoff(self.db)
            available = False
            with contextlib.suppress(relay.Unavailable):
                driver_relay.run_once(self.stop)
                available = True
        return available

    def undelivered(self, dead_letters=None, driver=None):
        """Return the entries that are still in the outbox."""
        return [entry for page in entries.pages(self.db, entries.EntryFilter(
            dead_letters=dead_letters, drivers=(driver,) if driver else ()))
            for entry in page]

    def undelivered_ids(self, **filters):
        return [entry.id for entry in self.undelivered(**filters)]


class TestOrder(TestCase):

    def test_entries_of_a_subject_are_delivered_in_order(self):
        for driver in (drivers.Driver(), drivers.Window()):
            put = self.put(*(drivers.entry(number, subject=f'{number % 3}')
                             for number in range(12)))
            self.assertTrue(self.run_passes(self.relay(driver)))
            for subject in range(3):
                self.assertEqual(
                    put[subject::3],
                    [ident for ident in driver.ids()
                     if ident in put[subject::3]])
            self.assertEqual([], self.undelivered())

    def test_failed_entry_blocks_later_entries_of_its_subject(self):
        for kind in (drivers.Driver, drivers.Window):
            put = self.put(drivers.entry(0, subject='a'),
                           drivers.entry(1, subject='b'),
                           drivers.entry(2, subject='a'))
            driver = kind(failing(0))
            driver_relay = self.relay(driver)
            self.run_passes(driver_relay, 3)
            self.assertEqual([put[1]], driver.ids())
            driver.on_notify = failing()
            self.run_passes(driver_relay)
            self.assertEqual([put[1], put[0], put[2]], driver.ids())


class TestFailure(TestCase):

    options = {'max_attempts': 3}

    def test_unavailable_driver_does_not_affect_another_driver(self):
        up, down = drivers.Driver(), drivers.Driver(failing(0, 1))
        for number in range(2):
            self.put(drivers.entry(number),
                     drivers.entry(number, driver='two'))
        for driver_relay in (self.relay(up), self.relay(down, 'two')):
            self.run_passes(driver_relay, 3)
        self.assertEqual([0, 1], [body['payload'] for body in up.delivered])
        self.assertEqual([('two', 0), ('two', 0)], [
            (entry.driver, entry.attempts) for entry in self.undelivered()])

    def test_rejected_entry_is_dead_letter_and_others_are_sent(self):
        for kind in (drivers.Driver, drivers.Window):
            driver = kind(failing(1, error=errors.Rejected))
            if kind is drivers.Window:
                driver = kind(driver.on_notify, together=False)
            put = self.put(*(drivers.entry(number) for number in range(3)))
            self.assertTrue(self.run_passes(self.relay(driver)))
            self.assertEqual([put[0], put[2]], driver.ids())
            self.assertIn((put[1], 1, 'a reason'), [
                (entry.id, entry.set_aside, entry.reason)
                for entry in self.undelivered()])
            self.assertIn(put[1], self.log.output)

    def test_entry_that_closes_the_connection_is_isolated(self):
        driver = drivers.Window(failing(7))
        put = self.put(*(drivers.entry(number) for number in range(40)))
        driver_relay = self.relay(driver)
        for attempts in (1, 2):
            self.run_passes(driver_relay)
            self.assertEqual([(put[7], attempts)], [
                (entry.id, entry.attempts) for entry in self.undelivered()])
            put += self.put(drivers.entry(100 + attempts))
        self.run_passes(driver_relay)
        self.assertEqual([put[7]], self.undelivered_ids(dead_letters=True))
        self.assertEqual([], self.undelivered(dead_letters=False))
        self.assertEqual(sorted(set(put) - {put[7]}), sorted(driver.ids()))
        # The entry that had failed before was sent alone: the others needed no
        # second attempt.
        tries = collections.Counter(driver.tried)
        self.assertEqual([1, 1], [tries[ident] for ident in put[40:42]])

    def fail_each_fifth(self, driver):
        self.use(max_attempts=2)
        failing_numbers = range(0, 250, 5)
        driver.on_notify = failing(*failing_numbers)
        put = self.put(*(drivers.entry(number) for number in range(250)))
        failing_ids = put[::5]
        deliverable_ids = set(put) - set(failing_ids)
        driver_relay = self.relay(driver)
        self.run_passes(driver_relay)
        self.assertEqual(sorted(deliverable_ids), sorted(driver.ids()))
        self.assertEqual(sorted(failing_ids),
                         self.undelivered_ids(dead_letters=False))
        # New entries don't wait meanwhile.
        for number in range(250, 500):
            new, = self.put(drivers.entry(number))
            self.run_passes(driver_relay)
            self.assertEqual(new, driver.ids()[-1])
            if len(self.undelivered(dead_letters=True)) == 50:
                break
        self.assertEqual(sorted(failing_ids),
                         self.undelivered_ids(dead_letters=True))
        self.assertEqual(len(deliverable_ids) + number - 249,
                         len(driver.delivered))

    def test_each_fifth_of_many_fails_one_by_one(self):
        self.fail_each_fifth(drivers.Driver())

    def test_each_fifth_of_many_fails_in_batches(self):
        self.fail_each_fifth(drivers.Window(together=False))

    def test_failing_shard_does_not_block_other_shards(self):
        self.use(max_attempts=2)
        for kind in (drivers.Driver, drivers.Window):
            driver = kind(failing(*range(10)))
            driver_relay = self.relay(driver)
            failing_ids = self.put(*(
                drivers.entry(number, shard=3) for number in range(10)))
            deliverable_ids = self.put(*(
                drivers.entry(number, shard=20) for number in range(10, 20)))
            self.run_passes(driver_relay, 3)
            self.assertEqual(sorted(deliverable_ids), sorted(driver.ids()))
            for number in range(20, 120):
                self.put(drivers.entry(number, shard=1 + number % 30))
                self.run_passes(driver_relay)
                if not self.undelivered(dead_letters=False):
                    break
            self.assertLessEqual(
                set(failing_ids), set(self.undelivered_ids(dead_letters=True)))
            self.assertFalse(set(failing_ids) & set(driver.ids()))
            self.assertEqual([], self.undelivered(dead_letters=False))

    def test_two_failing_shards_do_not_block_other_shards(self):
        driver = drivers.Driver(failing(0, 1))
        self.put(drivers.entry(0, shard=3), drivers.entry(1, shard=17))
        deliverable_ids = self.put(
            drivers.entry(2, shard=10), drivers.entry(3, shard=9))
        self.run_passes(self.relay(driver), 4)
        self.assertEqual(sorted(deliverable_ids), sorted(driver.ids()))

    def test_outage_counts_no_failed_attempts(self):
        for kind in (drivers.Driver, drivers.Window):
            driver = kind(failing(*range(60)))
            put = self.put(*(drivers.entry(number, shard=number % 20)
                             for number in range(60)))
            driver_relay = self.relay(driver)
            self.run_passes(driver_relay, 8)
            self.assertEqual([(ident, 0, 0) for ident in put], [
                (entry.id, entry.set_aside, entry.attempts)
                for entry in self.undelivered()])
            driver.on_notify = failing()
            self.run_passes(driver_relay)
            self.assertEqual(sorted(put), sorted(driver.ids()))

    def test_unavailable_broker_gets_few_attempts(self):
        driver = drivers.Driver(failing(*range(900)))
        self.put(*(drivers.entry(number, shard=number % 30)
                   for number in range(900)))
        driver_relay = self.relay(driver)
        self.run_passes(driver_relay, 10)
        self.assertLess(len(driver.tried), 60)

    def test_repeated_outages_lose_no_notification(self):
        # The broker accepts ten per pass and then becomes unavailable.
        accepted = []

        def judge(body):
            if len(accepted) == 10:
                raise errors.NotDelivered('gone')
            accepted.append(body)

        for kind in (drivers.Driver, drivers.Window):
            driver = kind(judge)
            if kind is drivers.Window:
                driver = kind(judge, together=False)
            driver_relay = self.relay(driver)
            put = self.put(*(drivers.entry(number) for number in range(100)))
            for _ in range(25):
                accepted.clear()
                self.run_passes(driver_relay)
            self.assertEqual(sorted(put), sorted(driver.ids()))
            self.assertEqual([], self.undelivered())

    def test_entry_over_max_age_is_dead_letter(self):
        over_max_age = datetime.datetime.now() - datetime.timedelta(days=8)
        put = self.put(drivers.entry(0, queued_at=over_max_age),
                       drivers.entry(1))
        driver = drivers.Driver()
        self.run_passes(self.relay(driver))
        self.assertEqual([put[1]], driver.ids())
        self.assertEqual([(put[0], failure_policy.TOO_OLD)], [
            (entry.id, entry.reason)
            for entry in self.undelivered(dead_letters=True)])

    def test_malformed_entry_is_dead_letter(self):
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
        self.assertTrue(self.run_passes(self.relay(driver)))
        self.assertEqual(put[-1:], driver.ids())
        self.assertEqual(
            [(ident, failure_policy.UNREADABLE) for ident in put[:-1]],
            [(entry.id, entry.reason)
             for entry in self.undelivered(dead_letters=True)])
        self.assertNotIn('Traceback', self.log.output)

    def test_any_exception_of_a_driver_fails_only_its_entry(self):
        for kind in (drivers.Driver, drivers.Window):
            judge = failing(1, error=lambda text: ZeroDivisionError(
                'a secret'))
            driver = (drivers.Window(judge, together=False)
                      if kind is drivers.Window else kind(judge))
            put = self.put(*(drivers.entry(number) for number in range(3)))
            driver_relay = self.relay(driver)
            self.run_passes(driver_relay)
            self.assertEqual(sorted([put[0], put[2]]), sorted(driver.ids()))
            self.assertEqual([('ZeroDivisionError', 1)], [
                (entry.reason, entry.attempts)
                for entry in self.undelivered(dead_letters=False)])
            for number in (10, 11):
                self.put(drivers.entry(number))
                self.run_passes(driver_relay)
            self.assertIn(put[1], self.undelivered_ids(dead_letters=True))
        self.assertNotIn('a secret', self.log.output)
        self.assertNotIn('Traceback', self.log.output)

    def test_any_exception_of_submit_fails_only_its_entry(self):
        class Broken(drivers.Window):
            def submit(self, ctxt, msg, priority):
                failing(1, error=lambda text: TypeError('a secret'))(msg)
                return super().submit(ctxt, msg, priority)

        driver = Broken()
        put = self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.run_passes(self.relay(driver)))
        self.assertEqual([put[0], put[2]], driver.ids())
        self.assertEqual(
            ['TypeError'], [entry.reason for entry in self.undelivered()])
        self.assertNotIn('a secret', self.log.output)

    def test_unconfirmed_entry_is_retried(self):
        class Silent(drivers.Window):
            def submit(self, ctxt, msg, priority):
                if msg['payload'] == 1:
                    return drivers.futures.Future()
                return super().submit(ctxt, msg, priority)

        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.outbox.relay._BATCH_TIMEOUT', 0.05))
        driver = Silent()
        put = self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.run_passes(self.relay(driver)))
        self.assertEqual([put[0], put[2]], driver.ids())
        self.assertEqual(['not confirmed in time'],
                         [entry.reason for entry in self.undelivered()])

    def test_driver_timeout_extends_the_batch_timeout(self):
        class Slow(drivers.Window):
            timeout, timeout_option = 60, 'an option'

            def _confirm(self, window):
                self.tried += [body['message_id'] for _future, body in window]
                # Longer than the relay's batch timeout.
                threading.Event().wait(0.3)
                for future, body in window:
                    self.delivered.append(body)
                    future.set_result(None)

        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.outbox.relay._BATCH_TIMEOUT', 0.05))
        driver = Slow()
        put = self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.run_passes(self.relay(driver)))
        self.assertEqual(put, sorted(driver.tried))
        self.assertEqual([], self.undelivered())

    def test_any_reason_of_a_broker_can_be_stored(self):
        driver = drivers.Driver(failing(
            1, error=lambda text: errors.Rejected(f'a\0b\n\udcff{"c" * 300}')
        ))
        self.put(*(drivers.entry(number) for number in range(3)))
        self.assertTrue(self.run_passes(self.relay(driver)))
        self.assertEqual([f'a b  {"c" * 250}'],
                         [entry.reason for entry in self.undelivered()])


class TestRun(TestCase):

    options = {'poll_interval': 0.05, 'max_backoff': 1}

    def start(self, driver_relay):
        thread = threading.Thread(target=driver_relay.run, args=(self.stop,))
        thread.start()
        self.addCleanup(thread.join, 60)
        self.addCleanup(self.stop.set)
        return thread

    def test_outage_and_recovery_are_logged_once(self):
        tried, go = threading.Semaphore(0), []

        def judge(body):
            tried.release()
            if not go:
                raise errors.NotDelivered('a reason')

        driver = drivers.Driver(judge)
        put = self.put(drivers.entry(0))
        # Formatted as in the log of a service.
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatters.ContextFormatter(
            config=self.service.conf))
        logger = logging.getLogger('usermsg')
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        thread = self.start(self.relay(driver))
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
            ['ERROR Notifications stay in the outbox, because driver one '
             'cannot deliver them: a reason',
             'INFO Driver one delivers again'],
            self.log.output.splitlines())

    def test_empty_pass_is_not_logged_as_recovery(self):
        driver_relay = self.relay(drivers.Driver(failing(0)))
        self.put(drivers.entry(0))
        driver_relay._back_off(relay.Unavailable('a reason'))
        self.service.db.write(lambda connection: entries.postpone(
            connection, 'one', self.undelivered_ids(),
            datetime.datetime.now(datetime.timezone.utc) +
            datetime.timedelta(days=1), 'a reason'))
        ended = threading.Event()
        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.outbox.relay.Relay.run_once',
            _after(relay.Relay.run_once, self.stop.set, ended)))
        driver_relay.run(self.stop)
        self.assertTrue(ended.is_set())
        self.assertNotIn('delivers again', self.log.output)

    def test_failing_entry_does_not_delay_new_entries(self):
        driver = drivers.Driver(failing(0))
        driver_relay = self.relay(driver)
        stuck = self.put(drivers.entry(0))
        self.assertRaises(relay.Unavailable, driver_relay.run_once, self.stop)
        for number in (1, 2):
            self.put(drivers.entry(number))
            # The later passes don't raise Unavailable.
            driver_relay.run_once(self.stop)
        self.assertEqual([1, 2], [body['payload']
                                  for body in driver.delivered])
        self.assertEqual([(stuck[0], 0, 0)], [
            (entry.id, entry.attempts, entry.set_aside)
            for entry in self.undelivered()])
        self.assertEqual([], [
            sample for metric in self.service.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == 'usermsg_delivery_failures_total' and
            sample.value])

    def test_stop_ends_the_relay_within_a_batch(self):
        def judge(body):
            if body['payload'] == 2:
                self.stop.set()

        driver = drivers.Driver(judge)
        put = self.put(*(drivers.entry(number) for number in range(50)))
        self.relay(driver).run(self.stop)
        self.assertEqual(put[:3], driver.ids())
        self.assertEqual(put[3:], self.undelivered_ids())

    def test_stop_ends_the_relay_between_single_attempts(self):
        def judge(body):
            if len(driver.tried) > 60:
                self.stop.set()
            failing(0)(body)

        driver = drivers.Window(judge)
        self.put(*(drivers.entry(number) for number in range(50)))
        self.relay(driver).run(self.stop)
        self.assertLess(len(driver.tried), 70)

    def test_failing_close_does_not_prevent_other_closes(self):
        class Broken(drivers.Driver):
            def close(self):
                raise ZeroDivisionError('a secret')

        window = drivers.Window()
        loader.close({'broken': Broken(), 'plain': drivers.Driver(),
                      'window': window})
        self.assertFalse(window._thread.is_alive())
        self.assertEqual('ERROR The notification driver "broken" failed to '
                         'close: ZeroDivisionError\n', self.log.output)

    def test_run_once_returns_true_while_more_is_pending(self):
        self.use(batch_size=2)
        self.put(*(drivers.entry(number) for number in
                   (1, 2, 3, 3596, 3597, 3598, 3599)))
        driver_relay = self.relay(drivers.Driver())
        while self.undelivered():
            self.assertTrue(driver_relay.run_once(self.stop))
        self.assertFalse(driver_relay.run_once(self.stop))

    def test_large_shard_leaves_turns_to_other_shards(self):
        self.use(batch_size=1)
        self.put(*(drivers.entry(number, shard=1) for number in range(30)),
                 drivers.entry(99, shard=2))
        driver = drivers.Driver()
        driver_relay = self.relay(driver)
        self.assertTrue(driver_relay.run_once(self.stop))
        self.assertIn(99, [body['payload'] for body in driver.delivered])
        self.assertEqual(11, len(driver.delivered))
        while driver_relay.run_once(self.stop):
            pass
        self.assertEqual([], self.undelivered())

    def test_unloadable_drivers_are_loaded_later(self):
        path = self.home / 'authorities.pem'
        service = self.runtime(
            relay={'max_backoff': 1, 'poll_interval': 0.05},
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


def _after(method, *actions):
    """Wrap a method: afterwards call the functions and set the events."""
    def call(self, *arguments):
        try:
            return method(self, *arguments)
        finally:
            for action in actions:
                action() if callable(action) else action.set()
    return call


def _threads():
    return {thread.name for thread in threading.enumerate()}


class TestLoadDrivers(base.TestCase):

    def conf(self, **groups):
        return config.load_config(
            ['--config-file', self.config_file(**groups)])

    def test_driver_timeout_over_a_third_of_the_lease_is_invalid(self):
        for driver, group, name in (
                ('rabbit', 'oslo_messaging_rabbit_notify',
                 'delivery_timeout'),
                ('qpid', 'oslo_messaging_qpid', 'delivery_timeout')):
            notifications = {'driver': driver,
                             'transport_url': 'rabbit://127.0.0.1:1/'}
            self.assertEqual(
                f'[{group}] {name}: 20.5 seconds are too long for '
                f'usermsg-worker, which can wait for at most a third of '
                f'[relay] lease_ttl: 20 seconds.',
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
