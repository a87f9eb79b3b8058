# SPDX-License-Identifier: Apache-2.0
"""Metrics of the outbox."""

import threading

import prometheus_client
import sqlalchemy as sa

from usermsg.db import models
from usermsg.objects import outbox
from usermsg.outbox import metrics
from usermsg.tests import base
from usermsg.tests.fixtures import outbox_samples

WAITING = 'usermsg_outbox_pending'
SET_ASIDE = 'usermsg_outbox_dead_letters'
OLDEST = 'usermsg_outbox_oldest_pending_age_seconds'


class TestFigures(base.TestCase):

    def figures(self, runtime, **options):
        self.registry = prometheus_client.CollectorRegistry()
        self.registry.register(metrics.BacklogCollector(
            runtime.db, ('rabbit',), **{'timeout': 60, **options}))

    def value(self, name, driver='rabbit'):
        return self.registry.get_sample_value(name, {'driver': driver})

    def insert(self, runtime, *entries):
        runtime.db.write(
            lambda connection: outbox.insert(connection, entries))

    def test_each_driver_has_them(self):
        runtime = self.runtime()
        self.insert(runtime, *map(outbox_samples.entry, range(3)),
                    outbox_samples.entry(3, set_aside=1),
                    outbox_samples.entry(4, driver='gone', set_aside=1))
        self.figures(runtime)
        self.assertEqual((3, 1), (self.value(WAITING), self.value(SET_ASIDE)))
        self.assertGreater(self.value(OLDEST), 3600)
        self.assertEqual((0, 1, 0), tuple(
            self.value(name, 'gone') for name in (WAITING, SET_ASIDE, OLDEST)))

    def test_a_driver_for_which_nothing_waits_has_zero(self):
        self.figures(self.runtime())
        self.assertEqual((0, 0, 0), tuple(
            self.value(name) for name in (WAITING, SET_ASIDE, OLDEST)))

    def test_they_are_kept_for_some_time(self):
        runtime = self.runtime()
        self.figures(runtime, ttl=3600)
        self.assertEqual(0, self.value(WAITING))
        self.insert(runtime, outbox_samples.entry())
        self.assertEqual(0, self.value(WAITING))
        self.figures(runtime, ttl=0)
        self.assertEqual(1, self.value(WAITING))

    def test_without_a_database_there_are_none(self):
        runtime = self.runtime()
        self.figures(runtime, ttl=0, stale=0)
        with runtime.db.engine().begin() as connection:
            models.outbox.drop(connection)
        self.assertIsNone(self.value(WAITING))
        models.metadata.create_all(runtime.db.engine())
        self.figures(runtime, ttl=0)
        self.assertEqual(0, self.value(WAITING))

    def test_a_database_that_says_nothing_holds_up_no_scrape(self):
        runtime = self.runtime()
        answers = threading.Event()
        self.addCleanup(answers.set)
        sa.event.listen(
            runtime.db.engine(), 'before_cursor_execute',
            lambda *_: answers.wait())
        self.figures(runtime, ttl=0, timeout=0.05)
        self.assertIsNone(self.value(WAITING))
        # Nor does the next one ask once more.
        threads = threading.active_count()
        self.assertIsNone(self.value(WAITING))
        self.assertEqual(threads, threading.active_count())
