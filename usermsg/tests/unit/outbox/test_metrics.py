# SPDX-License-Identifier: Apache-2.0
import threading

import prometheus_client
import sqlalchemy as sa

from usermsg.db import models
from usermsg.objects import outbox
from usermsg.outbox import metrics
from usermsg.tests import base
from usermsg.tests.fixtures import outbox_samples

PENDING = 'usermsg_outbox_pending'
DEAD_LETTERS = 'usermsg_outbox_dead_letters'
OLDEST = 'usermsg_outbox_oldest_pending_age_seconds'


class TestBacklogCollector(base.TestCase):

    def register(self, runtime, **options):
        self.registry = prometheus_client.CollectorRegistry()
        self.registry.register(metrics.BacklogCollector(
            runtime.db, ('rabbit',), **{'timeout': 60, **options}))

    def value(self, name, driver='rabbit'):
        return self.registry.get_sample_value(name, {'driver': driver})

    def insert(self, runtime, *entries):
        runtime.db.write(
            lambda connection: outbox.insert(connection, entries))

    def test_backlog_of_each_driver(self):
        runtime = self.runtime()
        self.insert(runtime, *map(outbox_samples.entry, range(3)),
                    outbox_samples.entry(3, set_aside=1),
                    outbox_samples.entry(4, driver='gone', set_aside=1))
        self.register(runtime)
        self.assertEqual(
            (3, 1), (self.value(PENDING), self.value(DEAD_LETTERS)))
        self.assertGreater(self.value(OLDEST), 3600)
        self.assertEqual((0, 1, 0), tuple(
            self.value(name, 'gone')
            for name in (PENDING, DEAD_LETTERS, OLDEST)))

    def test_configured_driver_without_entries_has_zeros(self):
        self.register(self.runtime())
        self.assertEqual((0, 0, 0), tuple(
            self.value(name) for name in (PENDING, DEAD_LETTERS, OLDEST)))

    def test_metrics_are_cached_for_ttl_seconds(self):
        runtime = self.runtime()
        self.register(runtime, ttl=3600)
        self.assertEqual(0, self.value(PENDING))
        self.insert(runtime, outbox_samples.entry())
        self.assertEqual(0, self.value(PENDING))
        self.register(runtime, ttl=0)
        self.assertEqual(1, self.value(PENDING))

    def test_missing_table_returns_no_metrics(self):
        runtime = self.runtime()
        self.register(runtime, ttl=0, stale=0)
        with runtime.db.engine().begin() as connection:
            models.outbox.drop(connection)
        self.assertIsNone(self.value(PENDING))
        models.metadata.create_all(runtime.db.engine())
        self.register(runtime, ttl=0)
        self.assertEqual(0, self.value(PENDING))

    def test_frozen_database_does_not_block_scrapes(self):
        runtime = self.runtime()
        unblock = threading.Event()
        self.addCleanup(unblock.set)
        sa.event.listen(
            runtime.db.engine(), 'before_cursor_execute',
            lambda *_: unblock.wait())
        self.register(runtime, ttl=0, timeout=0.05)
        self.assertIsNone(self.value(PENDING))
        # The next scrape doesn't start another query.
        threads = threading.active_count()
        self.assertIsNone(self.value(PENDING))
        self.assertEqual(threads, threading.active_count())
