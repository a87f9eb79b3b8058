# SPDX-License-Identifier: Apache-2.0
"""Storage of observations, and decisions about them, on all databases."""

from concurrent import futures
import dataclasses
import datetime
import signal
import subprocess
import sys
import threading

import fixtures

from usermsg.db import lease
from usermsg.db import models
from usermsg.listener import correlation
from usermsg.listener import correlator
from usermsg.objects import observation
from usermsg.objects import removal
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import correlating
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import image_observations as images
from usermsg.tests.fixtures import samples as message_samples
from usermsg.tests.unit.listener import test_correlation as samples

at, error, report = samples.at, samples.error, samples.report
state, upload = samples.state, samples.upload
task, waiting = samples.task, samples.waiting

FULL = 'IMAGE_IMAGE_003_002'

OPTIONS = {'listener': {'correlation_delay': correlating.DELAY}}

#: Text that a service could send where it should send an id or a constant.
RAW = '/var/lib/glance/secret'


#: Program that is killed between the decision and the transaction.
_KILLED = '''
import os
import signal
import sys
from usermsg import config
from usermsg import service
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import correlating
runtime = service.make_runtime(
    config.load_config(['--config-file', sys.argv[1]]))
correlating.Correlating(
    runtime, lambda failure: os.kill(os.getpid(), signal.SIGKILL)).decide()
'''


class TestCase(databases.TestCase):

    busy_timeout = 60

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('usermsg'))
        self.service = self.correlating(tables=True)

    def correlating(self, tables=False, **values):
        """Return the writer and correlator of another process."""
        return correlating.Correlating(
            self.runtime(tables=tables, **OPTIONS), **values)

    def expected(self, *observations):
        return samples.describe(images.correlations().decide(
            observations).failures)

    def assertMessages(self, *observations):
        expected = self.expected(*observations)
        self.assertNotEqual([], expected)
        self.assertEqual(expected, self.service.messages())


class TestWriter(TestCase):

    def test_observations_are_read_as_stored(self):
        items = [*upload('an-image', 1), error('STORE_FULL', 1),
                 report('a-key', 2, 'STORE_FULL', 'image-import', 'active')]
        self.service.store(items)
        names = self.service.correlations.names
        stored = []
        for shard in range(observation.SHARDS):
            stored += observation.undecided(
                self.service.db, shard, names, 10)
            stored += observation.causes(
                self.service.db, shard, names, at(0), at(1))
        self.assertEqual(
            sorted(map(repr, items)),
            sorted(repr(item.observation) for item in stored))

    def test_repeated_observations_are_stored_once(self):
        items = upload('an-image', 1) + [error('STORE_FULL', 1)]
        for batch in (items * 2, items[1:], items):
            self.service.store(batch)
        self.assertEqual(sorted(item.ident for item in items),
                         self.service.idents())

    def test_observations_are_stored_in_a_transaction_of_others(self):
        items = upload('an-image', 1) + [error('STORE_FULL', 1)]
        row = message_samples.row()

        def record(work):
            self.service.db.write(lambda connection: (
                work(connection), connection.execute(
                    models.messages.insert(), row)))

        def fail(work):
            self.service.db.write(lambda connection: (
                work(connection), 1 / 0))

        together = self.service.writer.store_together
        self.assertRaises(
            ZeroDivisionError, together, self.service.db, items, fail)
        self.assertEqual([], self.service.idents())
        self.assertTrue(together(self.service.db, items[:1], record))
        self.assertEqual([items[0].ident], self.service.idents())
        # A batch that is delivered again, in part.
        row = message_samples.row()
        self.assertFalse(together(self.service.db, items, record))
        self.assertEqual([items[0].ident], self.service.idents())
        self.assertEqual(1, len(self.service.rows(models.messages)))

    def test_concurrent_writers_store_each_observation_once(self):
        items = [state(f'image-{number}', 'saving', number)
                 for number in range(300)]
        writers = [self.correlating() for _number in range(4)]
        with futures.ThreadPoolExecutor(4) as threads:
            list(threads.map(
                lambda writer: [writer.store(items[first:first + 50])
                                for first in range(0, 300, 25)], writers))
        self.assertEqual(sorted(item.ident for item in items),
                         self.service.idents())

    def test_observations_over_limits_are_dropped_and_counted(self):
        for limits, number in (({'limit': 7}, 7), ({'shard_limit': 5}, 5)):
            self.service.db.write(lambda connection: connection.execute(
                models.observations.delete()))
            process = self.correlating(**limits)
            for first in range(0, 12, 3):
                process.store([error('STORE_FULL', first + second)
                               for second in range(3)])
            self.assertEqual(number, len(self.service.idents()))
            self.assertEqual(12 - number, self.dropped(process, 'full'))

    def test_limit_has_room_after_removal(self):
        now = 0
        process = self.correlating(limit=1, clock=lambda: now)
        process.store([error('STORE_FULL', 1)])
        self.service.db.write(lambda connection: connection.execute(
            models.observations.delete()))
        process.store([error('STORE_FULL', 2)])
        self.assertEqual([], self.service.idents())
        now = observation.LIMIT_TTL
        process.store([error('STORE_FULL', 3)])
        self.assertEqual(1, len(self.service.idents()))

    def test_invalid_observations_are_dropped_and_counted(self):
        valid = state('an-image', 'saving', 1)
        replace = dataclasses.replace
        invalid = [
            replace(valid, ident='i' * 65),
            replace(valid, ident='\0'),
            replace(valid, correlation='unknown'),
            replace(valid, publisher_id='\u00e9'),
            replace(valid, resource_uuid=None),
            replace(valid, failure=replace(valid.failure,
                                           project_id='p' * 65)),
            replace(valid, kind='failure', failure=None)]
        self.service.store([*invalid, valid])
        self.assertEqual([valid.ident], self.service.idents())
        self.assertEqual(len(invalid),
                         self.dropped(self.service, 'invalid'))

    def dropped(self, process, reason):
        return process.metrics.registry.get_sample_value(
            'usermsg_listener_observations_dropped_total',
            {'reason': reason})

    def test_unlisted_status_is_not_stored(self):
        items = [state('an-image', 'saving', 1), state('an-image', RAW, 2),
                 report('a-key', 3, status=RAW), error('STORE_FULL', 1)]
        self.service.store(items)
        self.assertNotRaw()
        self.service.set_age(correlating.DUE)
        self.service.decide()
        self.assertEqual(1, len(self.service.messages()))
        self.assertNotRaw()

    def assertNotRaw(self):
        text = repr([self.service.rows(table)
                     for table in models.metadata.sorted_tables])
        self.assertIn('an-image', text)
        # The ident of the sample contains its status.
        self.assertNotIn(RAW, text.replace(f'an-image {RAW}', ''))
        self.assertNotIn(RAW, self.log.output)

    def test_expired_rows_are_removed(self):
        self.service.store_due([state('an-image', 'saving', 1)])
        self.service.decide()
        self.service.store([error('STORE_FULL', 1)])
        later = datetime.datetime.now(
            datetime.timezone.utc) + datetime.timedelta(days=31)
        for rows in (removal.expired_observations(later),
                     removal.expired_resource_states(later)):
            self.assertEqual([1], list(removal.remove(
                self.service.db, rows)))


class TestDecisions(TestCase):

    def test_captures_give_expected_messages(self):
        expected = []
        for name in captures.NAMES:
            self.service.store_due(images.read(name))
            self.service.decide()
            expected += [
                (item['project_id'], item['resource_uuid'],
                 item['event_id'], item['message_level'])
                for item in images.read_expected(name)]
        self.assertEqual(sorted(expected), self.service.messages())

    def test_subject_waits_for_failure_without_resource(self):
        subject = waiting('subject', 'a-key', 1)
        self.service.store_due([subject])
        self.service.decide()
        # A second one is not stored.
        self.service.store_due([dataclasses.replace(
            subject, observed_at=at(2), status='active')])
        self.service.decide()
        self.assertEqual([subject.ident], self.service.idents())
        self.service.store_due([task('a-key', 3600)])
        self.service.decide()
        self.assertMessages(subject, task('a-key', 3600))
        self.assertEqual([], self.service.idents())

    def test_cancelled_failure_gives_no_message(self):
        self.service.store_due([
            waiting('subject', 'a-key', 1), waiting('cancel', 'a-key', 2)])
        self.service.decide()
        self.service.store_due([task('a-key', 3)])
        self.service.decide()
        self.assertEqual([], self.service.messages())
        self.assertEqual([], self.service.idents())

    def test_observations_wait_for_delay(self):
        items = [*upload('an-image', 1), error('STORE_FULL', 1),
                 report('a-key', 1)]
        self.service.store(items)
        self.service.decide()
        self.assertEqual([], self.service.messages())
        self.assertEqual(len(items), len(self.service.idents()))
        self.service.set_age(correlating.DUE)
        self.service.decide()
        self.assertMessages(*items)

    def test_cause_after_decision_has_no_effect(self):
        for items in (upload('an-image', 1), [error('STORE_FULL', 1)]):
            self.service.store_due(items)
            self.service.decide()
        self.assertEqual([], self.service.messages())

    def test_observations_in_parts_give_the_same_messages(self):
        items = [error('STORE_FULL', 1), *upload('an-image', 1)]
        for item in items:
            self.service.store_due([item])
            self.service.decide()
        self.assertMessages(*items)

    def test_repeated_delivery_gives_no_second_message(self):
        items = [*upload('an-image', 1), error('STORE_FULL', 1),
                 report('a-key', 1, 'STORE_FULL')]
        for _number in range(3):
            self.service.store_due(items)
            self.service.decide()
        self.assertMessages(*items)

    def test_claimed_cause_is_not_claimed_again(self):
        cause = error('STORE_FULL', 1)
        self.service.store_due([*upload('an-image', 1), cause])
        self.service.decide()
        [row] = self.service.rows(models.observations)
        self.assertEqual((cause.ident, 1), (row.ident, row.claimed))
        self.service.store_due([report(
            'a-key', 1, name='image-import', resource='imported')])
        self.service.decide()
        self.assertEqual(
            ['IMAGE_IMAGE_002_001', FULL],
            sorted(event for _, _, event, _ in self.service.messages()))

    def test_small_pages_give_the_same_messages(self):
        items = []
        for number in range(40):
            items += [*upload(f'image-{number}', 5 * number),
                      error('STORE_FULL', 5 * number),
                      report(f'key-{number}', number)]
        process = self.correlating(page_size=3)
        process.store_due(items)
        for _number in range(10):
            process.decide()
        self.assertMessages(*items)

    def test_cause_is_removed_after_twice_the_delay(self):
        self.service.store([error('STORE_FULL', 1)])
        for age, number in ((correlating.DUE, 1),
                            (2 * correlating.DELAY, 0)):
            self.service.set_age(age)
            self.service.decide()
            self.assertEqual(number, len(self.service.idents()))

    def test_interrupted_consumers_delay_decisions(self):
        now, is_steady = 0, False
        process = self.correlating(hold={
            'is_steady': lambda seconds: is_steady,
            'monotonic': lambda: now})
        items = [*upload('an-image', 1), error('STORE_FULL', 1)]
        process.store_due(items)
        process.decide()
        now = correlating.DELAY + correlator.MAX_HOLD - 1
        process.decide()
        self.assertEqual([], process.messages())
        is_steady = True
        process.decide()
        self.assertMessages(*items)

    def test_long_interruption_delays_no_decision_for_ever(self):
        now = 0
        process = self.correlating(hold={
            'is_steady': lambda seconds: False, 'monotonic': lambda: now})
        items = [*upload('an-image', 1), error('STORE_FULL', 1)]
        later = error('STORE_FULL', 100)
        process.store([*items, later])
        process.set_age(3 * correlating.DELAY)
        process.decide()
        self.assertEqual([], process.messages())
        now = correlating.DELAY + correlator.MAX_HOLD
        process.decide()
        self.assertMessages(*items)
        # Its states may be in the queue of the broker that is unavailable.
        self.assertIn(later.ident, process.idents())

    def test_cause_is_kept_for_undecided_state(self):
        cause = error('STORE_FULL', 1)
        self.service.store([cause])
        self.service.set_age(3 * correlating.DELAY)
        items = upload('an-image', 1.5)
        self.service.store(items)
        self.service.decide()
        self.assertIn(cause.ident, self.service.idents())
        self.service.set_age(2 * correlating.DELAY)
        self.service.decide()
        self.assertMessages(cause, *items)
        self.assertEqual([], self.service.idents())

    def test_staging_ends_with_import_by_another_host(self):
        for status, seconds, publisher in (
                ('uploading', 1, 'image.b'), ('importing', 20, 'image.a'),
                ('queued', 100, 'image.b')):
            self.service.store_due([state(
                'an-image', status, seconds, name='image-staging',
                publisher=publisher)])
            self.service.decide()
        self.assertEqual([], self.service.messages())

    def test_results_are_counted(self):
        self.service.store_due([*upload('an-image', 1),
                                error('STORE_FULL', 1),
                                *upload('another', 50)])
        self.service.decide()
        for result in (correlation.CORRELATED, correlation.UNPROVEN):
            self.assertEqual(1, self.service.metrics.registry.
                             get_sample_value(
                                 'usermsg_listener_correlations_total',
                                 {'correlation': 'image-upload',
                                  'result': result}))


class Stop(threading.Event):
    """Event that is set by the first wait.

    :ivar waited: seconds
    """

    def wait(self, timeout=None):
        self.waited = timeout
        self.set()
        return True


class TestProcesses(TestCase):

    def items(self):
        """Return failed uploads of 40 publishers, and their observations."""
        items = []
        for number in range(40):
            publisher = f'image.host{number}'
            items += [*upload(f'image-{number}', 1, publisher=publisher),
                      error('STORE_FULL', 1, publisher=publisher)]
        return items

    def test_two_correlators_record_each_failure_once(self):
        items = self.items()
        self.service.store_due(items)
        processes = [self.correlating() for _number in range(2)]
        stop = threading.Event()
        self.addCleanup(stop.set)
        with futures.ThreadPoolExecutor(2) as threads:
            try:
                runs = [threads.submit(process.correlator.run, stop)
                        for process in processes]
                while len(self.service.idents()) > 40:
                    stop.wait(0.1)
            finally:
                stop.set()
            for run in runs:
                run.result()
        self.assertMessages(*items)
        self.assertEqual(40, sum(
            process.metrics.registry.get_sample_value(
                'usermsg_listener_correlations_total',
                {'correlation': 'image-upload', 'result': 'correlated'}) or 0
            for process in processes))

    def test_killed_correlator_changes_nothing(self):
        items = self.items()
        self.service.store_due(items)
        stored = self.service.idents()
        path = self.config_file(database={'connection': self.url}, **OPTIONS)
        process = subprocess.run([sys.executable, '-c', _KILLED, path])
        self.assertEqual(-signal.SIGKILL, process.returncode)
        self.assertEqual([], self.service.messages())
        self.assertEqual(stored, self.service.idents())
        self.expire_leases()
        self.service.decide()
        self.assertMessages(*items)

    def test_frozen_correlator_loses_its_lease(self):
        items = [*upload('an-image', 1), error('STORE_FULL', 1)]
        self.service.store_due(items)

        def freeze(failure):
            self.expire_leases()
            self.service.decide()

        self.correlating(before_commit=freeze).decide()
        self.assertMessages(*items)
        self.assertIn('ended early', self.log.output)

    def test_shard_of_other_process_is_not_decided(self):
        items = [*upload('an-image', 1), error('STORE_FULL', 1)]
        self.service.store_due(items)
        shard = observation.shard_of('image.host')
        other = lease.Lease(self.service.db, f'correlator-{shard}', 600)
        self.assertTrue(other.acquire())
        self.service.decide()
        self.assertEqual([], self.service.messages())
        other.release()
        self.service.decide()
        self.assertMessages(*items)

    def expire_leases(self):
        self.service.db.write(lambda connection: connection.execute(
            models.leases.update().values(
                until=datetime.datetime(2000, 1, 1))))

    def test_failed_pass_is_logged_without_content(self):
        items = [*upload('an-image', 1), error('STORE_FULL', 1)]
        self.service.store_due(items)
        stop = Stop()

        def fail(failure):
            raise ValueError(RAW)

        self.correlating(before_commit=fail).correlator.run(stop)
        self.assertEqual(10, stop.waited)
        self.assertIn('ValueError', self.log.output)
        self.assertNotIn(RAW, self.log.output)
        self.service.decide()
        self.assertMessages(*items)
